/** Where a long operation reports what it is doing: short present-tense steps and details for a progress notification. */
export interface Progress {
  /** A new step, as a code of `src/messages.ts` (`pullingBase`, `installingPackages` …) with an optional detail (a package's name). */
  step(code: string, detail?: string): void;
}
export const silentProgress: Progress = { step: () => undefined };
