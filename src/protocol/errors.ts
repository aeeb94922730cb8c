/** The codes of all failures of a sandbox, its engine or its settings. `src/messages.ts` has a sentence for each. */
export const FAILURE_CODES = [
  'EngineNotFound',
  'EngineDenied',
  'EngineTooOld',
  'EngineSilent',
  'EngineBusy',
  'EngineFailed',
  'ImageFailed',
  'BaseUnusable',
  'LimitNotApplied',
  'StartFailed',
  'KernelDied',
  'OutOfMemory',
  'TimedOut',
  'Interrupted',
  'Aborted',
  'SandboxGone',
  'OtherEngine',
  'SandboxPaused',
  'InUse',
  'SandboxSilent',
  'ProtocolViolation',
  'SettingInvalid',
  'Cancelled',
  'FilesNotCopied',
  'FilesLeftOut',
  'InstallFailed',
  'InstallTooLarge',
  'InstallRefused',
  'CommRefused',
] as const;
export type FailureCode = (typeof FAILURE_CODES)[number];
export type FailureParams = Record<string, string | number | boolean>;

/**
 * The only error type of the rooms below `src/notebook`: a code with parameters, never a sentence (see `src/messages.ts`).
 * `setting` names a setting that may help (`timeout`, without prefix).
 */
export class SandboxError extends Error {
  override readonly name = 'SandboxError';
  readonly setting: string | undefined;

  constructor(
    readonly code: FailureCode,
    readonly params: FailureParams = {},
    options: { cause?: unknown; setting?: string } = {},
  ) {
    super(`${code} ${JSON.stringify(params)}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.setting = options.setting;
  }
}

export const isSandboxError = (error: unknown, code?: FailureCode): error is SandboxError =>
  error instanceof SandboxError && (code === undefined || error.code === code);
