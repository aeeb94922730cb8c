import assert from 'node:assert/strict';
import { failingLine } from '../../src/notebook/traceback/failing-line';

describe('the failing line of a cell', () => {
  it('is the last line of this cell in the traceback, which may have colours', () => {
    const traceback = [
      '\u001b[31mTraceback (most recent call last)',
      '\u001b[36mCell\u001b[39m\u001b[36m \u001b[39m\u001b[32mIn[7]\u001b[39m\u001b[32m, line 2\u001b[39m',
      'Cell In[3], line 9, in f(x)',
      'Cell In[7], line 4, in g()',
      'File /x.py:1, in h()',
    ];
    assert.equal(failingLine(traceback, 7), 3);
    assert.equal(failingLine(traceback, 3), 8);
  });

  it('is undefined if the traceback leads through no cell', () => {
    assert.equal(failingLine(['File /x.py:1'], 1), undefined);
    assert.equal(failingLine([], 1), undefined);
  });
});
