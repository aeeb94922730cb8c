import { randomUUID } from 'node:crypto';
import type Docker from 'dockerode';
import type { Log } from '../log';
import type { SandboxSpecification } from './engine';
import { isNotFound, type Requests } from './request';
import { LABELS, SANDBOX_VERSION } from './specification';
import { sweepEach } from './sweep';

/** A name for a volume of libraries, as no other sandbox has it. */
export const librariesName = (): string => `sandboxed-ipython-libraries-${randomUUID()}`;

/** Name of the container that installs into such a volume. */
export const installerOf = (libraries: string): string => libraries.replace('libraries', 'install');

/** The volumes with what is installed into sandboxes. Engines remove no named volume with its container. */
export class Libraries {
  /** Volumes that sandboxes of this process have or have had, or are to get. */
  readonly #held = new Set<string>();

  constructor(
    private readonly docker: Docker,
    private readonly requests: Requests,
    private readonly log: Log,
  ) {}

  /** Makes the sandbox's volume unless it is there, with what was installed for the sandbox before. */
  async ensure({ libraries, owner }: SandboxSpecification, signal?: AbortSignal): Promise<void> {
    this.hold(libraries);
    await this.requests.run(
      'create volume',
      (abortSignal) =>
        this.docker.createVolume({
          Name: libraries,
          Labels: {
            [LABELS.version]: SANDBOX_VERSION,
            [LABELS.owner]: owner,
            [LABELS.created]: new Date().toISOString(),
          },
          abortSignal,
        } as object),
      { signal },
    );
  }

  async has(name: string): Promise<boolean> {
    try {
      await this.requests.run('inspect volume', (abortSignal) =>
        this.docker.getVolume(name).inspect({ abortSignal } as object),
      );
      return true;
    } catch (error) {
      if (isNotFound(error)) {
        return false;
      }
      throw error;
    }
  }

  async remove(name: string): Promise<void> {
    this.#held.delete(name);
    try {
      await this.requests.run('remove volume', (abortSignal) =>
        this.docker.getVolume(name).remove({ abortSignal } as object),
      );
    } catch (error) {
      if (!isNotFound(error)) {
        throw error;
      }
    }
  }

  /** Names of all that are the owner's. */
  async of(owner: string): Promise<string[]> {
    return (await this.#list(owner)).map(({ Name }) => Name);
  }

  /** Removes all of the owner's volumes that no container has. */
  async removeAll(owner: string): Promise<void> {
    for (const { Name } of await this.#list(owner, { dangling: ['true'] })) {
      await this.remove(Name);
    }
  }

  /** From now on a window of this process has a use for this volume, also while no container has it. */
  hold(name: string): void {
    this.#held.add(name);
  }

  /**
   * Removes the owner's volumes that no container has had for a week, as far as sweeps have seen. When a volume was used last no engine tells:
   * the first sweep that sees it without a container marks it by another volume, which holds nothing and goes with the next use. A window
   * takes the marks of those that it holds away, so that no notebook which is open for weeks loses its libraries to another window's sweep.
   * @param unused milliseconds after a mark, `fresh` after the making, that a volume is left alone
   */
  async sweep(owner: string, { unused, fresh }: { unused: number; fresh: number }): Promise<void> {
    const dangling = await this.#list(owner, { dangling: ['true'] });
    const marks = new Map(
      dangling.flatMap((volume): [string, Docker.VolumeInspectInfo][] => {
        const marked = volume.Labels[LABELS.unused];
        return marked === undefined ? [] : [[marked, volume]];
      }),
    );
    const idle = new Map(
      dangling
        .filter(({ Name, Labels }) => Labels[LABELS.unused] === undefined && !this.#held.has(Name))
        .map((volume) => [volume.Name, volume]),
    );
    await sweepEach(
      'libraries',
      idle.keys(),
      async (name) => {
        const [volume, mark] = [idle.get(name), marks.get(name)];
        if (mark === undefined) {
          if (volume !== undefined && ageOf(volume) > fresh) {
            await this.#mark(owner, name);
          }
        } else if (ageOf(mark) > unused) {
          await this.remove(name);
          await this.remove(mark.Name);
        }
      },
      this.log,
    );
    const outdated = [...marks].filter(([name]) => !idle.has(name)); // of what is in use again, held, or gone
    await sweepEach(
      'a mark of libraries',
      outdated.map(([, { Name }]) => Name),
      (name) => this.remove(name),
      this.log,
    );
  }

  async #mark(owner: string, name: string): Promise<void> {
    await this.requests.run('create volume', (abortSignal) =>
      this.docker.createVolume({
        Name: `${name}-unused`,
        Labels: {
          [LABELS.version]: SANDBOX_VERSION,
          [LABELS.owner]: owner,
          [LABELS.created]: new Date().toISOString(),
          [LABELS.unused]: name,
        },
        abortSignal,
      } as object),
    );
  }

  /** Whose they are is not asked by a filter: of two filters some engines give what fits one of them. */
  async #list(owner: string, filters: Record<string, string[]> = {}): Promise<Docker.VolumeInspectInfo[]> {
    const { Volumes } = await this.requests.run('list volumes', (abortSignal) => {
      const options = { filters, abortSignal };
      return this.docker.listVolumes(options as object);
    });
    return (Volumes ?? []).filter(({ Labels }) => Labels?.[LABELS.owner] === owner); // some say null for no volume
  }
}

/** Milliseconds since it was made, by its label. */
const ageOf = ({ Labels }: Docker.VolumeInspectInfo): number => Date.now() - Date.parse(Labels[LABELS.created] ?? '');
