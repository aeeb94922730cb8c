import { createHash } from 'node:crypto';
import { posix, win32 } from 'node:path';
import { SandboxError } from '../protocol/errors';
import { parseAddress, type Endpoint, type NamedBy } from './address';
import type { HostEnvironment, ReadFile } from './host-environment';

/** Access to Docker's own files: its configuration and its contexts. */
interface DockerFolder {
  read: ReadFile;
  path: (...parts: string[]) => string;
}

/**
 * The endpoint of the current Docker context; undefined for `default`, which names no endpoint.
 * `DOCKER_CONTEXT` overrides `currentContext` of the configuration. Source: docker/cli cli/command/cli.go, resolveContextName
 * @throws SandboxError `EngineNotFound {tried, reason, by, context?, detail?}`: reason `contextMissing`, `contextBroken` or `configBroken`,
 * or those of {@link parseAddress}
 */
export async function contextEndpoint(
  { platform, env, home }: HostEnvironment,
  read: ReadFile,
): Promise<Endpoint | undefined> {
  const paths = platform === 'win32' ? win32 : posix;
  const root = env['DOCKER_CONFIG'] || paths.join(home, '.docker');
  const folder: DockerFolder = { read, path: (...parts) => paths.join(root, ...parts) };
  const asked = env['DOCKER_CONTEXT'];
  const context = asked || (await configuredContext(folder));
  if (!context || context === 'default') {
    return undefined;
  }
  const named: NamedBy = { by: asked ? 'DOCKER_CONTEXT' : 'currentContext', context };
  const { host, tls } = await contextAddress(context, folder, named);
  // an empty address means Docker's default engine
  return parseAddress(host || (platform === 'win32' ? 'npipe://' : 'unix://'), named, tls);
}

async function configuredContext({ read, path }: DockerFolder): Promise<string> {
  const tried = path('config.json');
  try {
    const text = await read(tried);
    // Docker's CLI also treats an empty file as an empty configuration
    const current = text?.trim() ? (field(JSON.parse(text), 'currentContext') ?? '') : '';
    if (typeof current !== 'string') {
      throw new TypeError('currentContext is no text');
    }
    return current;
  } catch (cause) {
    // as after `sudo docker login`; Docker's CLI ignores such a file too
    if (isDenied(cause)) {
      return '';
    }
    throw new SandboxError(
      'EngineNotFound',
      { tried, reason: 'configBroken', by: 'currentContext', detail: wordsOf(cause) },
      { cause },
    );
  }
}

/** Reads the address of a context, which is stored in a folder named by the digest of its name. Source: docker/cli cli/context/store */
async function contextAddress(
  context: string,
  { read, path }: DockerFolder,
  named: NamedBy,
): Promise<{ host: string; tls: boolean }> {
  const id = createHash('sha256').update(context).digest('hex');
  const tried = path('contexts', 'meta', id, 'meta.json');
  const refuse = (reason: string, detail = '', cause?: unknown): never => {
    throw new SandboxError('EngineNotFound', { tried, reason, ...named, ...(detail && { detail }) }, { cause });
  };
  try {
    const text = await read(tried);
    if (text === undefined) {
      return refuse('contextMissing');
    }
    const endpoint = field(field(JSON.parse(text), 'Endpoints'), 'docker');
    const host = field(endpoint, 'Host') ?? '';
    if (endpoint === undefined || typeof host !== 'string') {
      return refuse('contextBroken', 'it names no Docker engine');
    }
    const certificates = await Promise.all(
      ['ca.pem', 'cert.pem'].map((name) => read(path('contexts', 'tls', id, 'docker', name))),
    );
    return { host, tls: field(endpoint, 'SkipTLSVerify') === true || certificates.some((file) => file !== undefined) };
  } catch (cause) {
    if (cause instanceof SandboxError) {
      throw cause;
    }
    return refuse('contextBroken', wordsOf(cause), cause);
  }
}

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);
const isDenied = (error: unknown): boolean => ['EACCES', 'EPERM'].includes(String(codeOf(error)));
const wordsOf = (error: unknown): string => {
  const code = codeOf(error);
  return typeof code === 'string' ? code : error instanceof Error ? error.message : String(error);
};
