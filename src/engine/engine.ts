import type { Duplex, Readable } from 'node:stream';
import type { Progress } from './progress';

/** What this engine can do; the rest of the product asks here and never for a product's name. */
export interface EngineCapabilities {
  /** Limits of a running container can be changed. */
  update: boolean;
  /** `uid=`/`gid=` options of a tmpfs are understood. */
  tmpfsUid: boolean;
}

export interface EngineInfo {
  product: 'docker' | 'podman' | 'unknown';
  version: string;
  apiVersion: string;
  /** For messages, without credentials: `unix:///var/run/docker.sock`. */
  endpoint: string;
  /** Cores. */
  cpus: number;
  /** Bytes; 0 = not told. */
  memory: number;
  /** Containers run under the engine's seccomp profile. */
  seccomp: boolean;
  capabilities: EngineCapabilities;
}

/** Everything that is fixed when a sandbox is created. Bytes, counts; see README "How safe it is, and is not". */
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

export type LifeEvent = { sandboxId: string; action: 'die' | 'oom' | 'pause' | 'unpause'; exitCode: number | null };

/**
 * All that `src/session` asks of a container engine. Every call rejects with a `SandboxError` (Engine…, SandboxGone, …)
 * within its deadline; nothing of the engine library's types is seen above this file.
 */
export interface Engine {
  readonly info: EngineInfo;
  /** Creates and starts a hardened container, reads its limits back (LimitNotApplied), gives its id. */
  create(specification: SandboxSpecification, signal?: AbortSignal): Promise<string>;
  /** Runs the relay in the container, its streams hijacked. */
  openStream(containerId: string, signal?: AbortSignal): Promise<ExecStream>;
  /** Null: there is no such container. */
  inspect(containerId: string): Promise<SandboxState | null>;
  /** One stream of our containers' life per engine, shared by all sessions, reopened when it breaks. */
  onLifeEvent(listener: (event: LifeEvent) => void): { dispose(): void };
  /** Stops and removes, with its volumes; absent is fine. */
  remove(containerId: string): Promise<void>;
  /** What the container's main process wrote when it could not start, bounded; for StartFailed. */
  logs(containerId: string): Promise<string>;
  /** The derived image for this base and these packages; made if absent, once per content. */
  ensureImage(request: ImageRequest, progress: Progress, signal?: AbortSignal): Promise<string>;
  /** uids of all our sandboxes on this engine, so that each gets one of its own. */
  usedUids(): Promise<Set<number>>;
  dispose(): void;
}

export interface ImageRequest {
  /** Reference of the base image (setting `image`). */
  base: string;
  /** pip requirements (setting `packages`), validated. */
  packages: readonly string[];
  /** Folder with the runner's files as shipped in the extension. */
  runnerFolder: string;
  /** PEM text of additional certificate authorities for pip, never left in the image; undefined = none. */
  caBundle: string | undefined;
}
