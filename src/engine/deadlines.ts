/** What an engine answers from what it knows; what makes, starts or removes something. Under load an engine takes seconds for it. */
const LIGHT_MS = 15_000;
const HEAVY_MS = 60_000;
/** A program of a second or two in a build container. */
const SCRIPT_MS = 60_000;
const HOUR_MS = 3600_000;

/**
 * Every wait for a container engine by its name, in milliseconds. A request counts until the last byte of its answer, one that
 * answers with a stream until the first; `run …` is a program in a container from its start to its end. An operation that asks
 * for several things ends when the first of them is late, plus `clean up`. Nothing else in this room waits.
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
  'word of a pull': 120_000,
  commit: 600_000,
  'create build container': HEAVY_MS,
  'start build container': HEAVY_MS,
  'guard of the build container': HEAVY_MS,
  'inspect build container': LIGHT_MS,
  /** Another window makes the same image. */
  'other build': HOUR_MS,
  'run probe': SCRIPT_MS,
  'run ensurepip': 120_000,
  'run lend': SCRIPT_MS,
  'run pip': 2 * HOUR_MS,
  'run compile': 300_000,
  'run unpack': 120_000,
  /** A plot's first font cache takes a slow machine a minute. */
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
  /** For each piece that is taken, and for the report behind the last: see `put-files.ts`. */
  'run file copy': 20_000,
  'run installer': HOUR_MS,
  /** Beside a request's own wait, while the engine answers pings; and for the stream to a sandbox, which is opened anew from its beginning. */
  'busy engine': 300_000,
  'busy stream': 30_000,
  /** Nobody waits for it: some engines send no header before the first event. */
  events: Infinity,
  // ends
  'remove container': HEAVY_MS,
  'inspect removed container': LIGHT_MS,
  /** Until a container that was asked to go is gone, its name too. */
  removal: HEAVY_MS,
  /** A half removed container, which its own remover cares for, may stand in the way. */
  'half removed container': 5_000,
  /** What a failed operation left is removed before the failure is told, or, where that takes longer, behind it. */
  'clean up': 5_000,
} as const satisfies Record<string, number>;

export type WaitName = keyof typeof DEADLINES_MS;
/** How the wait for a process is named. */
export type ProcessName = Extract<WaitName, `run ${string}`>;
export type Deadlines = Readonly<Record<WaitName, number>>;

/** Whether the wait is for the engine itself, and not for a program in a container or for what may never come. */
export const asksEngine = (name: WaitName): boolean =>
  !isProcess(name) && name !== 'guard of the build container' && name !== 'events';

/** What changes nothing when the engine gets it twice; an exec that is made and never started is nothing. */
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

/** Whether the name, as a failure's parameter has it, is that of a process. */
export const isProcess = (name: unknown): boolean => typeof name === 'string' && name.startsWith('run ');
