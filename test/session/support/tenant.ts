import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Engine } from '../../../src/engine/engine';
import { LABELS } from '../../../src/engine/specification';
import { docker, specification } from '../engineTools';
import type { Bases } from './bases';

/** What all trials share. */
export interface Ground {
  /** The engine without a proxy. */
  direct: Engine;
  /** The usual derived image. */
  image: string;
  /** An image whose container sleeps, so that its start takes almost no time. */
  sleeper: string;
  /** A base with IPython, in which the pip of ensurepip does nothing, because pip is not tested here. */
  base: string;
  /** Returns a sandbox that all trials share, and its owner. */
  shared: () => Promise<{ id: string; owner: string }>;
  /** Images that are removed after the test. */
  bases: Bases;
}

/** The owner of the sandboxes and volumes that one trial makes, as their labels say. */
export class Tenant {
  readonly owner = `silent-${randomUUID()}`;
  /** Ids of sandboxes that should exist. */
  readonly kept = new Set<string>();
  private readonly filter = [`${LABELS.owner}=${this.owner}`];

  constructor(readonly ground: Ground) {}

  /** Makes a container that the engine treats as a sandbox. With the usual image it can run cells. */
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

  /** Containers that should not exist. */
  async left(): Promise<string[]> {
    return (await this.containers())
      .filter(({ sandboxId }) => !this.kept.has(sandboxId))
      .map(({ sandboxId }) => `the container of ${sandboxId}`);
  }

  /** All sandboxes and volumes of this owner. */
  async all(): Promise<string[]> {
    return [...(await this.containers()).map(({ sandboxId }) => sandboxId), ...(await this.volumes())];
  }

  async end(): Promise<void> {
    await Promise.all((await this.containers()).map(({ id }) => this.ground.direct.remove(id)));
    await Promise.all((await this.volumes()).map((name) => this.ground.direct.removeLibraries(name)));
    assert.deepEqual(await this.all(), []);
  }
}
