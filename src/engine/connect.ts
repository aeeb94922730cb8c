import type Docker from 'dockerode';
import { silentLog, type Log } from '../log';
import { SandboxError, isSandboxError, type FailureCode } from '../protocol/errors';
import type { Endpoint } from './address';
import { EngineAgent } from './connections';
import { DockerEngine } from './docker-engine';
import { endpointCandidates } from './endpoint';
import type { HostEnvironment } from './host-environment';
import type { Engine, EngineInfo } from './engine';
import { engineId } from './identity';
import type { Deadlines } from './deadlines';
import { Pulse } from './pulse';
import { Requests } from './request';
import { readSystemInfo } from './system-info';
import { readSmallFile } from './small-file';

/** Docker 19.03 and every Podman that speaks Docker's API. */
const MIN_API_VERSION = '1.40';
/** From Docker 26 on, every container has the IPv6 loopback if the machine supports it. */
const IPV6_LOOPBACK_API_VERSION = '1.45';

export interface ConnectOptions extends HostEnvironment {
  log?: Log;
  signal?: AbortSignal;
  /** Default: `DEADLINES_MS`. */
  deadlines?: Deadlines;
  /** Called when the engine becomes busy (it answers pings, but requests too late) and when it no longer is; also during the connection. */
  onBusy?: (isBusy: boolean) => void;
}

/**
 * Connects to the first engine that answers. If it fails, it keeps no state and can be called again.
 * @throws SandboxError `EngineNotFound {tried, reason?, by?, context?, detail?}`, `EngineDenied {endpoint}`,
 * `EngineTooOld {endpoint, version, apiVersion, required}`, `EngineSilent {endpoint, request, timeout}`, `EngineBusy` (the same),
 * `EngineFailed`, `Cancelled`; with several endpoints the most informative of their failures
 */
export async function connectEngine(options: ConnectOptions): Promise<Engine> {
  return connectToFirst(await endpointCandidates(options, readSmallFile), options);
}

/** Connects to the first of these endpoints that answers, like {@link connectEngine}. */
export async function connectToFirst(
  candidates: readonly Endpoint[],
  options: Omit<ConnectOptions, keyof HostEnvironment> = {},
): Promise<Engine> {
  const log = options.log ?? silentLog;
  const failures: SandboxError[] = [];
  for (const endpoint of candidates) {
    try {
      const engine = await connectTo(endpoint, options, log);
      log.info(
        `engine: ${engine.info.product} ${engine.info.version} (API ${engine.info.apiVersion}) at ${endpoint.label}`,
      );
      return engine;
    } catch (error) {
      if (!isSandboxError(error) || error.code === 'Cancelled') {
        throw error;
      }
      log.debug(`engine: ${endpoint.label}: ${error.code}`);
      failures.push(error);
    }
  }
  const telling: FailureCode[] = ['EngineDenied', 'EngineTooOld', 'EngineBusy', 'EngineFailed', 'EngineSilent'];
  const best = telling.flatMap((code) => failures.filter((failure) => failure.code === code))[0];
  if (best) {
    throw best;
  }
  const tried = candidates.map(({ label }) => label).join(', ');
  throw new SandboxError(
    'EngineNotFound',
    { tried, ...candidates[0]?.named, ...pick(candidates.length === 1 ? failures[0]?.params : undefined) },
    { cause: failures[0] },
  );
}

const pick = (params: SandboxError['params'] | undefined): { reason?: string | number | boolean } =>
  params?.['reason'] === undefined ? {} : { reason: params['reason'] };

async function connectTo(
  endpoint: Endpoint,
  { signal, deadlines, onBusy }: Pick<ConnectOptions, 'signal' | 'deadlines' | 'onBusy'>,
  log: Log,
): Promise<Engine> {
  const docker = await client(endpoint);
  const pulse = new Pulse((abortSignal) => (docker as unknown as Probe).ping({ abortSignal }));
  if (onBusy) {
    pulse.onBusy(onBusy);
  }
  const requests = new Requests(endpoint.label, log, pulse, deadlines);
  const probe = docker as unknown as Probe;
  try {
    const version = await requests.run('version', (abortSignal) => probe.version({ abortSignal }), { signal });
    if (typeof version.ApiVersion !== 'string' || typeof version.Version !== 'string') {
      throw new SandboxError('EngineFailed', {
        endpoint: endpoint.label,
        request: 'version',
        status: 200,
        reason: 'the answer is not that of a container engine',
      });
    }
    if (isOlder(version.ApiVersion, MIN_API_VERSION)) {
      throw new SandboxError('EngineTooOld', {
        endpoint: endpoint.label,
        version: version.Version,
        apiVersion: version.ApiVersion,
        required: MIN_API_VERSION,
      });
    }
    const machine = await readSystemInfo(docker, requests, signal);
    const product = productOf(version);
    const info: EngineInfo = {
      id: engineId(product, endpoint.label, machine),
      product,
      version: version.Version,
      apiVersion: version.ApiVersion,
      endpoint: endpoint.label,
      context: endpoint.named && 'context' in endpoint.named ? endpoint.named.context : '',
      cpus: machine.NCPU || 1,
      memory: machine.MemTotal ?? 0,
      // Docker and Podman both list a seccomp profile if they have one, so an engine that lists none has none
      seccomp: (machine.SecurityOptions ?? []).some(
        (option) => /name=seccomp/.test(option) && !/unconfined/.test(option),
      ),
      capabilities:
        product === 'podman'
          ? {
              update: false,
              tmpfsCopiesUp: true,
              writableFolders: ['/run', '/var/tmp'],
              hidesCapabilities: true,
              lacksIPv6Loopback: false,
            }
          : {
              update: product === 'docker',
              tmpfsCopiesUp: false,
              writableFolders: [],
              hidesCapabilities: false,
              lacksIPv6Loopback: product === 'docker' && isOlder(version.ApiVersion, IPV6_LOOPBACK_API_VERSION),
            },
    };
    return new DockerEngine(docker, requests, info, log);
  } catch (error) {
    requests.dispose();
    throw error;
  }
}

/** The requests to an unknown engine. The client's own types lack their options. */
interface Probe {
  ping(options: { abortSignal: AbortSignal }): Promise<unknown>;
  version(options: { abortSignal: AbortSignal }): Promise<Partial<Docker.DockerVersion>>;
}

/**
 * Every option that the client would else take from its own process's environment is named. The library, most of this extension's code
 * by size, is loaded here and not when VS Code activates the extension, which it does for every notebook.
 */
async function client(endpoint: Endpoint): Promise<Docker> {
  const { default: Docker } = await import('dockerode');
  const fixed = {
    protocol: 'http' as const,
    pathPrefix: '/',
    username: undefined,
    ca: undefined,
    cert: undefined,
    key: undefined,
    timeout: undefined,
    agent: new EngineAgent(),
  };
  const options =
    'socketPath' in endpoint
      ? { ...fixed, socketPath: endpoint.socketPath, host: undefined, port: undefined }
      : { ...fixed, host: endpoint.host, port: endpoint.port };
  try {
    return new Docker(options);
  } catch (cause) {
    // the client reads DOCKER_CERT_PATH before its options
    throw new SandboxError(
      'EngineNotFound',
      { tried: endpoint.label, reason: cause instanceof Error ? cause.message : String(cause) },
      { cause },
    );
  }
}

function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [requiredMajor = 0, requiredMinor = 0] = than.split('.').map(Number);
  return !(major > requiredMajor || (major === requiredMajor && minor >= requiredMinor));
}

function productOf(version: Partial<Docker.DockerVersion>): EngineInfo['product'] {
  const names = [version.Platform?.Name, ...(version.Components ?? []).map(({ Name }) => Name)].join(' ');
  if (/podman/i.test(names)) {
    return 'podman';
  }
  return /docker|engine|moby/i.test(names) ? 'docker' : 'unknown';
}
