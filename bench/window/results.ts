/** The kernel whose cells are timed. `floor` does nothing, so it shows what VS Code itself needs. */
export type KernelName = 'ours' | 'ipykernel' | 'floor';

/**
 * Milliseconds from the command to the summary of the last cell, and the longest block of the extension host meanwhile.
 */
export interface Timed {
  ms: number;
  block: number;
}

/** The times by kernel. */
export type Measured = Partial<Record<KernelName, Timed[]>>;

export type Measurement = 'first' | 'opened' | 'runAll' | 'lines' | 'busy' | 'image' | 'table';

/** The results that the extension host passes to the launcher. */
export interface Results {
  vscode: string;
  measured: Partial<Record<Measurement, Measured>>;
  /** The reason why there are no more results. */
  failure?: string;
}

export const RUN_ALL_CELLS = 100;
