import type { Engine } from '../../engine/engine';
import type { InstallNetwork } from '../../engine/image/install-network';
import type { Log } from '../../log';
import { SandboxError } from '../../protocol/errors';
import type { CommandContents, EventOf, InstallOption } from '../../protocol/messages';
import { asSandboxError } from '../failures';
import { InstallOutput } from './install-output';
import { isRequirement } from './references';

/** Bounds on the packages of one install, and on the installs that the cells of a sandbox may request. Honest notebooks stay far below. */
const MAX_REQUIREMENTS = 200;
const MAX_REQUESTS = 200;

export interface InstallTarget {
  containerId(): Promise<string>;
  /** The sandbox's volume. */
  readonly libraries: string;
  network(): Promise<InstallNetwork>;
  /** The message of a failure, for the cell that requested the install. */
  explain(failure: SandboxError): string;
}

export interface InstallSink {
  /** Whether the cell belongs to this session and has no reply yet. */
  isOpen(msgId: string): boolean;
  /** Resolves when the sandbox has accepted the command. Rejects with a SandboxError. */
  send<T extends 'install_output' | 'install_reply'>(
    kernel: string,
    type: T,
    content: CommandContents[T],
  ): Promise<void>;
}

export interface InstallOptions {
  options?: readonly InstallOption[];
  /** Called with each line that pip prints. */
  onOutput?: (line: string) => void;
  signal?: AbortSignal | undefined;
}

interface Current {
  msgId: string;
  abort: AbortController;
  over: Promise<unknown>;
}

/** Installs packages into the sandbox's libraries, one install at a time, for the user and for cells that request it. */
export class Installs {
  /** Requirements that are installed, in the order of their installation. */
  readonly done: string[] = [];
  #current: Current | undefined;
  #requests = 0;
  #closed = false;

  constructor(
    private readonly engine: Pick<Engine, 'install'>,
    private readonly target: InstallTarget,
    private readonly sink: InstallSink,
    private readonly log: Log,
  ) {}

  /** @throws SandboxError `InstallRefused`, `InstallFailed`, `InstallTooLarge`, `Cancelled`, `Engine…` */
  async install(
    requirements: readonly string[],
    { options = [], onOutput = () => undefined, signal }: InstallOptions = {},
    msgId = '',
  ): Promise<void> {
    const wanted = requirements.map((requirement) => requirement.trim());
    refuse(wanted);
    if (this.#current && !this.#current.abort.signal.aborted) {
      throw new SandboxError('InstallFailed', { problem: 'busy', reason: '' });
    }
    const abort = new AbortController();
    const stop = signal ? AbortSignal.any([signal, abort.signal]) : abort.signal;
    const before = this.#current?.over; // a cancelled install, whose container is being removed
    const work = (async () => {
      await before;
      if (this.#closed || stop.aborted) {
        throw new SandboxError('Cancelled', { operation: 'install' });
      }
      const { libraries } = this.target;
      const [containerId, network] = await Promise.all([this.target.containerId(), this.target.network()]);
      await this.engine.install({ containerId, libraries, requirements: wanted, options, network }, onOutput, stop);
    })();
    const current: Current = { msgId, abort, over: work.catch(() => undefined) };
    this.#current = current;
    try {
      await work;
      for (const requirement of wanted) {
        if (!this.done.includes(requirement)) {
          this.done.push(requirement);
        }
      }
    } finally {
      if (this.#current === current) {
        this.#current = undefined;
      }
    }
  }

  /** Handles the request of a cell. The cell may be hostile and send any content at any rate. */
  requested({ kernel, parent_header: { msg_id: msgId }, content }: EventOf<'install_request'>): void {
    this.#requests += 1;
    if (!this.sink.isOpen(msgId) || this.#requests > 2 * MAX_REQUESTS) {
      this.log.debug('an install that no cell of this window may ask for');
      return;
    }
    this.#serve(kernel, msgId, content).catch((error: unknown) => {
      this.log.warn(`an install was not answered: ${asSandboxError(error).message}`);
    });
  }

  /** Call when a cell was interrupted or has ended: cancels the install that it requested. */
  ended(msgId: string): void {
    if (this.#current?.msgId === msgId) {
      this.#current.abort.abort();
    }
  }

  /** Cancels the current install. Resolves when its container is gone. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#current?.abort.abort();
    await this.#current?.over;
  }

  async #serve(
    kernel: string,
    msgId: string,
    { request, requirements, options }: EventOf<'install_request'>['content'],
  ): Promise<void> {
    const output = new InstallOutput((text) => this.sink.send(kernel, 'install_output', { request, text }), this.log);
    let reason = '';
    try {
      if (this.#requests > MAX_REQUESTS) {
        throw new SandboxError('InstallRefused', { problem: 'requests' });
      }
      await this.install(
        requirements,
        {
          options,
          onOutput: (line) => {
            output.add(line);
          },
        },
        msgId,
      );
    } catch (error) {
      const failure = asSandboxError(error);
      if (failure.code === 'Cancelled') {
        return;
      } // the cell itself has ended, so nothing waits for a reply
      this.log.info(`an install failed: ${failure.message}`);
      reason = this.target.explain(failure) || failure.code;
    } finally {
      await output.end();
    }
    await this.sink.send(kernel, 'install_reply', { request, status: reason === '' ? 'ok' : 'error', reason });
  }
}

function refuse(requirements: readonly string[]): void {
  const wrong = requirements.find((requirement) => !isRequirement(requirement));
  if (wrong !== undefined) {
    throw new SandboxError('InstallRefused', { problem: 'requirement', requirement: wrong.slice(0, 100) });
  }
  if (requirements.length === 0) {
    throw new SandboxError('InstallRefused', { problem: 'none' });
  }
  if (requirements.length > MAX_REQUIREMENTS) {
    throw new SandboxError('InstallRefused', { problem: 'tooMany', limit: MAX_REQUIREMENTS });
  }
}
