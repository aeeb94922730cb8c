import assert from 'node:assert/strict';
import { callAt } from '../../src/notebook/language/call';

/** The call around `|` in the code: the called expression, the argument's index, the keyword. */
function at(marked: string): [callee: string, argument: number, keyword?: string] | undefined {
  const offset = marked.indexOf('|');
  const code = marked.replace('|', '');
  const call = callAt(code, offset);
  if (call === undefined) {
    return undefined;
  }
  const callee = /[\w.]*$/.exec(code.slice(0, call.calleeEnd))?.[0] ?? '';
  return call.keyword === undefined ? [callee, call.argument] : [callee, call.argument, call.keyword];
}

describe('the call around a position', () => {
  const cases: [code: string, found: ReturnType<typeof at>][] = [
    ['f(|', ['f', 0]],
    ['f(1, |', ['f', 1]],
    ['f(g(1, 2), |)', ['f', 1]],
    ['f(g(1, |), 2)', ['g', 1]],
    ['df.merge(other, how=|', ['df.merge', 1, 'how']],
    ['f(a == |', ['f', 0]],
    ['f("a, (b", \'c,\', |', ['f', 2]],
    ['f("""a,\n,""", |', ['f', 1]],
    ['f([1, 2, |', undefined],
    ['f([1, 2], |', ['f', 1]],
    ['f(1)|', undefined],
    ['f("in a string, |', undefined],
    ['f(1, # a comment, |', undefined],
    ['f(1, # a comment,\n  |', ['f', 1]],
    ['def f(|', undefined],
    ['x = (1, |', undefined],
    ['return (|', undefined],
    ['print(|', ['print', 0]],
    ['f("it\\"s", |', ['f', 1]],
    ['f (|', ['f', 0]],
    ['', undefined],
  ];
  for (const [code, found] of cases) {
    it(`${JSON.stringify(code)}: ${JSON.stringify(found) ?? 'none'}`, () => assert.deepEqual(at(code), found));
  }
});
