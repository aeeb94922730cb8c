import type Docker from 'dockerode';
import { SandboxError } from '../protocol/errors';
import { despiteHalfRemoved, isMissing, isNameTaken, type Requests } from './request';
import { LABELS, SANDBOX_VERSION } from './specification';

export const NETWORK_NAME = 'sandboxed-ipython';

/**
 * The one bridge network that sandboxes are created on and disconnected from before they start: so they have no way out,
 * and can be given one later without being made anew, which a container created without a network cannot.
 */
export class SandboxNetwork {
  /** Engines do not keep two requests at once from making a network each, so this window makes one request. */
  private ensuring: Promise<string> | undefined;

  constructor(private readonly docker: Docker, private readonly requests: Requests) {}

  /** Id of the network, made if absent. Of several (two windows may make one each) all windows choose the oldest, and remove the others. */
  async ensure(signal?: AbortSignal): Promise<string> {
    this.ensuring ??= this.find().finally(() => { this.ensuring = undefined; });
    const id = await this.ensuring;
    if (signal?.aborted) throw new SandboxError('Cancelled', { request: 'create network' });
    return id;
  }

  private async find(): Promise<string> {
    for (let attempt = 0; attempt < 3; attempt++) {
      const [oldest, ...others] = await this.list();
      if (oldest) {
        await Promise.all(others.map(({ Id }) => this.remove(Id).catch(() => undefined))); // one that has just been taken stays
        return oldest.Id;
      }
      try {
        await this.requests.run('create network', (abortSignal) => this.docker.createNetwork({
          Name: NETWORK_NAME, Driver: 'bridge', CheckDuplicate: true, Labels: { [LABELS.version]: SANDBOX_VERSION },
          abortSignal,
        }));
      } catch (error) {
        if (!isNameTaken(error)) throw error;
      }
    }
    throw new SandboxError('StartFailed', { reason: `a network named ${NETWORK_NAME} is in the way` });
  }

  async disconnect(networkId: string, containerId: string, signal?: AbortSignal): Promise<void> {
    await this.requests.run('disconnect network', (abortSignal) =>
      this.docker.getNetwork(networkId).disconnect({ Container: containerId, Force: true, abortSignal }), { signal });
  }

  /** Removes the network unless something is connected. */
  async removeUnused(): Promise<void> {
    for (const { Id } of await this.list()) await this.remove(Id);
  }

  private async remove(id: string): Promise<void> {
    try {
      await this.requests.run('remove network', (abortSignal) => this.docker.getNetwork(id).remove({ abortSignal }));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  private async list(): Promise<Docker.NetworkInspectInfo[]> {
    const found = await despiteHalfRemoved(this.requests, () => this.requests.run('list networks', (abortSignal) => {
      const options = { filters: { name: [NETWORK_NAME], label: [LABELS.version] }, abortSignal };
      return this.docker.listNetworks(options);
    }));
    return found.filter(({ Name }) => Name === NETWORK_NAME).sort((a, b) => a.Created.localeCompare(b.Created) || a.Id.localeCompare(b.Id));
  }
}
