import { pageOf } from '../../../src/notebook/language/inspection';
import type { JsonObject, JsonValue, MimeBundle } from '../../../src/protocol/messages';
import type { SandboxSession } from '../../../src/session/types';

/**
 * A question of an editor to the kernel once a cell has ended, at a position in some code (`at` counts Unicode
 * characters).
 */
export interface Question {
  kind: 'complete' | 'inspect';
  code: string;
  at: number;
}
/** The form in a cell marker: codes, each with a caret. */
export interface QuestionOptions {
  complete?: readonly string[];
  inspect?: readonly string[];
}

const CARET = '‸';
const KINDS = ['complete', 'inspect'] as const;
/** The maximum number of names that a session returns. */
const MOST = 500;
/**
 * An editor asks again at the next key press. The first answer may come too late, because the kernel loads jedi for it,
 * or may lack names.
 */
const TRIES = 3;
const LATE = 2_000;

export function questionsOf(options: QuestionOptions): Question[] {
  return KINDS.flatMap((kind) =>
    (options[kind] ?? []).map((text): Question => {
      const [before = '', after, ...more] = text.split(CARET);
      if (after === undefined || more.length > 0) {
        throw new Error(`one ${CARET} is needed: ${text}`);
      }
      return { kind, code: before + after, at: [...before].length };
    }),
  );
}

/** Asks in the same way as our extension. */
export async function ask(session: SandboxSession, { kind, code, at }: Question): Promise<JsonValue> {
  if (kind === 'complete') {
    for (let tried = 1; ; tried += 1) {
      const asked = performance.now();
      const found = await session.complete(code, at);
      if (tried < TRIES && (found === null || performance.now() - asked > LATE)) {
        continue;
      }
      return found === null
        ? 'no answer'
        : completion(
            found.matches.map(({ text }) => text),
            found.start,
            found.end,
          );
    }
  }
  return page((await session.inspect(code, at)) ?? {});
}

/** The answer of ipykernel to the same question. */
export function told({ kind }: Question, reply: JsonObject): JsonValue {
  const { matches, cursor_start: start, cursor_end: end, data } = reply;
  if (kind === 'complete') {
    return completion(Array.isArray(matches) ? matches.map(String) : [], Number(start), Number(end));
  }
  return page((data ?? {}) as MimeBundle);
}

/** Sorts the names, as an editor does. The order of jedi's names also depends on time. */
const completion = (matches: readonly string[], start: number, end: number): JsonValue => ({
  matches: [...new Set(matches)].slice(0, MOST).sort(),
  start,
  end,
});
const page = (bundle: MimeBundle): JsonValue => pageOf(bundle);
