import assert from 'node:assert/strict';
import { withoutAnsi } from '../../src/notebook/traceback/ansi';
import { fixLinks, type LinkTargets } from '../../src/notebook/traceback/traceback-links';

/**
 * VS Code finds `In[3]` itself and `In[2]` leads elsewhere. `ratios.py` and a file with a strange name are copies of
 * files beside the notebook.
 */
const targets: LinkTargets = {
  cell: (count) =>
    count === 3 ? { native: true } : count === 2 ? { uri: 'vscode-notebook-cell:/n.ipynb#W1' } : undefined,
  file: (path) =>
    ['~/ratios.py', "/sandbox/it's.py"].includes(path) ? path.slice(path.lastIndexOf('/') + 1) : undefined,
};
const mend = (...lines: string[]): string[] => fixLinks(lines.join('\n'), targets).split('\n');
const NOTHING = '\u001b[10m';

describe('the links of a traceback', () => {
  it('are left to VS Code if its own links lead to the right cell', () => {
    const frame = [
      'Cell \u001b[32mIn[3], line 6\u001b[39m',
      '      5 try:',
      '\u001b[92m----> \u001b[39m\u001b[92m6\u001b[39m     half(3)',
      '',
    ];
    assert.deepEqual(mend(...frame), frame);
  });

  it('lead to the cell that ran if VS Code would choose another cell', () => {
    assert.deepEqual(
      mend(
        '\u001b[96mCell\u001b[39m \u001b[32mIn[2]\u001b[32m, line 3\u001b[39m, in half(n)',
        '      2 parts = 2',
        '\u001b[92m----> \u001b[39m\u001b[92m3\u001b[39m return 3',
        '',
        '----> 4 of nothing',
      ),
      [
        "\u001b[96mCell\u001b[39m \u001b[32mIn[2]\u001b[32m, <a href='vscode-notebook-cell:/n.ipynb#W1?line=2'>line 3</a>\u001b[39m, in half(n)",
        '      2 parts = 2',
        "\u001b[92m----> \u001b[39m\u001b[92m<a href='vscode-notebook-cell:/n.ipynb#W1?line=2'>3</a>\u001b[39m return 3",
        '',
        '----> 4 of nothing',
      ],
    );
  });

  it('are removed if the cell is gone', () => {
    assert.deepEqual(mend('Cell In[7], line 1', '----> 1 x'), [`Cell In[7], li${NOTHING}ne 1`, '----> 1 x']);
  });

  it('lead to the original of a copied file', () => {
    assert.deepEqual(
      mend('\u001b[96mFile \u001b[39m\u001b[32m~/ratios.py:5\u001b[39m, in ratio(a, b)', '----> 5 a / b'),
      ['\u001b[96mFile \u001b[39m\u001b[32m./ratios.py:5\u001b[39m, in ratio(a, b)', '----> 5 a / b'],
    );
    assert.deepEqual(
      mend('  File ~/ratios.py:5', '    def f(:'),
      ['  File ./ratios.py:5', '    def f(:'],
      'a syntax error',
    );
  });

  it('are removed for other files, which do not exist on this computer', () => {
    for (const path of [
      '/usr/lib/python3.11/json/__init__.py',
      '~/written-by-a-cell.py',
      '<timed exec>',
      "/sandbox/it's.py",
    ]) {
      const [line = '', ...source] = mend(
        `\u001b[96mFile \u001b[32m${path}:346\u001b[39m, in loads(s)`,
        '--> 346     return 1',
      );
      assert.doesNotMatch(line, /File\s/, 'what VS Code looks for');
      assert.equal(withoutAnsi(line), `File ${path}:346, in loads(s)`, 'what one reads and copies');
      assert.deepEqual(source, ['--> 346     return 1']);
    }
  });
});
