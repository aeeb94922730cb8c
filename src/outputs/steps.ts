import type { SandboxEvent } from '../protocol/messages';

/** Time from the end of a step to the next one: VS Code draws the whole notebook again after each step. */
const STEP_MS = 50;
/** Maximum number of events that are held, not counting the pieces of the last one. */
const MAX_EVENTS = 1_000;
/** Maximum length in UTF-16 units of the text that is held for a step. */
const MAX_TEXT_LENGTH = 64 * 1024;
/** Time after which a step continues in a later turn of the event loop. */
const TURN_MS = 25;
/** Maximum length in UTF-16 units of a text that is passed on in one piece. */
const MAX_PIECE_LENGTH = 64 * 1024;

/**
 * Passes events on in steps while more cells wait behind the running one, so that the window draws a run of quick cells a few times and not
 * several times for each cell. Events for which the user waits are passed on at once: those of a cell that runs alone or is the last of a
 * run, and prompts. A long step or a long text takes several turns of the event loop, so that the extension host can do other work
 * meanwhile. If events arrive faster than they can be shown, `passed` makes their source wait, so that memory is bounded.
 */
export class EventSteps {
  readonly #held: SandboxEvent[] = [];
  /** How many events at the beginning of `#held` have been passed on. */
  #next = 0;
  #replies = 0;
  #characters = 0;
  #timer: NodeJS.Timeout | undefined;
  #turn: NodeJS.Immediate | undefined;
  /** The earliest time for the next step, by `performance.now()`. */
  #notBefore = 0;
  /** Callers of `passed`, each with the number of events since the beginning that must be passed on first. */
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  /** The number of events that were passed on since the beginning. */
  #count = 0;

  /** @param runs returns the number of runs that have not ended, according to the events that were passed on so far */
  constructor(
    private readonly pass: (event: SandboxEvent) => void,
    private readonly runs: () => number,
    private readonly stepMs = STEP_MS,
    private readonly turnMs = TURN_MS,
  ) {}

  add(event: SandboxEvent): void {
    for (const piece of piecesOf(event)) {
      this.#held.push(piece);
    }
    if (event.msg_type === 'execute_reply') {
      this.#replies += 1;
    }
    if (event.msg_type === 'stream') {
      this.#characters += event.content.text.length;
    }
    if (this.#turn !== undefined) {
      while (this.#held.length - this.#next > MAX_EVENTS) {
        this.#passNext();
      }
      return;
    }
    const wait = this.#notBefore - performance.now();
    if (wait <= 0 || !this.#mayWait(event)) {
      this.#pass(this.turnMs);
    } else {
      this.#timer ??= setTimeout(() => {
        this.#pass(this.turnMs);
      }, wait);
    }
  }

  #mayWait({ msg_type: type }: SandboxEvent): boolean {
    return (
      type !== 'input_request' &&
      this.#held.length < MAX_EVENTS &&
      this.#characters < MAX_TEXT_LENGTH &&
      this.runs() - this.#replies > 1
    );
  }

  /** Passes on all events that are held, however long it takes. */
  flush(): void {
    this.#pass(Infinity);
  }

  /** Resolves when all events so far have been passed on. */
  passed(): Promise<void> {
    const count = this.#count + this.#held.length - this.#next;
    return count === this.#count
      ? Promise.resolve()
      : new Promise((resolve) => {
          this.#waiting.push({ count, resolve });
        });
  }

  #pass(turnMs: number): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
    this.#timer = this.#turn = undefined;
    const end = performance.now() + turnMs;
    while (this.#next < this.#held.length) {
      if (performance.now() > end) {
        this.#turn = setImmediate(() => {
          this.#pass(this.turnMs);
        });
        return;
      }
      this.#passNext();
    }
    this.#held.length = this.#next = this.#replies = this.#characters = 0;
    this.#notBefore = performance.now() + this.stepMs;
  }

  #passNext(): void {
    const event = this.#held[this.#next];
    this.#next += 1;
    this.#count += 1;
    if (this.#next >= MAX_EVENTS) {
      // during a flood of events a step may never end
      this.#held.splice(0, this.#next);
      this.#next = 0;
    }
    try {
      if (event !== undefined) {
        this.pass(event);
      }
    } finally {
      while (this.#waiting[0] !== undefined && this.#waiting[0].count <= this.#count) {
        this.#waiting.shift()?.resolve();
      }
    }
  }
}

function* piecesOf(event: SandboxEvent): Iterable<SandboxEvent> {
  if (event.msg_type !== 'stream' || event.content.text.length <= MAX_PIECE_LENGTH) {
    yield event;
    return;
  }
  const { text } = event.content;
  for (let at = 0; at < text.length;) {
    const end = at + MAX_PIECE_LENGTH;
    const isInside = /[\uD800-\uDBFF]/.test(text.charAt(end - 1)); // `end` is inside a surrogate pair
    const next = isInside ? end + 1 : end;
    yield { ...event, content: { ...event.content, text: text.slice(at, next) } };
    at = next;
  }
}
