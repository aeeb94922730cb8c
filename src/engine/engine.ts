import type { Duplex, Readable } from 'node:stream';
import type { InstallNetwork } from './image/install-network';
import type { InstallOption } from '../protocol/messages';
import type { Progress } from './progress';

/** What an engine can do. Other code checks these capabilities and never the name of a product. */
export interface EngineCapabilities {
  /** The limits of a running container can be changed. */
  update: boolean;
  /** A tmpfs starts with a copy of the image's files at its path, without their modes, unless it has the option `notmpcopyup`. */
  tmpfsCopiesUp: boolean;
  /** Folders that the engine makes writable in a container with a read-only root, unless the container's options mount something there. */
  writableFolders: readonly string[];
  /** Its inspection of a container through Docker's API tells which of the default capabilities were dropped, but not which are left. */
  hidesCapabilities: boolean;
  /** A container without a network lacks the address `::1`, which its hosts file contains, unless a kernel parameter enables it. */
  lacksIPv6Loopback: boolean;
}

export interface EngineInfo {
  /** Identifies this engine, see `identity.ts`. It stays the same after a restart and an upgrade of the engine. */
  id: string;
  product: 'docker' | 'podman' | 'unknown';
  version: string;
  apiVersion: string;
  /** For messages, without credentials: `unix:///var/run/docker.sock`. */
  endpoint: string;
  /** The Docker context that names the engine; '' = none. */
  context: string;
  /** Cores. */
  cpus: number;
  /** Memory of the engine's machine in bytes; 0 = unknown. */
  memory: number;
  /** Containers run under the engine's seccomp profile. */
  seccomp: boolean;
  capabilities: EngineCapabilities;
}

/** Everything that is fixed when a sandbox is created. Sizes are in bytes. See SECURITY.md. */
export interface SandboxSpecification {
  /** Random id, used in the container's name and label. */
  sandboxId: string;
  /** Random id of this installation of the extension. */
  owner: string;
  /** The notebook's location when the sandbox was created, for display only; never used as a path. */
  notebookHint: string;
  image: string;
  uid: number;
  memory: number;
  cpus: number;
  pids: number;
  /** Maximum size of the event log in bytes. */
  logBudget: number;
  /** Maximum output of one cell in bytes. */
  maxOutput: number;
  historySize: number;
  /** Seconds; used only if inotify is not available. */
  pollInterval: number;
  /** Seconds after which a sandbox without an attached host ends. */
  lease: number;
  /** Seconds after which an unused sandbox ends; 0 = never. */
  idle: number;
  /** Name of the volume with the installed packages, from `librariesName`. It is read-only in the sandbox and created if absent. */
  libraries: string;
}

/** An existing sandbox, as its engine lists it. */
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

/** The streams of one exec in a sandbox. They end with the process or with the connection, whichever ends first. */
export interface ExecStream {
  /** Writing goes to the stdin of the process, reading comes from its stdout. */
  readonly stream: Duplex;
  readonly stderr: Readable;
  /** Closes the connection. Safe to call twice. */
  destroy(): void;
}

/** A file or a folder to copy into a sandbox's home. */
export interface SandboxFile {
  /** Path relative to the home, with valid names separated by `/`. */
  path: string;
  /** Expected size in bytes. */
  size: number;
  /** Milliseconds since 1970. */
  modified: number;
  executable: boolean;
  /** Gives the bytes of the file, in pieces of at most 1 MiB; if it throws, the file is left out. Undefined for a folder. */
  content: (() => AsyncIterable<Buffer>) | undefined;
}

export type LifeEvent = { sandboxId: string; action: 'die' | 'oom' | 'pause' | 'unpause'; exitCode: number | null };

/**
 * A container engine, as `src/session` uses it. Every call settles within its deadline and rejects with a `SandboxError` (Engine…,
 * SandboxGone, …). No types of the engine's client library are visible outside `src/engine`.
 */
export interface Engine {
  readonly info: EngineInfo;
  /** Whether the engine answers pings but is late with an answer, as under load. Requests then wait longer. */
  readonly isBusy: boolean;
  /** Adds a listener for changes of {@link isBusy}. */
  onBusy(listener: (isBusy: boolean) => void): { dispose(): void };
  /** Whether this engine still answers at its endpoint. If the socket is a link, another engine may answer there by now. */
  isStillThere(): Promise<boolean>;
  /** Stops all background work until a sandbox is created on this engine again. Call when the window uses another engine. */
  rest(): void;
  /** Creates and starts a hardened container and gives its id. Rejects with `LimitNotApplied` if the engine did not apply a limit. */
  create(specification: SandboxSpecification, signal?: AbortSignal): Promise<string>;
  /** Runs the relay in the container and gives its streams. */
  openStream(containerId: string, signal?: AbortSignal): Promise<ExecStream>;
  /**
   * Changes the memory limit (bytes) of a running sandbox, for engines with the capability `update`. The sizes of its tmpfs stay.
   * Rejects without any change if more memory is in use.
   */
  setMemory(containerId: string, bytes: number): Promise<void>;
  /**
   * Copies files into the sandbox's home, with the rights of a cell. Each file is copied completely or not at all. Gives the files that the
   * sandbox could not write: their indexes in the list, with the name of the error (`ENOSPC`). Rejects, also with `FilesNotCopied`, if
   * the result is unknown.
   */
  putFiles(containerId: string, files: readonly SandboxFile[], signal?: AbortSignal): Promise<Map<number, string>>;
  /** Gives null if the container does not exist. Rejects with `OtherEngine` if another engine answers, which cannot know that. */
  inspect(containerId: string): Promise<SandboxState | null>;
  /** Adds a listener for events of our containers. All sessions share one stream of events, which is opened again when it breaks. */
  onLifeEvent(listener: (event: LifeEvent) => void): { dispose(): void };
  /** All running or paused sandboxes of this owner, of every window. */
  findSandboxes(owner: string): Promise<FoundSandbox[]>;
  /** Stops and removes a container with its anonymous volumes. Resolves if it does not exist. */
  remove(containerId: string): Promise<void>;
  /** Removes all sandboxes of this owner with their libraries. */
  removeAll(owner: string): Promise<void>;
  /** The last output of the container's main process, bounded; for `StartFailed`. */
  logs(containerId: string): Promise<string>;
  /** Gives the derived image for this base and these packages. Builds it if it does not exist. */
  ensureImage(request: ImageRequest, progress: Progress, signal?: AbortSignal): Promise<string>;
  /**
   * Builds the derived image again, from a base that is pulled again if possible. Running sandboxes keep the old image, which a later sweep
   * removes.
   */
  rebuildImage(request: ImageRequest, progress: Progress, signal?: AbortSignal): Promise<string>;
  /** The images of this extension that no container uses and this request does not name, with their sizes. */
  findUnusedImages(request: ImageRequest): Promise<UnusedImage[]>;
  /** Removes images that {@link findUnusedImages} has found. Gives the ids of those that were removed. */
  removeImages(ids: readonly string[]): Promise<string[]>;
  /** Finds which of the images of a request exist. Builds and pulls nothing. */
  findImages(request: ImageRequest): Promise<ImagesFound>;
  /**
   * Installs packages into a sandbox's volume with pip, in a separate container of the same image that has a network. Only one install at a
   * time runs for each volume. However it ends, the volume has either all requested packages or its previous content.
   * @param onLine called with each line that pip prints, without credentials
   * @throws SandboxError `InstallFailed`, `InstallTooLarge`, `Cancelled`
   */
  install(request: InstallRequest, onLine: (line: string) => void, signal?: AbortSignal): Promise<void>;
  /** Removes a volume of libraries. Resolves if it does not exist. */
  removeLibraries(name: string): Promise<void>;
  /**
   * Keeps this volume from being swept while this process lives: the sandbox of an earlier window used it, and the notebook's next one may.
   */
  holdLibraries(name: string): void;
  /** Whether a volume with this name exists. */
  hasLibraries(name: string): Promise<boolean>;
  /** The uids of all our sandboxes on this engine. Each sandbox needs its own. */
  usedUids(): Promise<Set<number>>;
  dispose(): void;
}

export interface UnusedImage {
  id: string;
  /** For display: the image's tag, or the beginning of its id if it has no tag. */
  name: string;
  /** The base image as the setting named it; '' = unknown. */
  base: string;
  /** Bytes that its removal frees: its size without its parent image, or its whole size if the engine does not tell the parent. */
  bytes: number;
  /** Milliseconds since 1970, with a precision of a day. */
  lastUse: number;
}

/** Ids of the images of a request; null if an image does not exist. */
export interface ImagesFound {
  base: string | null;
  derived: string | null;
}
export interface InstallRequest {
  /** The sandbox's container. Pip must run in the same image. */
  containerId: string;
  /** The sandbox's volume. */
  libraries: string;
  /** pip requirements, validated. */
  requirements: readonly string[];
  options: readonly InstallOption[];
  network: InstallNetwork;
  /** Maximum bytes in the volume, including pip's temporary files; default {@link MAX_LIBRARIES_BYTES}. */
  limit?: number;
}
export const MAX_LIBRARIES_BYTES = 4 * 2 ** 30;

export interface ImageRequest {
  /** Reference of the base image (setting `image`). */
  base: string;
  /** pip requirements (setting `packages`), validated. */
  packages: readonly string[];
  /** Folder with the runner's files as shipped in the extension. */
  runnerFolder: string;
  /** Used by pip and never left in the image. */
  network: InstallNetwork;
}
