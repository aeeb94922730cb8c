import type { Duplex, Readable } from 'node:stream';
import type { InstallNetwork } from './image/install-network';
import type { InstallOption } from '../protocol/messages';
import type { Progress } from './progress';

/** What this engine can do; the rest of the product asks here and never for a product's name. */
export interface EngineCapabilities {
  /** Limits of a running container can be changed. */
  update: boolean;
  /** A tmpfs begins with what the image has at its place, modes aside, unless `notmpcopyup` is given. */
  tmpfsCopiesUp: boolean;
  /** Folders that it makes writable in a container whose root is read-only, unless they are asked for otherwise. */
  writableFolders: readonly string[];
  /** Its inspection of a container, as Docker's API has it, tells what was taken from the default capabilities and not what is left. */
  hidesCapabilities: boolean;
  /** A container without a network has no address `::1`, which its hosts file names, unless a kernel parameter gives it one. */
  lacksIPv6Loopback: boolean;
}

export interface EngineInfo {
  /** Tells this engine from others, see `identity.ts`; the same after its restart and its upgrade. */
  id: string;
  product: 'docker' | 'podman' | 'unknown';
  version: string;
  apiVersion: string;
  /** For messages, without credentials: `unix:///var/run/docker.sock`. */
  endpoint: string;
  /** Docker's context that names it; '' = none. */
  context: string;
  /** Cores. */
  cpus: number;
  /** Bytes; 0 = not told. */
  memory: number;
  /** Containers run under the engine's seccomp profile. */
  seccomp: boolean;
  capabilities: EngineCapabilities;
}

/** Everything that is fixed when a sandbox is created. Bytes, counts; see SECURITY.md. */
export interface SandboxSpecification {
  /** Random, names the container and its label. */
  sandboxId: string;
  /** Random id of this installation of the extension. */
  owner: string;
  /** Where the notebook was first, a hint for people; never used as a path. */
  notebookHint: string;
  image: string;
  uid: number;
  memory: number;
  cpus: number;
  pids: number;
  /** Budget of the event log in bytes. */
  logBudget: number;
  /** Output of one cell in bytes. */
  maxOutput: number;
  historySize: number;
  /** Seconds; only where inotify cannot be had. */
  pollInterval: number;
  /** Seconds that a sandbox lives without any host attached. */
  lease: number;
  /** Seconds that it lives without being used; 0 = for ever. */
  idle: number;
  /** Name of the volume with what is installed into it, read-only in the sandbox; made if absent. By {@link librariesName}. */
  libraries: string;
}

/** A sandbox that is there, as its engine lists it. */
export interface FoundSandbox extends Pick<SandboxSpecification, 'sandboxId' | 'notebookHint' | 'libraries'> {
  containerId: string;
  /** Id of the derived image, or its tag. */
  image: string;
  /** Milliseconds since 1970. */
  created: number;
}

export interface SandboxState {
  running: boolean;
  paused: boolean;
  /** Null while running. */
  exitCode: number | null;
}

/** The two ends of one exec in a sandbox. Ends with the process or the connection, whichever is first. */
export interface ExecStream {
  /** stdin of the process when written, its stdout when read. */
  readonly stream: Duplex;
  readonly stderr: Readable;
  /** Cuts the connection. Safe to call twice. */
  destroy(): void;
}

/** A file, or a folder, for a sandbox's home. */
export interface SandboxFile {
  /** Relative to the home, with `/` between clean names. */
  path: string;
  /** Bytes that it probably has. */
  size: number;
  /** Milliseconds since 1970. */
  modified: number;
  executable: boolean;
  /** Its bytes, in pieces of at most 1 MiB; when it throws, the file is left out. Undefined: a folder. */
  content: (() => AsyncIterable<Buffer>) | undefined;
}

export type LifeEvent = { sandboxId: string; action: 'die' | 'oom' | 'pause' | 'unpause'; exitCode: number | null };

/**
 * All that `src/session` asks of a container engine. Every call rejects with a `SandboxError` (Engine…, SandboxGone, …)
 * within its deadline; nothing of the engine library's types is seen above this file.
 */
export interface Engine {
  readonly info: EngineInfo;
  /** It is late with an answer though it answers pings, as under load: it is waited for. */
  readonly isBusy: boolean;
  /** Told when {@link isBusy} changes. */
  onBusy(listener: (isBusy: boolean) => void): { dispose(): void };
  /** Whether this very engine answers at its endpoint: behind a socket that is a link, another one may by now. */
  isStillThere(): Promise<boolean>;
  /** Does nothing by itself any more until a sandbox is created on it again: the window uses another engine. */
  rest(): void;
  /** Creates and starts a hardened container, reads its limits back (LimitNotApplied), gives its id. */
  create(specification: SandboxSpecification, signal?: AbortSignal): Promise<string>;
  /** Runs the relay in the container, its streams hijacked. */
  openStream(containerId: string, signal?: AbortSignal): Promise<ExecStream>;
  /**
   * Changes the memory limit (bytes) of a running sandbox, for engines with the capability `update`. Its tmpfs keep their sizes.
   * Rejects, and changes and ends nothing, where more is in use.
   */
  setMemory(containerId: string, bytes: number): Promise<void>;
  /**
   * Copies files into the sandbox's home, each whole or not at all, with the rights of a cell. Gives what the sandbox could not write:
   * the places in the list, with the error's name (`ENOSPC`). Rejects (`FilesNotCopied` too) if nothing can be said about them.
   */
  putFiles(containerId: string, files: readonly SandboxFile[], signal?: AbortSignal): Promise<Map<number, string>>;
  /** Null: there is no such container. Rejects with `OtherEngine` where another engine answers, which cannot know. */
  inspect(containerId: string): Promise<SandboxState | null>;
  /** One stream of our containers' life per engine, shared by all sessions, reopened when it breaks. */
  onLifeEvent(listener: (event: LifeEvent) => void): { dispose(): void };
  /** All sandboxes of this owner that live, of every window. */
  findSandboxes(owner: string): Promise<FoundSandbox[]>;
  /** Stops and removes, with its volumes; absent is fine. */
  remove(containerId: string): Promise<void>;
  /** Removes all sandboxes of this owner, with what was installed for them. */
  removeAll(owner: string): Promise<void>;
  /** What the container's main process wrote when it could not start, bounded; for StartFailed. */
  logs(containerId: string): Promise<string>;
  /** The derived image for this base and these packages; made if absent, once per content. */
  ensureImage(request: ImageRequest, progress: Progress, signal?: AbortSignal): Promise<string>;
  /** The same, made anew from a base that is pulled again where it can be. Sandboxes that run keep the old one, which then goes with the last of them. */
  rebuildImage(request: ImageRequest, progress: Progress, signal?: AbortSignal): Promise<string>;
  /** Images of ours that no container uses and this request does not name, with their sizes. Those of others are not among them. */
  findUnusedImages(request: ImageRequest): Promise<UnusedImage[]>;
  /** Removes images that {@link findUnusedImages} has given; gives the ids of those that are gone. */
  removeImages(ids: readonly string[]): Promise<string[]>;
  /** What of these images is there; makes and pulls nothing. */
  findImages(request: ImageRequest): Promise<ImagesFound>;
  /**
   * Installs into a sandbox's volume by pip, in a container of the same image that alone has a network; one at a time a volume. However it
   * ends, the volume is whole: with all that was asked for or as it was.
   * @param onLine each line of pip's, without credentials
   * @throws SandboxError `InstallFailed`, `InstallTooLarge`, `Cancelled`
   */
  install(request: InstallRequest, onLine: (line: string) => void, signal?: AbortSignal): Promise<void>;
  /** Absent is fine. */
  removeLibraries(name: string): Promise<void>;
  /** This volume is not swept while this process lives: the sandbox of an earlier window had it, and the next one of its notebook may get it. */
  holdLibraries(name: string): void;
  /** Whether a volume of this name is there. */
  hasLibraries(name: string): Promise<boolean>;
  /** uids of all our sandboxes on this engine, so that each gets one of its own. */
  usedUids(): Promise<Set<number>>;
  dispose(): void;
}

export interface UnusedImage {
  id: string;
  /** For people: its tag, or where it has none the beginning of its id. */
  name: string;
  /** The base as the setting named it; '' = not known. */
  base: string;
  /** Bytes that go with it, beside what it shares with the image that it is made of; all of it where the engine does not tell that. */
  bytes: number;
  /** Milliseconds since 1970, to the day. */
  lastUse: number;
}

/** Ids of the images behind a request, null where there is none. */
export interface ImagesFound {
  base: string | null;
  derived: string | null;
}
export interface InstallRequest {
  /** The sandbox, whose very image pip must run in. */
  containerId: string;
  /** The sandbox's volume. */
  libraries: string;
  /** pip requirements, validated. */
  requirements: readonly string[];
  options: readonly InstallOption[];
  network: InstallNetwork;
  /** Bytes of the volume with all that pip needs meanwhile; default {@link MAX_LIBRARIES_BYTES}. */
  limit?: number;
}
/** Bytes. */
export const MAX_LIBRARIES_BYTES = 4 * 2 ** 30;

export interface ImageRequest {
  /** Reference of the base image (setting `image`). */
  base: string;
  /** pip requirements (setting `packages`), validated. */
  packages: readonly string[];
  /** Folder with the runner's files as shipped in the extension. */
  runnerFolder: string;
  /** Lent to pip, never left in the image. */
  network: InstallNetwork;
}
