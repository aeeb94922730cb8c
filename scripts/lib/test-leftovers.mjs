import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Docker from 'dockerode';
import { say } from './log.mjs';
import { onShutdown } from './shutdown.mjs';
import { within } from './waiting.mjs';

/** The label of every container, network and volume of the extension. */
const LABEL = 'sandboxed-ipython.version';
/** Milliseconds that an engine may need to remove something, or a browser to end. */
const PATIENCE_MS = 10_000;
const LOOK_MS = 500;

/** Checks that the tests leave nothing behind: no container, network or volume of the extension, no temporary file. */
export class TestLeftovers {
  /**
   * The folder for temporary files of the suites. Files that are in it after the last suite are leftovers. Its name is
   * short, because paths of sockets must be short.
   */
  folder = mkdtempSync(path.join(tmpdir(), 'ipython-test-'));
  /** @type {Map<string, { docker: Docker, before: Promise<ReadonlySet<string>> }>} by what DOCKER_HOST names */
  #engines = new Map();

  constructor() {
    onShutdown('the temporary files of the tests', () =>
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 }),
    );
  }

  /** Records what is on the engine before the tests use it, because that is not left by the tests. */
  watch(host) {
    if (host === undefined || this.#engines.has(host)) {
      return;
    }
    const docker = host.startsWith('unix://')
      ? new Docker({ socketPath: host.slice('unix://'.length), host: undefined })
      : new Docker();
    const before = things(docker);
    before.catch(() => {}); // the last check reports it
    this.#engines.set(host, { docker, before });
  }

  /** @returns {Promise<import('./sums.mjs').Sum>} one test, which says what is left */
  async sum() {
    let left = await this.#left();
    for (const end = Date.now() + PATIENCE_MS; left.length > 0 && Date.now() < end;) {
      await new Promise((wake) => setTimeout(wake, LOOK_MS));
      left = await this.#left();
    }
    for (const one of left) {
      say(`left behind by the tests: ${one}`);
    }
    return left.length === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 };
  }

  async #left() {
    const left = readdirSync(this.folder).map((name) => `file ${name}`);
    for (const [host, { docker, before }] of this.#engines) {
      try {
        const known = await before;
        left.push(
          ...[...(await things(docker))].filter((thing) => !known.has(thing)).map((thing) => `${thing} (${host})`),
        );
      } catch (error) {
        left.push(`${host} does not say what it has: ${error instanceof Error ? error.message : error}`);
      }
    }
    return left;
  }
}

/** @param {Docker} docker @returns {Promise<ReadonlySet<string>>} */
async function things(docker) {
  const filters = { label: [LABEL] };
  const [containers, networks, { Volumes }] = await within(
    Promise.all([
      docker.listContainers({ all: true, filters }),
      docker.listNetworks({ filters }),
      docker.listVolumes({ filters }),
    ]),
    30_000,
    'The list of what the tests left',
  );
  return new Set([
    ...containers.map(
      ({ Names, Status, Labels }) =>
        `container ${Names[0]} ${/^\w+/.exec(Status)?.[0] ?? ''} of ${Labels['sandboxed-ipython.owner'] ?? 'nobody'}`,
    ),
    ...networks.map(({ Name }) => `network ${Name}`),
    ...(Volumes ?? []).map(
      ({ Name, Labels }) => `volume ${Name} of ${Labels?.['sandboxed-ipython.owner'] ?? 'nobody'}`,
    ),
  ]);
}
