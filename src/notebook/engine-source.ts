import type { Engine } from '../engine/engine';

/** Finds the container engine when it is first needed, and again at the next cell when it was not there. */
export class EngineSource {
  #found: Promise<Engine> | undefined;

  constructor(private readonly connect: () => Promise<Engine>) {}

  get(): Promise<Engine> {
    return this.#found ??= this.connect().catch((error: unknown) => {
      this.#found = undefined;
      throw error;
    });
  }

  /** The engine may have been replaced: look again next time. Sessions that have it keep it. */
  forget(): void { this.#found = undefined; }

  async dispose(): Promise<void> {
    const found = this.#found;
    this.#found = undefined;
    (await found?.catch(() => undefined))?.dispose(); // one that was not found needs no end
  }
}
