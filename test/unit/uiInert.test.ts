import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { MAX_LINE_LENGTH, codeBlock, inert, inertBlock, inertInMarkdown } from '../../src/ui/inert';

/**
 * Matches what VS Code (1.100 to 1.139) treats as a link in prompts, notifications and titles of progress, where a line
 * break counts as a space.
 */
const LINK = /\[[^\]]+\]\((?:https?:\/\/|command:|file:)[^)\s]+(?: (["']).+?\1)?\)/i;
/** Matches what VS Code draws as an icon in prompts, status items and lists. */
const ICON = /\$\([A-Za-z0-9-]+(?:~[A-Za-z]+)?\)/;
/** Matches what Markdown (GFM) treats as an address by itself. */
const ADDRESS = /https?:\/\/|ftp:\/\/|www\.|[\w.+-]@[\w-]/i;
const WORD_JOINER = /\u2060/g;

const HOSTILE = '[Sign in again](command:workbench.action.terminal.new?%7B%22config%22%3A%7B%7D%7D)';
const pieces = fc.constantFrom(
  '[',
  ']',
  '(',
  ')',
  '](',
  '[a](command:x)',
  '[a](https://evil.example "t")',
  '$(',
  '$(zap)',
  '$(sync~spin)',
  '\\',
  '$',
  'command:',
  'https://',
  'file:',
  'x',
  ' ',
  '\n',
  '\r',
  '\t',
  '\0',
  '\x1b',
  '\x1b[31m',
  '\x1b]8;;command:x\x07',
  '\u202e',
  '\u2066',
  '\u2060',
  '\ufeff',
  '\ud83d',
  '\udd25',
  '🔥',
  'é',
  '`',
  '```',
  '   ```',
  '~~~',
  '<a href="command:x">',
  '![](https://evil.example/x)',
  'www.',
  '@',
);
const hostile = fc.array(pieces, { maxLength: 60 }).map((all) => all.join(''));
const readable = fc
  .array(fc.constantFrom('[', ']', '(', ')', '$', 'a', 'command:x', ' ', 'é', '🔥', '\\', '{', '"'), { maxLength: 60 })
  .map((all) => all.join(''));

describe('text that VS Code shows', () => {
  it('never becomes a link or an icon', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        for (const shown of [
          inert(text),
          inertInMarkdown(text),
          inertBlock(text).replaceAll('\n', ' '),
          inert(`[${text}`) + inert(`(${text})`),
        ]) {
          assert.doesNotMatch(shown, LINK);
          assert.doesNotMatch(shown, ICON);
        }
        assert.doesNotMatch(inert(text), /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
        assert.doesNotMatch(inertInMarkdown(text), ADDRESS);
      }),
    );
  });

  it('does not become a link or an icon when two texts are joined', () => {
    for (const [first, second] of [
      ['[file:]', '(file:])'],
      ['[a]', '(command:x)'],
      ['$', '(zap)'],
    ] as const) {
      assert.doesNotMatch(inert(first) + inert(second), LINK);
      assert.doesNotMatch(inert(first) + inert(second), ICON);
    }
  });

  it('looks as it was written', () => {
    fc.assert(fc.property(readable, (text) => assert.equal(inert(text).replace(WORD_JOINER, ''), text)));
    for (const prompt of ['Choose [a](b): ', '$(x)', 'arr[0](1)', 'Name? ', 'שם: \u200f']) {
      assert.equal(inert(prompt).replace(WORD_JOINER, ''), prompt);
    }
    assert.equal(inert('Name? '), 'Name? ');
  });

  it('is one line without terminal sequences and without characters that reverse or hide text', () => {
    assert.equal(inert('\x1b[1;31mName\x1b[0m:\r\n\tfirst\u2028last\0\u202egnp.exe'), 'Name:  first lastgnp.exe');
    assert.equal(inert('\x1b]8;;command:x\x07press\x1b]8;;\x07'), 'press');
  });

  it('does not become a link when characters between its brackets are removed', () => {
    for (const between of ['\0', '\x1b[0m', '\u202e', '\ufeff', '\x1b]0;\x07']) {
      assert.doesNotMatch(inert(HOSTILE.replace('](', `]${between}(`)), LINK);
    }
  });

  it('loses its middle if it is too long, in time that is linear in its length', () => {
    fc.assert(
      fc.property(hostile, fc.integer({ min: 10, max: 200 }), (text, limit) => {
        const shown = inert(text, limit).replace(WORD_JOINER, '');
        assert.ok(shown.length <= limit, `${shown.length} of ${limit}`);
        assert.doesNotMatch(shown, /\p{Cs}/u);
      }),
    );
    const long = inert(`Begin ${'🔥'.repeat(5_000_000)} Continue? `);
    assert.ok(long.length <= MAX_LINE_LENGTH);
    assert.match(long, /^Begin .* … .* Continue\? $/u);
  });

  it('keeps its lines as a block', () => {
    assert.equal(inertBlock('def f():\r\n\treturn [x](1)\0'), 'def f():\n\treturn [x]\u2060(1)');
  });
});

describe('text in a Markdown code block', () => {
  it('never ends the block, whatever it contains', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const [, opening = '', inside = '', closing = ''] =
          /^\n(`{3,})text\n([^]*)\n(`{3,})\n$/.exec(codeBlock(text)) ?? assert.fail();
        assert.equal(opening, closing);
        for (const line of inside.split(/\r\n|\n|\r/)) {
          assert.ok((/^ {0,3}(`{3,})[ \t]*$/.exec(line)?.[1] ?? '').length < opening.length, JSON.stringify(line));
        }
      }),
    );
    assert.equal(
      codeBlock('a\n   ```\n![](https://evil.example/x)'),
      '\n````text\na\n   ```\n![](https://evil.example/x)\n````\n',
    );
  });
});
