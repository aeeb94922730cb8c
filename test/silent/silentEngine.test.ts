import assert from 'node:assert/strict';
import { DEADLINES_MS, type WaitName } from '../../src/engine/deadlines';
import type { Engine } from '../../src/engine/engine';
import { connect, docker, usualImage } from '../session/engineTools';
import { Bases } from '../session/support/bases';
import * as images from '../session/support/imageTrials';
import { IDLE_PIP } from '../session/support/imageTrials';
import * as sandbox from '../session/support/sandboxTrials';
import * as session from '../session/support/sessionTrials';
import { Tenant, type Ground } from '../session/support/tenant';
import { runGroup, type Group } from '../session/support/trials';

interface Operation {
  groups(ground: Ground): Group[];
  /**
   * Operations that are part of this one or of its clean-up. Kinds of request that it shares with them may be tried
   * there.
   */
  includes?: readonly Name[];
}
/**
 * All operations of an engine, and of a session on an engine. This does not compile unless every method of `Engine` has
 * trials.
 */
type Name =
  | 'connect'
  | Exclude<keyof Engine, 'info' | 'isBusy' | 'onBusy' | 'rest' | 'holdLibraries' | 'dispose'>
  | 'start'
  | 'attach'
  | 'dispose';

const OPERATIONS: Readonly<Record<Name, Operation>> = {
  connect: { groups: sandbox.connect },
  ensureImage: { groups: images.ensureImage },
  rebuildImage: { groups: images.rebuildImage, includes: ['ensureImage'] },
  findImages: { groups: images.findImages },
  findUnusedImages: { groups: images.findUnusedImages, includes: ['findImages'] },
  removeImages: { groups: images.removeImages, includes: ['findUnusedImages'] },
  create: { groups: sandbox.create, includes: ['remove', 'findUnusedImages'] },
  openStream: { groups: sandbox.openStream },
  setMemory: { groups: sandbox.setMemory },
  putFiles: { groups: sandbox.putFiles },
  inspect: { groups: sandbox.inspect, includes: ['isStillThere'] },
  onLifeEvent: { groups: sandbox.onLifeEvent, includes: ['inspect', 'isStillThere'] },
  isStillThere: { groups: sandbox.isStillThere },
  findSandboxes: { groups: sandbox.findSandboxes },
  remove: { groups: sandbox.remove, includes: ['create'] },
  removeAll: { groups: sandbox.removeAll, includes: ['remove', 'create'] },
  logs: { groups: sandbox.logs },
  install: { groups: sandbox.install },
  removeLibraries: { groups: sandbox.removeLibraries },
  hasLibraries: { groups: sandbox.hasLibraries },
  usedUids: { groups: sandbox.usedUids },
  start: { groups: session.start, includes: ['create', 'remove', 'findUnusedImages', 'isStillThere'] },
  attach: { groups: session.attach, includes: ['isStillThere'] },
  dispose: { groups: session.dispose, includes: ['start', 'create', 'remove', 'findUnusedImages', 'isStillThere'] },
};
const NAMES = Object.keys(OPERATIONS) as Name[];
/** Waits that no trial here exceeds, with the reason. */
const UNTRIED: Readonly<Partial<Record<WaitName, string>>> = {
  events: 'has no end',
  'busy engine': 'is of an engine that answers pings: test/session/busyEngine.test.ts',
  'busy stream': 'is the same',
  'inspect container by Podman': 'is not asked of Docker',
  'half removed container': 'is not to be had of Docker',
  'tag image': 'is of an image that is a day old',
  removal: 'is of answers, not of one',
};
/** Number of groups that run at the same time: most of their time is spent waiting. */
const AT_ONCE = 10;

/** Runs functions in the order in which they come, at most `size` at a time. */
class Pool {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly size: number) {}

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.running === this.size) {
      await new Promise<void>((next) => {
        this.waiting.push(next);
      });
    } else {
      this.running += 1;
    }
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) {
        next();
      } else {
        this.running -= 1;
      }
    }
  }
}

describe('an engine that accepts a request and does not answer', function () {
  this.timeout(240_000);
  const bases = new Bases();
  const groups = new Map<Name, Group[]>();
  const outcomes = new Map<Name, Promise<PromiseSettledResult<ReadonlySet<string>>[]>>();
  let direct: Engine;
  let shared: Tenant | undefined;
  /** Whether no other sandbox existed at the start. */
  let isOurs = false;

  before(async () => {
    direct = await connect();
    const image = await usualImage(direct);
    const [base, sleeper] = await Promise.all([
      bases.make('silent', IDLE_PIP, [], image),
      bases.make('asleep', 'pass', ['ENTRYPOINT ["sh", "-c", "exec sleep 600"]']),
    ]);
    let one: Promise<{ id: string; owner: string }> | undefined;
    const ground: Ground = {
      direct,
      image,
      base,
      sleeper,
      bases,
      shared: () =>
        (one ??= (async () => {
          shared = new Tenant(ground);
          return { id: await shared.sandbox(direct, image), owner: shared.owner };
        })()),
    };
    isOurs = (await direct.usedUids()).size === 0;
    for (const name of NAMES) {
      groups.set(name, OPERATIONS[name].groups(ground));
    }
    const pool = new Pool(AT_ONCE);
    const isImages = (name: Name): boolean => name.endsWith('Image') || name.endsWith('Images') || name === 'connect';
    for (const name of [...NAMES].sort((a, b) => Number(isImages(b)) - Number(isImages(a)))) {
      outcomes.set(name, Promise.all((groups.get(name) ?? []).map((group) => pool.run(() => settle(runGroup(group))))));
    }
  });
  after(async () => {
    await bases.remove();
    direct.dispose();
  });

  const kindsOf = (name: Name): string[] =>
    (groups.get(name) ?? []).flatMap(({ trials }) => trials.flatMap(({ kind }) => kind ?? []));

  for (const name of NAMES) {
    it(`is given up in time by ${name}, for each kind of its requests in turn, and ${name} works again once the engine answers`, async () => {
      const all = (await outcomes.get(name)) ?? [];
      const wrong = all.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
      assert.deepEqual(wrong, []);
      const seen = new Set(all.flatMap((outcome) => (outcome.status === 'fulfilled' ? [...outcome.value] : [])));
      const tried = new Set([name, ...(OPERATIONS[name].includes ?? [])].flatMap(kindsOf));
      assert.deepEqual(
        [...seen].filter((kind) => !tried.has(kind)),
        [],
        'kinds of request without a trial',
      );
    });
  }

  it('is given up by every wait of the table', () => {
    const tried = new Set<WaitName>(
      [...groups.values()].flat().flatMap(({ trials }) => trials.flatMap(({ waits }) => waits)),
    );
    assert.deepEqual(
      (Object.keys(DEADLINES_MS) as WaitName[]).filter((name) => !tried.has(name) && !Object.hasOwn(UNTRIED, name)),
      [],
    );
  });

  it('is left as it was found: without sandboxes and build containers', async () => {
    await Promise.all(outcomes.values());
    await shared?.end();
    const left = await docker.listContainers({ all: true, filters: { label: ['sandboxed-ipython.version'] } });
    if (isOurs) {
      assert.deepEqual(
        left.map(({ Names }) => Names.join()),
        [],
      );
    }
  });
});

const settle = async <T>(work: Promise<T>): Promise<PromiseSettledResult<T>> => {
  const [outcome] = await Promise.allSettled([work]);
  return outcome;
};
