import type { SandboxEvent } from '../protocol/messages';

/** Long enough to collect a burst of prints, short enough to look live. */
const BATCH_MS = 25;
/** Length in UTF-16 units at which a batch is passed on at once. */
const MAX_BATCH_LENGTH = 64 * 1024;

/**
 * Joins consecutive stream events, so that a hundred thousand prints become a few hundred edits and a progress bar is folded before it is
 * shown. Joined text has the time of its first event, which decides where the text is shown. Any other event is passed on at once, after the
 * text that came before it.
 */
export class EventBatcher {
  private waiting: Extract<SandboxEvent, { msg_type: 'stream' }> | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly pass: (event: SandboxEvent) => void,
    private readonly delay = BATCH_MS,
  ) {}

  add(event: SandboxEvent): void {
    if (event.msg_type !== 'stream') {
      this.flush();
      this.pass(event);
      return;
    }
    const before = this.waiting;
    if (
      before !== undefined &&
      before.content.name === event.content.name &&
      before.parent_header.msg_id === event.parent_header.msg_id
    ) {
      this.waiting = {
        ...event,
        t: before.t,
        content: { ...event.content, text: before.content.text + event.content.text },
      };
    } else {
      this.flush();
      this.waiting = event;
    }
    if (this.waiting.content.text.length >= MAX_BATCH_LENGTH) {
      this.flush();
    } else {
      this.timer ??= setTimeout(() => this.flush(), this.delay);
    }
  }

  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const event = this.waiting;
    this.waiting = undefined;
    if (event !== undefined) {
      this.pass(event);
    }
  }

  /** Passes on the text that waits; no timer fires later. */
  dispose(): void {
    this.flush();
  }
}
