/** The properties of this computer that decide where engines are looked for. */
export interface HostEnvironment {
  platform: NodeJS.Platform;
  env: Readonly<Record<string, string | undefined>>;
  /** Home folder of the user. */
  home: string;
  /** Numeric id of the user; undefined on Windows. */
  uid: number | undefined;
}

/** Reads the text of a small file; undefined if the file does not exist. Rejects if it cannot be read for another reason. */
export type ReadFile = (path: string) => Promise<string | undefined>;
