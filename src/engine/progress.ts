/** Receives the steps of a long operation, for a progress notification. */
export interface Progress {
  /** Reports a step: a code of `src/messages` (`pullingBase`, `installingPackages` …) and an optional detail, such as a package's name. */
  step(code: string, detail?: string): void;
}
export const silentProgress: Progress = { step: () => undefined };
