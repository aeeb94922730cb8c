import type { SandboxEvent } from '../protocol/messages';

/** Milliseconds between two steps, from the end of one to the next: VS Code draws the whole notebook anew after each. */
const STEP_MS = 50;
/** Events that are held at most, but for the pieces of the last one, and characters that are held for a step. */
const MAX_EVENTS = 1_000;
const MAX_CHARACTERS = 64 * 1024;
/** Milliseconds after which a step goes on in a later turn of the event loop, and characters of a text that are passed on in one piece. */
const TURN_MS = 25;
const PIECE_CHARACTERS = 64 * 1024;

/**
 * Passes events on in steps while cells wait behind the one that runs, so that the window draws a run of quick cells a few times and not
 * several times for each of them. What the user waits for comes at once: all of a cell that runs alone, the last cell of a run, a prompt.
 * However much comes at once, the extension host does other things meanwhile: a long step, and a long text, take several turns. Where
 * events come faster than they can be shown, whoever brings them waits, so that memory is bounded.
 */
export class EventSteps {
  readonly #held: SandboxEvent[] = [];
  /** How many at its beginning have been passed on. */
  #next = 0;
  #replies = 0;
  #characters = 0;
  #timer: NodeJS.Timeout | undefined;
  #turn: NodeJS.Immediate | undefined;
  /** By `performance.now()`. */
  #notBefore = 0;
  /** Who waits until so many events, of all that ever came, are passed on. */
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  #count = 0;

  /** @param runs how many runs have not ended, by what was passed on so far */
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
      this.#characters < MAX_CHARACTERS &&
      this.runs() - this.#replies > 1
    );
  }

  /** Passes on all that is held, however long it takes. */
  flush(): void {
    this.#pass(Infinity);
  }

  /** Resolves when all that has come so far is passed on. */
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
      // a flood may never let a step end
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
  if (event.msg_type !== 'stream' || event.content.text.length <= PIECE_CHARACTERS) {
    yield event;
    return;
  }
  const { text } = event.content;
  for (let at = 0; at < text.length;) {
    const end = at + PIECE_CHARACTERS;
    const isInside = /[\uD800-\uDBFF]/.test(text.charAt(end - 1)); // of a character of two halves
    const next = isInside ? end + 1 : end;
    yield { ...event, content: { ...event.content, text: text.slice(at, next) } };
    at = next;
  }
}
