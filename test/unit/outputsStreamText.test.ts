import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { MAX_BLOCK_LENGTH } from '../../src/outputs/block';
import { StreamText } from '../../src/outputs/stream-text';
import { NotebookOutputs } from '../../src/outputs/notebook-outputs';
import { applyTo, cut, event, random, type ModelCell } from './outputsModel';
import { referenceRows, seenRows } from './streamReference';

const fold = (text: string): string => new StreamText(text).text();

describe('the text of a stream', () => {
  const cases: [string, string, string][] = [
    ['plain lines stay', 'a\nb\n', 'a\nb\n'],
    ['a progress bar is its last state', ' 10%\r 50%\r100%\n', '100%\n'],
    ['a shorter line leaves the end of the longer', 'abcdef\rxy', 'xycdef'],
    ['Windows line ends are line ends', 'a\r\nb\r\n', 'a\nb\n'],
    ['backspace deletes', '-\b\\\b|', '|'],
    ["backspace stops at the line's start", 'a\n\b\bb', 'a\nb'],
    ['cursor up rewrites the row above and keeps the one below', 'bar0\nbar1\x1b[A\rBAR0', 'BAR0\nbar1'],
    ['cursor up by more than one row', 'a\nb\nc\x1b[2A\rA', 'A\nb\nc'],
    ['cursor up at the top stays', 'a\x1b[A\rb', 'b'],
    ['erase to the end of the line', 'downloading\r\x1b[Kdone', 'done'],
    ['erase the line', 'downloading\r\x1b[2Kdone', 'done'],
    ['erased to the cursor, written there, and erased again', 'abcdef\x1b[1K\rxy\n1234\x1b[A\x1b[1K', '      \n1234'],
    ['colours stay', '\x1b[31mred\x1b[0m', '\x1b[31mred\x1b[0m'],
    [
      'what overwrites coloured text is in its own colour, and the rest keeps its',
      '\x1b[31mfailed: 3\x1b[0m\rok',
      'ok\x1b[31miled: 3',
    ],
    ['a colour lasts over the beginning of the line', '\x1b[31m10%\r20%\x1b[0m\n', '\x1b[31m20%\x1b[0m\n'],
    [
      'text of several colours overwrites text of several colours',
      '\x1b[1;31mab\x1b[0mcd\r\x1b[32mx\x1b[0my',
      '\x1b[32mx\x1b[0mycd',
    ],
    ['a character outside the basic plane takes one column', 'ab\u{1f680}\rabc', 'abc'],
    ['a character outside the basic plane is deleted as a whole', 'ab\u{1f680}\b|', 'ab|'],
    ['cursor down goes to a row that is there', 'top\nmid\nlow\x1b[2A\rTOP\x1b[2B\rLOW', 'TOP\nmid\nLOW'],
    ['cursor down at the bottom stays', 'a\x1b[2Bb', 'ab'],
    ['other control sequences take no column', '\x1b[?25l 10%\r\x1b[?25h 20%', ' 20%'],
    ['the start of a control sequence is not shown', 'a\x1b[', 'a'],
  ];
  for (const [name, text, expected] of cases) {
    it(name, () => assert.equal(fold(text), expected));
  }

  it('is the same in VS Code wherever the stream is cut into chunks', () => {
    const pieces = [
      'a',
      'bc',
      'word ',
      '\n',
      '\n',
      '\r',
      '\r',
      '\b',
      '\x1b[A',
      '\x1b[2A',
      '\x1b[K',
      '\x1b[2K',
      '\x1b[32m',
      '\x1b[0m',
      '\x1b[B',
      '\x1b[1;41m',
      '$1',
      '\u2028',
      '░▒',
      '100%',
      '\r\n',
      'x'.repeat(9),
    ];
    for (let seed = 1; seed <= 400; seed += 1) {
      const next = random(seed);
      const text = Array.from({ length: 1 + next(150) }, () => pieces[next(pieces.length)] ?? '').join('');
      const outputs = new NotebookOutputs();
      outputs.begin('r', 'cell');
      const cells = new Map<string, ModelCell>();
      for (const chunk of cut(text, next)) {
        applyTo(cells, outputs.fold(event('r', 'stream', { name: 'stdout', text: chunk })));
      }
      const shown = cells.get('r')?.outputs[0]?.output;
      assert.equal(
        shown?.output_type === 'stream' ? shown.text : '',
        fold(text),
        `seed ${seed}: ${JSON.stringify(text)}`,
      );
    }
  });

  it('keeps more rows than the cursor can reach', () => {
    const lines = Array.from({ length: 500 }, (_, i) => `line ${i}\n`).join('');
    assert.equal(fold(lines), lines);
    assert.equal(fold(`${lines}\x1b[2A\rLINE`), lines.replace('line 498', 'LINE 498'));
  });

  it('is appended for a progress bar at the end of a long log, and not sent again as a whole', () => {
    const log = new StreamText('x'.repeat(99).concat('\n').repeat(10_000));
    log.write(' 10%');
    const mark = log.mark();
    log.write('\r 20%');
    assert.deepEqual(log.changeSince(mark), { kind: 'append', text: '\r 20%' });
  });

  it('is the same as in a simple model, whatever was written', () => {
    const repeated = fc
      .tuple(
        fc.constantFrom('x', 'yz', '\b', '\b\bq', '\x1b[A', '\x1b[B', '\n', '\r', ' '),
        fc.integer({ min: 1, max: 90 }),
      )
      .map(([piece, times]) => piece.repeat(times));
    const piece = fc.oneof(
      repeated,
      fc.constantFrom(
        '\r',
        '\b',
        '\n',
        '\x1b[A',
        '\x1b[3A',
        '\x1b[0A',
        '\x1b[9999A',
        '\x1b[B',
        '\x1b[2B',
        '\x1b[K',
        '\x1b[0K',
        '\x1b[1K',
        '\x1b[2K',
        '\x1b[3K',
        '\x1b[12345K',
        '\x1b[?25l',
        '[',
        'ä',
        '𝄞',
        '\t',
        '\u2028',
        '\x1b[31m',
        '\x1b[m',
        '\x1b[0m',
        '\x1b[1;32m',
        '\x1b[2m',
        '\x1b[22m',
        '\x1b[38;5;208m',
        '\x1b[48;2;1;2;3m',
        '\x1b[39m',
        '\x1b[7m',
        '\x1b[0;4;95m',
        'red',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        assert.deepEqual(seenRows(fold(pieces.join(''))), referenceRows(pieces.join('')));
      }),
      { numRuns: 2_000 },
    );
  });

  it('is the same as in a simple model for rows of many blocks too, wherever the stream was cut', function () {
    this.timeout(120_000);
    const length = fc.constantFrom(
      1,
      2,
      MAX_BLOCK_LENGTH - 1,
      MAX_BLOCK_LENGTH,
      MAX_BLOCK_LENGTH + 1,
      2 * MAX_BLOCK_LENGTH,
      2 * MAX_BLOCK_LENGTH + 1,
    );
    const long = fc
      .tuple(fc.constantFrom('x', 'yz', '\u{1f680}', ' ', '\x1b[1mb\x1b[0mn', '\x1b[32m-'), length)
      .map(([one, times]) => one.repeat(times));
    const deleted = fc
      .constantFrom(1, 2, MAX_BLOCK_LENGTH - 1, MAX_BLOCK_LENGTH, MAX_BLOCK_LENGTH + 2)
      .map((times) => '\b'.repeat(times));
    const piece = fc.oneof(
      { arbitrary: long, weight: 4 },
      deleted,
      fc.constantFrom(
        '\r',
        '\r',
        '\n',
        '\x1b[A',
        '\x1b[B',
        '\x1b[K',
        '\x1b[1K',
        '\x1b[2K',
        '\x1b[31m',
        '\x1b[0m',
        '\x1b[?25l',
        'word',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), fc.nat(2 ** 30), (pieces, seed) => {
        const [text, next] = [pieces.join(''), random(seed)];
        assert.deepEqual(seenRows(fold(text)), referenceRows(text));
        const stream = new StreamText();
        let [shown, mark] = ['', stream.mark()];
        for (let at = 0; at < text.length;) {
          const end = at + 1 + next(3 * MAX_BLOCK_LENGTH);
          stream.write(text.slice(at, end));
          at = end;
          const change = stream.changeSince(mark);
          shown = change.kind === 'replace' || change.text.startsWith('\r') ? stream.text() : shown + change.text;
          mark = stream.mark();
          assert.equal(shown, stream.text());
        }
        assert.equal(shown, fold(text));
      }),
      { numRuns: 150 },
    );
  });

  it('contains no remains from which a control sequence could arise later', () => {
    for (const half of ['\x1b', '\x1b[', '\x1b[3', '\ud83d']) {
      // After each half, the cursor moves away and comes back, and then the rest is written.
      for (const rest of ['[31mred', '31mred', '1mred', '\ude80']) {
        const text = `ab${half}\n${'x'.repeat(2 + half.length)}\x1b[A${rest}\r`;
        const pieces = new StreamText();
        for (const character of text) {
          pieces.write(character);
        }
        pieces.write('\rAB');
        assert.equal(pieces.text().split('\n')[0], fold(`${text}\rAB`).split('\n')[0]);
        assert.ok(fold(`${text}\rAB`).startsWith('AB'));
      }
    }
  });

  it('takes no more room for a style that is repeated in a row, however long its sequences were', () => {
    const padded = [1, 3, 4, 5, 7, 8, 9, 53].map((parameter) => `\x1b[${'0'.repeat(50)}${parameter}m`).join('');
    for (const colour of [
      `38:5:${'1'.repeat(50)}`,
      `38;5;${'1'.repeat(50)}`,
      '38:2::255:255:255',
      '38;2;255;255;255',
    ]) {
      const styled = `${padded}${['3', '4', '5'].map((ground) => `\x1b[${ground}${colour.slice(1)}m`).join('')}`;
      // overwrites every second character of the upper row
      const text = `${styled}${'x'.repeat(20_000)}\x1b[0m\n${'\x1b[Ay\x1b[By'.repeat(10_000)}`;
      const shown = fold(text);
      assert.ok(shown.includes('\x1b[1;3;4;5;7;8;9;53'), JSON.stringify(shown.slice(0, 200)));
      assert.ok(shown.length <= 9 * text.length, `${shown.length} of ${text.length} characters`);
      assert.ok(!shown.includes('111'));
    }
  });

  it('has the style of a parameter with leading zeros or with a kind of underline', () => {
    assert.equal(fold('\x1b[0031mab\rx'), '\x1b[31mxb');
    assert.equal(fold('\x1b[4:3mab\rx'), '\x1b[4:3mxb');
  });

  const LINE = 'x'.repeat(1_000_000);
  const floods: [string, string][] = [
    ['a character deleted and written again at the end of a long line', LINE + '\bx'.repeat(1_000_000)],
    ['a long line overwritten from its beginning, a character at a time', `${LINE}${'\rx'.repeat(500_000)}`],
    ['a long line deleted', LINE + '\b'.repeat(1_000_000)],
    ['a long line overwritten in its middle', `${LINE}\n${'y'.repeat(500_000)}\x1b[A${'z\b\b'.repeat(300_000)}`],
    ['a long line erased from its end, and written again', LINE + '\x1b[Kx'.repeat(400_000)],
    ['a long line erased as a whole, and a character written at its end', LINE + '\x1b[2Kx'.repeat(400_000)],
    ['a long line made of spaces, again and again', LINE + '\x1b[1Kx'.repeat(400_000)],
    ['two long lines in turn', `${LINE}\n${LINE}${'\x1b[A\bx\n\x1b[1K'.repeat(200_000)}`],
    [
      'sixty long lines in turn',
      `${'y'.repeat(20_000)}\n`.repeat(60) +
        'z'.repeat(20_000) +
        `${'\x1b[Ax\b'.repeat(60)}${'\n'.repeat(60)}\r`.repeat(5_000),
    ],
    ['a few characters far to the right of short lines', `${'\n'.repeat(63)}${LINE}${'\x1b[Ax'.repeat(63)}`],
    [
      'a long coloured line overwritten, a character at a time in another colour',
      `\x1b[31m${LINE}${'\r\x1b[32mx\x1b[1my'.repeat(100_000)}`,
    ],
    [
      'a style for each character, overwritten',
      `${'\x1b[38;2;1;2;3m\x1b[48;5;4m'}${'\x1b[1ma\x1b[22mb'.repeat(100_000)}\rx`,
    ],
    [
      'ever new styles',
      Array.from({ length: 200_000 }, (_, i) => `\r\x1b[38;2;${i >> 16};${(i >> 8) & 255};${i & 255}mx`).join(''),
    ],
    ['styles and no text', '\x1b[1m\x1b[0m'.repeat(300_000)],
    ['control sequences that grow too long', '\x1b[1;'.concat('1;'.repeat(200)).repeat(4_000)],
    ['empty lines', '\n'.repeat(3_000_000)],
    ['carriage returns and line feeds', '\r\n\b'.repeat(1_000_000)],
    ['escapes that are none', '\x1b[1\x1b'.repeat(1_000_000)],
  ];
  for (const [what, text] of floods) {
    it(`takes time and room in proportion to its bytes: ${what}`, function () {
      this.timeout(60_000);
      const before = process.cpuUsage();
      const stream = new StreamText();
      const mark = stream.mark();
      for (let at = 0; at < text.length; at += 65_536) {
        stream.write(text.slice(at, at + 65_536));
      }
      const shown = stream.text();
      assert.equal(stream.changeSince(mark).text, shown);
      const { user, system } = process.cpuUsage(before);
      assert.ok(
        (user + system) / 1000 < 4_000,
        `${Math.round((user + system) / 1000)} ms of processor time for ${text.length} characters`,
      );
      assert.ok(shown.length <= 2 * text.length + 10_000, `${shown.length} characters`);
      assert.ok(
        Math.abs(shown.length - stream.length) <= 100,
        `${stream.length} of ${shown.length} characters are said to be shown`,
      );
    });
  }
});
