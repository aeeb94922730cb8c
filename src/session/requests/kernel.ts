import type { Log } from '../../log';
import { command } from '../../protocol/encode';
import type {
  AnswerMetadata,
  CommandContents,
  MimeBundle,
  QueryAnswer,
  QueryType,
  Signature,
} from '../../protocol/messages';
import type { Comms } from './comms';
import { Language } from './language';
import type { PendingCommands } from './pending-commands';
import type { Queries } from './queries';
import type { SandboxSettings } from '../settings';
import type { Timing } from '../time';
import type {
  CellExecution,
  CommMessage,
  Completion,
  ExecuteOptions,
  QueryOptions,
  ResetOptions,
  SandboxKernel,
} from '../types';

/** The parts of a session that all its kernels share. */
export interface KernelServices {
  commands: PendingCommands;
  queries: Queries;
  comms: Comms;
  settings: SandboxSettings;
  timing: Timing;
  log: Log;
  /** A cell was sent. The caller gets it at the end of this turn of the event loop. */
  sent(cell: CellExecution): void;
  /** A cell is about to be interrupted. */
  interrupting(msgId: string): void;
}

/** The commands to one kernel. It has no state of its own: what is known of the kernel is in the session's parts, by its name. */
export class SessionKernel implements SandboxKernel {
  readonly #language: Language;

  constructor(
    readonly id: string,
    private readonly services: KernelServices,
  ) {
    this.#language = new Language(this, services.log);
  }

  execute(code: string, options: ExecuteOptions = {}): CellExecution {
    const { commands, settings } = this.services;
    const silent = options.silent ?? false;
    const message = command(
      'execute_request',
      {
        code,
        silent,
        store_history: options.storeHistory ?? !silent,
        allow_stdin: options.allowStdin ?? true,
        stop_on_error: options.stopOnError ?? true,
        timeout: options.timeout ?? settings.timeout,
        folder: options.place?.folder ?? '',
        project: options.place?.project ?? '',
      },
      { kernel: this.id, metadata: options.metadata ?? {} },
    );
    const cell = commands.execute(message);
    this.services.sent(cell);
    return cell;
  }

  interrupt(msgId: string, options?: { run: boolean }): Promise<void> {
    this.services.interrupting(msgId);
    return this.services.commands.interrupt(msgId, options);
  }

  interruptCallback(): Promise<void> {
    return this.services.commands.interruptCallback(this.id);
  }

  reset({ files, historySize = this.services.settings.historySize }: ResetOptions): Promise<void> {
    return this.services.commands.reset(this.id, { files, history_size: historySize });
  }

  async answer(request: string, value: string, metadata?: AnswerMetadata): Promise<void> {
    const { commands, timing } = this.services;
    await commands.request(
      'input_reply',
      { request, value },
      { operation: 'answer', deadline: timing.answer, metadata, kernel: this.id },
    );
  }

  query<T extends QueryType>(type: T, content: CommandContents[T], options?: QueryOptions): Promise<QueryAnswer<T>> {
    return this.services.queries.query(this.id, type, content, options);
  }

  complete(code: string, cursorPos: number, signal?: AbortSignal): Promise<Completion | null> {
    return this.#language.complete(code, cursorPos, signal);
  }

  inspect(code: string, cursorPos: number, signal?: AbortSignal): Promise<MimeBundle | null> {
    return this.#language.inspect(code, cursorPos, signal);
  }

  signatures(code: string, cursorPos: number, signal?: AbortSignal): Promise<readonly Signature[] | null> {
    return this.#language.signatures(code, cursorPos, signal);
  }

  sendComm(message: CommMessage, signal?: AbortSignal): Promise<string> {
    return this.services.comms.send(this.id, message, signal);
  }
}
