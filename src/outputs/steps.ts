import type { SandboxEvent } from '../protocol/messages';

/** Milliseconds between two steps, from the end of one to the next: VS Code draws the whole notebook anew after each. */
const STEP_MS = 50;
/** What is held at most. */
const MAX_EVENTS = 1_000;
const MAX_CHARACTERS = 64 * 1024;

/**
 * Passes events on in steps while cells wait behind the one that runs, so that the window draws a run of quick cells a few times and not
 * several times for each of them. What the user waits for comes at once: all of a cell that runs alone, the last cell of a run, a prompt.
 */
export class EventSteps {
  #held: SandboxEvent[] = [];
  #replies = 0;
  #characters = 0;
  #timer: NodeJS.Timeout | undefined;
  /** By `performance.now()`. */
  #notBefore = 0;
  #waiting: (() => void)[] = [];

  /** @param runs how many runs have not ended, by what was passed on so far */
  constructor(private readonly pass: (event: SandboxEvent) => void, private readonly runs: () => number, private readonly step = STEP_MS) {}

  add(event: SandboxEvent): void {
    this.#held.push(event);
    if (event.msg_type === 'execute_reply') { this.#replies += 1; }
    if (event.msg_type === 'stream') { this.#characters += event.content.text.length; }
    const wait = this.#notBefore - performance.now();
    if (wait <= 0 || !this.#mayWait(event)) {
      this.flush();
    } else {
      this.#timer ??= setTimeout(() => { this.flush(); }, wait);
    }
  }

  #mayWait({ msg_type: type }: SandboxEvent): boolean {
    return type !== 'input_request' && this.#held.length < MAX_EVENTS && this.#characters < MAX_CHARACTERS && this.runs() - this.#replies > 1;
  }

  /** Passes on what is held. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const [held, waiting] = [this.#held, this.#waiting];
    [this.#held, this.#waiting, this.#replies, this.#characters] = [[], [], 0, 0];
    for (const event of held) { this.pass(event); }
    this.#notBefore = performance.now() + this.step;
    for (const resolve of waiting) { resolve(); }
  }

  /** Resolves when all that has come so far is passed on. */
  passed(): Promise<void> {
    return this.#held.length === 0 ? Promise.resolve() : new Promise((resolve) => { this.#waiting.push(resolve); });
  }
}
