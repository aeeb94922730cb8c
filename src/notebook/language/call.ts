/** A call whose parentheses enclose a position. */
export interface Call {
  /** Offset after the last character of the called expression. */
  calleeEnd: number;
  /** Index of the argument that contains the position, from 0. */
  argument: number;
  /** The keyword in `name=` with which the argument begins; undefined if the argument is positional. */
  keyword: string | undefined;
}

/** Text before a parenthesis that does not begin a call: definitions and Python keywords. */
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
        // The position is inside a string or a comment.
        return undefined;
      }
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

/**
 * Offset after the string or comment that begins at `at`; undefined if none begins there, Infinity if it is not
 * closed.
 */
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
      // The string is not closed on its line. Python reports that error.
      return i;
    }
  }
  return Infinity;
}
