import type { Log } from '../log';
import type { CommandContents, MimeBundle, SandboxEvent, Signature } from '../protocol/messages';
import { completionOf } from './completion';
import { asSandboxError } from './failures';
import type { Timing } from './time';
import { signaturesOf } from './signatures';
import type { Completion } from './types';
import type { PendingCommands } from './pending-commands';

/** Completions, documentation and signatures for the editor. It gives null instead of a late answer. */
export class Language {
  constructor(
    private readonly commands: PendingCommands,
    private readonly isReady: () => boolean,
    private readonly timing: Timing,
    private readonly log: Log,
  ) {}

  async complete(code: string, cursorPos: number, signal?: AbortSignal): Promise<Completion | null> {
    const reply = await this.#ask('complete_request', { code, cursor_pos: cursorPos }, signal);
    return reply?.msg_type === 'complete_reply' && reply.content.status === 'ok' ? completionOf(reply.content) : null;
  }

  async inspect(code: string, cursorPos: number, signal?: AbortSignal): Promise<MimeBundle | null> {
    const reply = await this.#ask('inspect_request', { code, cursor_pos: cursorPos, detail_level: 0 }, signal);
    return reply?.msg_type === 'inspect_reply' && reply.content.status === 'ok' && reply.content.found
      ? reply.content.data
      : null;
  }

  async signatures(code: string, cursorPos: number, signal?: AbortSignal): Promise<readonly Signature[] | null> {
    const reply = await this.#ask('signature_request', { code, cursor_pos: cursorPos }, signal);
    return reply?.msg_type === 'signature_reply' && reply.content.status === 'ok' ? signaturesOf(reply.content) : null;
  }

  async #ask<T extends 'complete_request' | 'inspect_request' | 'signature_request'>(
    type: T,
    content: CommandContents[T],
    signal: AbortSignal | undefined,
  ): Promise<SandboxEvent | null> {
    if (!this.isReady()) {
      return null;
    }
    try {
      return await this.commands.request(type, content, {
        operation: 'complete',
        deadline: this.timing.complete,
        unlogged: true,
        signal,
      });
    } catch (error) {
      this.log.trace(`${type}: ${asSandboxError(error).message}`);
      return null;
    }
  }
}
