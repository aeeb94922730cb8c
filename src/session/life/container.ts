import { randomUUID } from 'node:crypto';
import type { Engine, FoundSandbox, SandboxSpecification } from '../../engine/engine';
import { librariesName } from '../../engine/libraries';
import type { Log } from '../../log';
import type { SessionOptions } from '../session-options';
import { removeWithRetries, type RetryPauses } from './removal';
import { freeUid } from './uid';

/** The specification of a new sandbox, or a sandbox that exists. */
export type Sandbox = Omit<SandboxSpecification, 'uid'> | FoundSandbox;

/** The specification of a new sandbox. It takes over the libraries of the previous session, if the options name one. */
export function newSandbox({
  image,
  owner,
  notebookHint,
  settings,
  lease,
  idle = 0,
  previous,
}: SessionOptions): Omit<SandboxSpecification, 'uid'> {
  const { maxMemory: memory, cpus, pids, logBudget, maxOutput, historySize, pollInterval } = settings;
  return {
    sandboxId: randomUUID(),
    owner,
    notebookHint,
    image,
    lease,
    idle,
    libraries: previous?.libraries ?? librariesName(),
    memory,
    cpus,
    pids,
    logBudget,
    maxOutput,
    historySize,
    pollInterval,
  };
}

/** The container and the volume of one session, from their creation or discovery to their removal. */
export class SandboxContainer {
  readonly #ending = new AbortController();
  #id: Promise<string> | undefined;
  #removal: Promise<void> | undefined;

  constructor(
    private readonly engine: Engine,
    private readonly sandbox: Sandbox,
    private readonly log: Log,
    private readonly pauses?: RetryPauses,
  ) {}

  /** Resolves with the container's id once it runs; creates it on the first call. Rejects with a SandboxError. */
  create(): Promise<string> {
    return (this.#id ??= this.#create());
  }

  /** Whether {@link remove} was called. Nothing may be started in the container afterwards. */
  get ending(): boolean {
    return this.#ending.signal.aborted;
  }

  /** Removes the container once, however often this is called, also while the container is being created. Never rejects. */
  remove(): Promise<void> {
    this.#ending.abort();
    return (this.#removal ??= this.#remove());
  }

  async #create(): Promise<string> {
    if ('containerId' in this.sandbox) {
      return this.sandbox.containerId;
    }
    const uid = freeUid(await this.engine.usedUids());
    return this.engine.create({ ...this.sandbox, uid }, this.#ending.signal);
  }

  /** Removes the container and then the volume. Never rejects. */
  async removeLibraries(): Promise<void> {
    await this.remove();
    await this.#insist('libraries of', () => this.engine.removeLibraries(this.sandbox.libraries));
  }

  async #remove(): Promise<void> {
    const id = await this.#id?.catch(() => undefined); // the caller of create() gets the reason
    if (id !== undefined) {
      await this.#insist('container of', () => this.engine.remove(id));
    }
  }

  #insist(what: string, remove: () => Promise<void>): Promise<void> {
    return removeWithRetries(`${what} sandbox ${this.sandbox.sandboxId}`, remove, this.log, this.pauses);
  }
}
