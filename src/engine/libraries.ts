import { randomUUID } from 'node:crypto';
import type Docker from 'dockerode';
import type { SandboxSpecification } from './engine';
import { isMissing, type Requests } from './request';
import { LABELS, SANDBOX_VERSION } from './specification';

/** A name for a volume of libraries, as no other sandbox has it. */
export const librariesName = (): string => `sandboxed-ipython-libraries-${randomUUID()}`;

/** The volumes with what is installed into sandboxes. Engines remove no named volume with its container. */
export class Libraries {
  constructor(private readonly docker: Docker, private readonly requests: Requests) {}

  /** Makes the sandbox's volume unless it is there, with what was installed for the sandbox before. */
  async ensure({ libraries, owner }: SandboxSpecification, signal?: AbortSignal): Promise<void> {
    await this.requests.run('create volume', (abortSignal) => this.docker.createVolume({
      Name: libraries, Labels: { [LABELS.version]: SANDBOX_VERSION, [LABELS.owner]: owner, [LABELS.created]: new Date().toISOString() }, abortSignal,
    } as object), { signal });
  }

  async remove(name: string): Promise<void> {
    try {
      await this.requests.run('remove volume', (abortSignal) => this.docker.getVolume(name).remove({ abortSignal } as object));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  /** Removes the owner's volumes that no container has: their window was killed. @param age milliseconds; a younger one may be about to be mounted */
  async sweep(owner: string, age: number): Promise<void> {
    const { Volumes } = await this.requests.run('list volumes', (abortSignal) => {
      const options = { filters: { label: [`${LABELS.owner}=${owner}`], dangling: ['true'] }, abortSignal };
      return this.docker.listVolumes(options as object);
    });
    for (const { Name, Labels } of Volumes ?? []) {
      const created = Date.parse(Labels?.[LABELS.created] ?? '');
      if (Date.now() - created > age) await this.remove(Name);
    }
  }
}
