import type { SandboxEvent } from '../protocol/messages';

/** Long enough to gather a burst of prints, short enough to look live. */
const BATCH_MS = 25;
const BATCH_CHARACTERS = 64 * 1024;

/**
 * Joins stream events that follow each other, so that a hundred thousand prints are a few hundred edits and
 * a progress bar is folded before it is shown. The time of what is joined is that of its beginning, which decides where it is shown. Any other event is passed on at once, behind the text that came before it.
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
    if (this.waiting.content.text.length >= BATCH_CHARACTERS) {
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

  /** What waits is passed on; nothing fires later. */
  dispose(): void {
    this.flush();
  }
}
