import type { Engine } from '../engine/engine';

/** Finds the container engine when it is first needed, and again at the next cell when it was not there. */
export class EngineSource {
  #found: Promise<Engine> | undefined;
  readonly #connected = new Set<Engine>();

  constructor(private readonly connect: () => Promise<Engine>) {}

  get(): Promise<Engine> {
    return this.#found ??= this.connect().then((engine) => {
      this.#connected.add(engine);
      return engine;
    }, (error: unknown) => {
      this.#found = undefined;
      throw error;
    });
  }

  /** Whether {@link get} would give an engine that answered some time ago, and may be gone by now. */
  get isKnown(): boolean { return this.#found !== undefined; }

  /** The engine may have been replaced: look again next time. Sessions that have it keep it. */
  forget(): void { this.#found = undefined; }

  dispose(): void {
    this.#found = undefined;
    for (const engine of this.#connected) { engine.dispose(); }
    this.#connected.clear();
  }
}
