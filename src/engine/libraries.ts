import { randomUUID } from 'node:crypto';
import type Docker from 'dockerode';
import type { Log } from '../log';
import type { SandboxSpecification } from './engine';
import { isNotFound, type Requests } from './request';
import { LABELS, SANDBOX_VERSION } from './specification';
import { sweepEach } from './sweep';

/** A new, unique name for a volume of libraries. */
export const librariesName = (): string => `sandboxed-ipython-libraries-${randomUUID()}`;

/** Name of the container that installs into a volume. */
export const installerOf = (libraries: string): string => libraries.replace('libraries', 'install');

/** The volumes with the packages that are installed into sandboxes. Engines do not remove a named volume together with its container. */
export class Libraries {
  /** Volumes that sandboxes of this process use, have used or are going to use. */
  readonly #held = new Set<string>();

  constructor(
    private readonly docker: Docker,
    private readonly requests: Requests,
    private readonly log: Log,
  ) {}

  /** Creates the sandbox's volume unless it exists. An existing volume keeps the packages of an earlier sandbox. */
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

  /** Names of all volumes of an owner. */
  async of(owner: string): Promise<string[]> {
    return (await this.#list(owner)).map(({ Name }) => Name);
  }

  /** Removes all volumes of an owner that no container uses. */
  async removeAll(owner: string): Promise<void> {
    for (const { Name } of await this.#list(owner, { dangling: ['true'] })) {
      await this.remove(Name);
    }
  }

  /** Keeps a volume from being swept by this process, also while no container uses it. */
  hold(name: string): void {
    this.#held.add(name);
  }

  /**
   * Removes the owner's volumes that no container has used for a week, as far as sweeps have seen. No engine tells when a volume was last
   * used, so the first sweep that finds a volume without a container marks it with another, empty volume, which is removed at the next use.
   * A window removes the marks of volumes that it holds, so that a notebook which is open for weeks does not lose its libraries to the
   * sweep of another window.
   * @param unused milliseconds that a volume is kept after its mark
   * @param fresh milliseconds after its creation in which a volume is not marked
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
    const outdated = [...marks].filter(([name]) => !idle.has(name)); // marks of volumes that are in use again, held or removed
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

  /** Lists volumes. The owner is not a filter, because some engines combine two filters with "or". */
  async #list(owner: string, filters: Record<string, string[]> = {}): Promise<Docker.VolumeInspectInfo[]> {
    const { Volumes } = await this.requests.run('list volumes', (abortSignal) => {
      const options = { filters, abortSignal };
      return this.docker.listVolumes(options as object);
    });
    return (Volumes ?? []).filter(({ Labels }) => Labels?.[LABELS.owner] === owner); // some engines give null for an empty list
  }
}

/** Milliseconds since a volume's creation, by its label. */
const ageOf = ({ Labels }: Docker.VolumeInspectInfo): number => Date.now() - Date.parse(Labels[LABELS.created] ?? '');
