import { SandboxError } from '../../protocol/errors';
import { QUERY_ANSWER, type CommandContents, type QueryAnswer, type QueryType } from '../../protocol/messages';
import type { PendingCommands } from './pending-commands';
import type { Timing } from '../time';
import type { QueryOptions } from '../types';

/** Questions to an idle kernel. Neither they nor their answers are logged, so a cut of the stream ends them. */
export class Queries {
  constructor(
    private readonly commands: Pick<PendingCommands, 'request'>,
    private readonly isReady: () => boolean,
    private readonly timing: Timing,
  ) {}

  /** See `SandboxSession.query`. */
  async query<T extends QueryType>(
    kernel: string,
    type: T,
    content: CommandContents[T],
    { deadline = this.timing.complete, signal }: QueryOptions = {},
  ): Promise<QueryAnswer<T>> {
    if (!this.isReady()) {
      throw new SandboxError('SandboxSilent', { operation: 'query', seconds: 0 });
    }
    const answer = await this.commands.request(type, content, {
      operation: 'query',
      deadline,
      unlogged: true,
      kernel,
      signal,
    });
    if (answer.msg_type !== QUERY_ANSWER[type]) {
      throw new SandboxError('ProtocolViolation', { reason: `${answer.msg_type} answers ${type}` });
    }
    return answer as QueryAnswer<T>; // the check above; the compiler does not track it through the lookup
  }
}
