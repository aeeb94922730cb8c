/** Whose cells are timed. `floor` does nothing: what VS Code itself needs. */
export type KernelName = 'ours' | 'ipykernel' | 'floor';

/** Milliseconds from the command to the last cell's summary, and the longest that the extension host did nothing else meanwhile. */
export interface Timed {
  ms: number;
  block: number;
}

/** By the kernel that was timed. */
export type Measured = Partial<Record<KernelName, Timed[]>>;

export type Measurement = 'first' | 'opened' | 'runAll' | 'lines' | 'busy' | 'image' | 'table';

/** What the extension host leaves for the launcher. */
export interface Results {
  vscode: string;
  measured: Partial<Record<Measurement, Measured>>;
  /** Why there is no more. */
  failure?: string;
}

export const RUN_ALL_CELLS = 100;
