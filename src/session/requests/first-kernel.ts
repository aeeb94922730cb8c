import { MAIN_KERNEL, type CommandContents, type QueryAnswer, type QueryType } from '../../protocol/messages';
import type { QueryOptions, SandboxKernel } from '../types';

type Call<Name extends keyof Omit<SandboxKernel, 'id'>> = Parameters<SandboxKernel[Name]>;
type Result<Name extends keyof Omit<SandboxKernel, 'id'>> = ReturnType<SandboxKernel[Name]>;

/** The commands of a session to the sandbox's first kernel, which every sandbox has. */
export abstract class FirstKernel implements Omit<SandboxKernel, 'id'> {
  abstract kernel(id: string): SandboxKernel;

  get #first(): SandboxKernel {
    return this.kernel(MAIN_KERNEL);
  }

  execute(...args: Call<'execute'>): Result<'execute'> {
    return this.#first.execute(...args);
  }
  interrupt(...args: Call<'interrupt'>): Result<'interrupt'> {
    return this.#first.interrupt(...args);
  }
  interruptCallback(): Result<'interruptCallback'> {
    return this.#first.interruptCallback();
  }
  reset(...args: Call<'reset'>): Result<'reset'> {
    return this.#first.reset(...args);
  }
  answer(...args: Call<'answer'>): Result<'answer'> {
    return this.#first.answer(...args);
  }
  query<T extends QueryType>(type: T, content: CommandContents[T], options?: QueryOptions): Promise<QueryAnswer<T>> {
    return this.#first.query(type, content, options);
  }
  complete(...args: Call<'complete'>): Result<'complete'> {
    return this.#first.complete(...args);
  }
  inspect(...args: Call<'inspect'>): Result<'inspect'> {
    return this.#first.inspect(...args);
  }
  signatures(...args: Call<'signatures'>): Result<'signatures'> {
    return this.#first.signatures(...args);
  }
  sendComm(...args: Call<'sendComm'>): Result<'sendComm'> {
    return this.#first.sendComm(...args);
  }
}
