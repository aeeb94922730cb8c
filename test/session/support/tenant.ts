import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Engine } from '../../../src/engine/engine';
import { LABELS } from '../../../src/engine/specification';
import { docker, specification } from '../engineTools';
import type { Bases } from './bases';

/** What trials stand on. */
export interface Ground {
  /** To the engine without a proxy. */
  direct: Engine;
  /** The usual derived image. */
  image: string;
  /** An image whose container sleeps: it costs next to nothing to start. */
  sleeper: string;
  /** A base with IPython and, for ensurepip, a pip that does nothing: it is not what is tried. */
  base: string;
  /** A sandbox that is there for all, of this owner. */
  shared: () => Promise<{ id: string; owner: string }>;
  /** Images that go with the test. */
  bases: Bases;
}

/** A user of its own, as whose sandboxes and volumes are labelled what one trial makes. */
export class Tenant {
  readonly owner = `silent-${randomUUID()}`;
  /** Ids of sandboxes that are meant to be there. */
  readonly kept = new Set<string>();
  private readonly filter = [`${LABELS.owner}=${this.owner}`];

  constructor(readonly ground: Ground) {}

  /** A container of its own, which is a sandbox to the engine; of the usual image it is one that runs cells. */
  async sandbox(on = this.ground.direct, image = this.ground.sleeper): Promise<string> {
    const wanted = specification(image, { owner: this.owner });
    const id = await on.create(wanted);
    this.kept.add(wanted.sandboxId);
    return id;
  }

  async containers(): Promise<{ id: string; sandboxId: string }[]> {
    const found = await docker.listContainers({ all: true, filters: { label: this.filter } });
    return found.map(({ Id, Labels }) => ({ id: Id, sandboxId: Labels[LABELS.sandbox] ?? '' }));
  }

  async volumes(): Promise<string[]> {
    return (await docker.listVolumes({ filters: JSON.stringify({ label: this.filter }) })).Volumes.map(
      ({ Name }) => Name,
    );
  }

  /** Containers that should not be there. */
  async left(): Promise<string[]> {
    return (await this.containers())
      .filter(({ sandboxId }) => !this.kept.has(sandboxId))
      .map(({ sandboxId }) => `the container of ${sandboxId}`);
  }

  /** Everything of its own. */
  async all(): Promise<string[]> {
    return [...(await this.containers()).map(({ sandboxId }) => sandboxId), ...(await this.volumes())];
  }

  async end(): Promise<void> {
    await Promise.all((await this.containers()).map(({ id }) => this.ground.direct.remove(id)));
    await Promise.all((await this.volumes()).map((name) => this.ground.direct.removeLibraries(name)));
    assert.deepEqual(await this.all(), []);
  }
}
