/** A call that a position is inside of. */
export interface Call {
  /** Offset behind the last character of what is called. */
  calleeEnd: number;
  /** Which argument the position is in, from 0. */
  argument: number;
  /** The keyword of `name=` that the argument begins with; undefined = positional. */
  keyword: string | undefined;
}

/** Before a bracket that is no call: definitions, and words of the language. */
const NOT_CALLED =
  /(?:^|[^\w.])(?:(?:def|class)\s+\w+|if|elif|while|for|in|return|and|or|not|yield|lambda|assert|with|import|is|del|await|raise|except|else)$/;

interface Open {
  at: number;
  bracket: string;
  commas: number;
  argumentStart: number;
}

/** The innermost call around `offset` in Python code; undefined if there is none. Strings and comments are skipped. */
export function callAt(code: string, offset: number): Call | undefined {
  const open: Open[] = [];
  for (let at = 0; at < offset; at += 1) {
    const skipped = skipLiteral(code, at);
    if (skipped !== undefined) {
      if (skipped > offset) {
        return undefined;
      } // inside a string or a comment
      at = skipped - 1;
      continue;
    }
    const character = code.charAt(at);
    const top = open.at(-1);
    if ('([{'.includes(character)) {
      open.push({ at, bracket: character, commas: 0, argumentStart: at + 1 });
    } else if (')]}'.includes(character)) {
      open.pop();
    } else if (character === ',' && top !== undefined) {
      Object.assign(top, { commas: top.commas + 1, argumentStart: at + 1 });
    }
  }
  const call = open.at(-1);
  if (call?.bracket !== '(') {
    return undefined;
  }
  const before = code.slice(0, call.at).trimEnd();
  if (!/[\w\])]$/.test(before) || NOT_CALLED.test(before)) {
    return undefined;
  }
  const keyword = /^\s*([A-Za-z_]\w*)\s*=(?!=)/.exec(code.slice(call.argumentStart, offset))?.[1];
  return { calleeEnd: before.length, argument: call.commas, keyword };
}

/** Offset behind the string or comment that begins at `at`; undefined if none does. Infinity: it is not closed. */
function skipLiteral(code: string, at: number): number | undefined {
  if (code.charAt(at) === '#') {
    const end = code.indexOf('\n', at);
    return end < 0 ? Infinity : end;
  }
  const quote = /^('''|"""|'|")/.exec(code.slice(at, at + 3))?.[0];
  if (quote === undefined) {
    return undefined;
  }
  for (let i = at + quote.length; i < code.length; i += 1) {
    if (code.charAt(i) === '\\') {
      i += 1;
    } else if (code.startsWith(quote, i)) {
      return i + quote.length;
    } else if (quote.length === 1 && code.charAt(i) === '\n') {
      return i;
    } // not closed on its line: Python's error, not ours
  }
  return Infinity;
}
