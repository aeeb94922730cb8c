/**
 * What one cell does, and what its document must show after each step. It is made from a seeded random number, so that
 * it can be made again.
 */
export interface Step {
  kind: 'stdout' | 'stderr' | 'display' | 'shown' | 'update' | 'clear' | 'file';
  text: string;
  /** How often the text is repeated. */
  times: number;
  /** Seconds before the next step. */
  pause: number;
}

export interface Program {
  /** A part of every text of the cell, so that text in the wrong cell is recognized. */
  cell: string;
  steps: readonly Step[];
  /**
   * How the cell ends: with an error that has this message, or by killing its kernel while its output may still be in
   * the pipes.
   */
  end: { raises: string } | 'kills itself' | undefined;
}

export type Below = (limit: number) => number;

const KINDS = ['talk', 'talk', 'slow', 'burst', 'displays', 'large', 'files', 'mixed'] as const;
/** The length of the shortest text that is sent in pieces. */
const LARGE = 180_000;

export function makeProgram(cell: string, below: Below): Program {
  const steps: Step[] = [];
  const say = (kind: Step['kind'], pause = 0, times = 1): void => {
    steps.push({
      kind,
      text: `${cell}.${steps.length}${times > 1 ? ' ' : ''}`,
      times: times > 1 ? Math.ceil(times / 8) : 1,
      pause,
    });
  };
  const kind = KINDS[below(KINDS.length)] ?? 'talk';
  switch (kind) {
    case 'talk':
      for (let left = 5 + below(30); left > 0; left -= 1) {
        say(below(4) === 0 ? 'stderr' : 'stdout', below(60) / 1000);
      }
      break;
    case 'slow':
      for (let left = 10 + below(25); left > 0; left -= 1) {
        say('stdout', 0.1);
      }
      break;
    case 'burst':
      for (let left = 100 + below(400); left > 0; left -= 1) {
        say('stdout');
      }
      break;
    case 'displays':
      say('shown');
      for (let left = 5 + below(40); left > 0; left -= 1) {
        say(below(3) === 0 ? 'update' : 'display', below(20) / 1000);
      }
      break;
    case 'large':
      for (let left = 1 + below(4); left > 0; left -= 1) {
        say(below(2) === 0 ? 'display' : 'stdout', below(100) / 1000, LARGE + below(LARGE));
      }
      break;
    case 'files':
      for (let left = 5 + below(20); left > 0; left -= 1) {
        say(below(3) === 0 ? 'file' : 'stdout', below(50) / 1000, 1);
      }
      break;
    case 'mixed':
      for (let left = 10 + below(60); left > 0; left -= 1) {
        say(
          (['stdout', 'stderr', 'display', 'clear', 'stdout', 'stdout'] as const)[below(6)] ?? 'stdout',
          below(30) / 1000,
        );
      }
  }
  const chance = below(24);
  if (chance < 2) {
    return { cell, steps, end: { raises: `${cell} ends` } };
  }
  if (chance > 2) {
    return { cell, steps, end: undefined };
  }
  for (let left = 40; left > 0; left -= 1) {
    say('stdout');
  }
  return { cell, steps, end: 'kills itself' };
}

/** Returns the source of the cell. `oracle.py` is in the sandbox by then. */
export function codeOf({ cell, steps, end }: Program): string {
  const short = JSON.stringify(steps.map(({ kind, text, times, pause }) => [kind, text, times, pause]));
  const ends =
    end === undefined ? '' : end === 'kills itself' ? ', kills_itself=True' : `, raises=${JSON.stringify(end.raises)}`;
  return `import json, oracle\noracle.run(${JSON.stringify(cell)}, json.loads(${JSON.stringify(short)})${ends})`;
}

/** The part of one output that is compared. */
export interface Shown {
  type: 'stdout' | 'stderr' | 'display' | 'error';
  text: string;
}

/** Returns what the document shows after the first `count` steps. */
export function shownAfter({ steps }: Program, count: number): Shown[] {
  let shown: Shown[] = [];
  let updated: Shown | undefined;
  for (const { kind, text, times } of steps.slice(0, count)) {
    const all = text.repeat(times);
    const last = shown.at(-1);
    switch (kind) {
      case 'stdout':
      case 'stderr':
        if (last?.type === kind) {
          last.text += `${all}\n`;
        } else {
          shown.push({ type: kind, text: `${all}\n` });
        }
        break;
      case 'display':
        shown.push({ type: 'display', text: all });
        break;
      case 'shown':
        shown.push((updated = { type: 'display', text: all }));
        break;
      case 'update':
        if (updated) {
          updated.text = all;
        }
        break;
      case 'clear':
        shown = [];
        updated = undefined;
        break;
      case 'file':
        break;
    }
  }
  return shown;
}
