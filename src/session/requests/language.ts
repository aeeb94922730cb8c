import type { Log } from '../../log';
import type { CommandContents, MimeBundle, QueryAnswer, QueryType, Signature } from '../../protocol/messages';
import { completionOf } from './completion';
import { asSandboxError } from '../failures';
import { signaturesOf } from './signatures';
import type { Completion, SandboxKernel } from '../types';

/** Completions, documentation and signatures of one kernel, for the editor. It gives null instead of a late answer. */
export class Language {
  constructor(
    private readonly kernel: Pick<SandboxKernel, 'query'>,
    private readonly log: Log,
  ) {}

  async complete(code: string, cursorPos: number, signal?: AbortSignal): Promise<Completion | null> {
    const answer = await this.#ask('complete_request', { code, cursor_pos: cursorPos }, signal);
    return answer?.content.status === 'ok' ? completionOf(answer.content) : null;
  }

  async inspect(code: string, cursorPos: number, signal?: AbortSignal): Promise<MimeBundle | null> {
    const answer = await this.#ask('inspect_request', { code, cursor_pos: cursorPos, detail_level: 0 }, signal);
    return answer?.content.status === 'ok' && answer.content.found ? answer.content.data : null;
  }

  async signatures(code: string, cursorPos: number, signal?: AbortSignal): Promise<readonly Signature[] | null> {
    const answer = await this.#ask('signature_request', { code, cursor_pos: cursorPos }, signal);
    return answer?.content.status === 'ok' ? signaturesOf(answer.content) : null;
  }

  async #ask<T extends QueryType>(
    type: T,
    content: CommandContents[T],
    signal: AbortSignal | undefined,
  ): Promise<QueryAnswer<T> | null> {
    try {
      return await this.kernel.query(type, content, { signal });
    } catch (error) {
      this.log.trace(`${type}: ${asSandboxError(error).message}`);
      return null;
    }
  }
}
