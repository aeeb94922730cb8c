import { randomUUID } from 'node:crypto';
import type Docker from 'dockerode';
import type { SandboxSpecification } from './engine';
import { isMissing, type Requests } from './request';
import { LABELS, SANDBOX_VERSION } from './specification';

/** A name for a volume of libraries, as no other sandbox has it. */
export const librariesName = (): string => `sandboxed-ipython-libraries-${randomUUID()}`;

/** Name of the container that installs into such a volume. */
export const installerOf = (libraries: string): string => libraries.replace('libraries', 'install');

/** The volumes with what is installed into sandboxes. Engines remove no named volume with its container. */
export class Libraries {
  constructor(private readonly docker: Docker, private readonly requests: Requests) {}

  /** Makes the sandbox's volume unless it is there, with what was installed for the sandbox before. */
  async ensure({ libraries, owner }: SandboxSpecification, signal?: AbortSignal): Promise<void> {
    await this.requests.run('create volume', (abortSignal) => this.docker.createVolume({
      Name: libraries, Labels: { [LABELS.version]: SANDBOX_VERSION, [LABELS.owner]: owner, [LABELS.created]: new Date().toISOString() }, abortSignal,
    } as object), { signal });
  }

  async has(name: string): Promise<boolean> {
    try {
      await this.requests.run('inspect volume', (abortSignal) => this.docker.getVolume(name).inspect({ abortSignal } as object));
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  async remove(name: string): Promise<void> {
    try {
      await this.requests.run('remove volume', (abortSignal) => this.docker.getVolume(name).remove({ abortSignal } as object));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  /** Names of all that are the owner's. */
  async of(owner: string): Promise<string[]> { return (await this.list(owner)).map(({ Name }) => Name); }

  /** Removes the owner's volumes that no container has: their window was killed. @param age milliseconds; a younger one may be about to be mounted */
  async sweep(owner: string, age: number): Promise<void> {
    for (const { Name, Labels } of await this.list(owner, { dangling: ['true'] })) {
      const created = Date.parse(Labels?.[LABELS.created] ?? '');
      if (Date.now() - created > age) await this.remove(Name);
    }
  }

  /** Whose they are is not asked by a filter: of two filters some engines give what fits one of them. */
  private async list(owner: string, filters: Record<string, string[]> = {}): Promise<Docker.VolumeInspectInfo[]> {
    const { Volumes } = await this.requests.run('list volumes', (abortSignal) => {
      const options = { filters, abortSignal };
      return this.docker.listVolumes(options as object);
    });
    return (Volumes ?? []).filter(({ Labels }) => Labels?.[LABELS.owner] === owner); // some say null for no volume
  }
}
