/**
 * Light requests only read the engine's state; heavy ones create, start or remove something. Under load an engine takes seconds for both.
 */
const LIGHT_MS = 15_000;
const HEAVY_MS = 60_000;
/** For a program in a build container that usually takes a second or two. */
const SCRIPT_MS = 60_000;
const HOUR_MS = 3600_000;

/**
 * The deadlines of all waits for a container engine, by name and in milliseconds. A request ends with the last byte of its answer, or with
 * the first byte if the answer is a stream; `run …` is a program in a container from its start to its end. An operation with several
 * requests ends when the first of them is late, plus `clean up`. Nothing else in `src/engine` waits.
 */
export const DEADLINES_MS = {
  // finding an engine
  version: 5_000,
  info: LIGHT_MS,
  // images
  'inspect image': LIGHT_MS,
  'remove image': HEAVY_MS,
  'list images': HEAVY_MS,
  'tag image': LIGHT_MS,
  pull: HEAVY_MS,
  'pull progress': 120_000,
  commit: 600_000,
  'create build container': HEAVY_MS,
  'start build container': HEAVY_MS,
  'build container guard': HEAVY_MS,
  'inspect build container': LIGHT_MS,
  /** Another window builds the same image. */
  'build in another window': HOUR_MS,
  'run probe': SCRIPT_MS,
  'run ensurepip': 120_000,
  'run file preparation': SCRIPT_MS,
  'run pip': 2 * HOUR_MS,
  'run compile': 300_000,
  'run unpack': 120_000,
  /** On a slow machine the font cache for the first plot takes a minute. */
  'run self-test': 300_000,
  // a sandbox
  'list containers': LIGHT_MS,
  'create container': HEAVY_MS,
  'start container': HEAVY_MS,
  'inspect container': LIGHT_MS,
  'inspect container by Podman': LIGHT_MS,
  'attach to output': LIGHT_MS,
  logs: LIGHT_MS,
  'update container': LIGHT_MS,
  'create volume': LIGHT_MS,
  'inspect volume': LIGHT_MS,
  'list volumes': LIGHT_MS,
  'remove volume': LIGHT_MS,
  'create exec': LIGHT_MS,
  'start exec': LIGHT_MS,
  'inspect exec': LIGHT_MS,
  /** For each piece that the sandbox takes, and for the report after the last one: see `put-files.ts`. */
  'run file copy': 20_000,
  'run installer': HOUR_MS,
  /**
   * Added to a request's own deadline while the engine answers pings. It is shorter for the stream to a sandbox, which is then opened
   * again.
   */
  'busy engine': 300_000,
  'busy stream': 30_000,
  /** Without a deadline, because some engines send no header before the first event. */
  events: Infinity,
  // ends
  'remove container': HEAVY_MS,
  'inspect removed container': LIGHT_MS,
  /** Until a removed container and its name no longer exist. */
  removal: HEAVY_MS,
  /** For a half removed container that blocks a request until the remover of that container has finished. */
  'half removed container': 5_000,
  /** How long a failed operation waits for the removal of what it left before it reports its failure. The removal continues afterwards. */
  'clean up': 5_000,
} as const satisfies Record<string, number>;

export type WaitName = keyof typeof DEADLINES_MS;
/** Names of waits for a process. */
export type ProcessName = Extract<WaitName, `run ${string}`>;
export type Deadlines = Readonly<Record<WaitName, number>>;

/** Whether the wait is for the engine itself, not for a program in a container or for events, which may never come. */
export const asksEngine = (name: WaitName): boolean =>
  !isProcess(name) && name !== 'build container guard' && name !== 'events';

/** Requests that can safely be sent twice. An exec that is created and never started has no effect. */
export const REPEATABLE: ReadonlySet<WaitName> = new Set<WaitName>([
  'version',
  'info',
  'inspect image',
  'remove image',
  'list images',
  'tag image',
  'inspect build container',
  'list containers',
  'inspect container',
  'inspect container by Podman',
  'attach to output',
  'logs',
  'update container',
  'create volume',
  'inspect volume',
  'list volumes',
  'remove volume',
  'create exec',
  'inspect exec',
  'remove container',
  'inspect removed container',
]);

/** Whether the parameter `request` of a failure names a process. */
export const isProcess = (name: unknown): boolean => typeof name === 'string' && name.startsWith('run ');
