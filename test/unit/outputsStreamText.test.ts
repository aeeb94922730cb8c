import assert from 'node:assert/strict';
import { emptyStream, foldText, textOf } from '../../src/outputs/stream-text';
import { NotebookOutputs } from '../../src/outputs/notebook-outputs';
import { applyAll, cut, event, random } from './outputsModel';

const fold = (text: string): string => textOf(foldText(emptyStream, text).stream);

describe('the text of a stream', () => {
  const cases: [string, string, string][] = [
    ['plain lines stay', 'a\nb\n', 'a\nb\n'],
    ['a progress bar is its last state', ' 10%\r 50%\r100%\n', '100%\n'],
    ['a shorter line leaves the end of the longer', 'abcdef\rxy', 'xycdef'],
    ['Windows line ends are line ends', 'a\r\nb\r\n', 'a\nb\n'],
    ['backspace deletes', '-\b\\\b|', '|'],
    ['backspace stops at the line\'s start', 'a\n\b\bb', 'a\nb'],
    ['cursor up rewrites the row above and keeps the one below', 'bar0\nbar1\x1b[A\rBAR0', 'BAR0\nbar1'],
    ['cursor up by more than one row', 'a\nb\nc\x1b[2A\rA', 'A\nb\nc'],
    ['cursor up at the top stays', 'a\x1b[A\rb', 'b'],
    ['erase to the end of the line', 'downloading\r\x1b[Kdone', 'done'],
    ['erase the line', 'downloading\r\x1b[2Kdone', 'done'],
    ['colours stay', '\x1b[31mred\x1b[0m', '\x1b[31mred\x1b[0m'],
    ['the start of a control sequence is not shown', 'a\x1b[', 'a'],
  ];
  for (const [name, text, expected] of cases) {
    it(name, () => assert.equal(fold(text), expected));
  }

  it('is the same in VS Code wherever the stream is cut into chunks', () => {
    const pieces = ['a', 'bc', 'word ', '\n', '\n', '\r', '\r', '\b', '\x1b[A', '\x1b[2A', '\x1b[K', '\x1b[2K', '\x1b[32m', '$1', '\u2028', '░▒', '100%', '\r\n', 'x'.repeat(9)];
    for (let seed = 1; seed <= 400; seed += 1) {
      const next = random(seed);
      const text = Array.from({ length: 1 + next(150) }, () => pieces[next(pieces.length)] ?? '').join('');
      const outputs = new NotebookOutputs();
      outputs.begin('r', 'cell');
      const edits = cut(text, next).flatMap((chunk) => outputs.fold(event('r', 'stream', { name: 'stdout', text: chunk })));
      const shown = applyAll(edits).get('r')?.outputs[0]?.output;
      assert.equal(shown?.output_type === 'stream' ? shown.text : '', fold(text), `seed ${seed}: ${JSON.stringify(text)}`);
    }
  });

  it('keeps more rows than the cursor can reach', () => {
    const lines = Array.from({ length: 500 }, (_, i) => `line ${i}\n`).join('');
    assert.equal(fold(lines), lines);
    assert.equal(fold(`${lines}\x1b[2A\rLINE`), lines.replace('line 498', 'LINE 498'));
  });

  it('a progress bar at the end of a long log is an append, not the whole text again', () => {
    const log = foldText(emptyStream, 'x'.repeat(99).concat('\n').repeat(10_000)).stream;
    const first = foldText(log, ' 10%').stream;
    assert.deepEqual(foldText(first, '\r 20%').change, { kind: 'append', text: '\r 20%' });
  });
});
