import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine, LifeEvent } from '../../../src/engine/engine';
import { LABELS } from '../../../src/engine/specification';
import { MIB, containerExists, docker, newVolume, until } from '../engineTools';
import { Tenant, type Ground } from './tenant';
import { each, everyWay, goesOn, program, silentFrom, twice, unanswered, type Group, type Way } from './trials';

/** An operation on a sandbox that another window has started. The operation does not change the sandbox. */
const onShared =
  ({ shared }: Ground, run: (engine: Engine, id: string, owner: string) => Promise<unknown>): Group['prepare'] =>
  async (way) => {
    const { id, owner } = await shared();
    return {
      run: async () => run(await way.engine, id, owner),
      left: () => Promise.resolve([]),
      end: () => Promise.resolve(),
    };
  };

/** An operation on a sandbox that no other trial uses. */
const onOwn =
  (ground: Ground, run: (engine: Engine, id: string, way: Way, tenant: Tenant) => Promise<unknown>): Group['prepare'] =>
  async (way) => {
    const tenant = new Tenant(ground);
    const id = await tenant.sandbox();
    return {
      run: async () => run(await way.engine, id, way, tenant),
      left: () => tenant.left(),
      end: () => tenant.end(),
    };
  };

export const connect = (): Group[] =>
  each(
    [...everyWay('GET /version', 'version'), ...everyWay('GET /info', 'info')],
    (way) =>
      Promise.resolve({
        run: async () => {
          (await way.connect()).dispose();
        },
        left: () => Promise.resolve([]),
        end: () => Promise.resolve(),
      }),
    { connects: true },
  );

export function create(ground: Ground): Group[] {
  const prepare: Group['prepare'] = async (way) => {
    const tenant = new Tenant(ground);
    const engine = await way.engine;
    return { run: () => tenant.sandbox(engine), left: () => tenant.left(), end: () => tenant.end() };
  };
  return [
    ...[
      twice('POST /volumes/create', 'create volume'),
      everyWay('POST /containers/create', 'create container'),
      twice('GET /containers/{id}/json', 'inspect container'),
      [goesOn('POST /containers/{id}/attach', 'attach to output')],
      everyWay('POST /containers/{id}/start', 'start container'),
      [silentFrom('POST /containers/{id}/start', 'start container')],
      // The search for abandoned volumes and containers happens at the same time.
      [goesOn('GET /volumes', 'list volumes')],
      [goesOn('GET /containers/json', 'list containers')],
    ].map((trials) => ({ trials, prepare })),
  ];
}

export const openStream = (ground: Ground): Group[] =>
  each(
    [
      ...everyWay('GET /containers/{id}/json', 'inspect container'),
      ...everyWay('POST /containers/{id}/exec relay', 'create exec'),
      ...everyWay('POST /exec/{id}/start relay', 'start exec').filter(
        ({ answer }) => answer === 'never' || answer === 'closes',
      ), // its answer consists only of headers
    ],
    onShared(ground, async (engine, id) => {
      (await engine.openStream(id)).destroy();
    }),
  );

export const putFiles = (ground: Ground): Group[] =>
  each(
    [
      unanswered('GET /containers/{id}/json', 'inspect container'),
      ...program('file copy', { codes: ['FilesNotCopied'], params: { reason: /^no end within \d+ s$/ } }).filter(
        // the copy ends without this request if its report is complete
        ({ kind }) => kind !== 'GET /exec/{id}/json file copy',
      ),
    ],
    onShared(ground, async (engine, id) => {
      const file = {
        path: 'a.txt',
        size: 1,
        modified: Date.now(),
        executable: false,
        content: async function* () {
          yield await Promise.resolve(Buffer.from('x'));
        },
      };
      assert.equal((await engine.putFiles(id, [file])).size, 0);
    }),
  );

export const setMemory = (ground: Ground): Group[] =>
  each(
    everyWay('POST /containers/{id}/update', 'update container'),
    onShared(ground, (engine, id) => engine.setMemory(id, 600 * MIB)),
  );

export const inspect = (ground: Ground): Group[] =>
  each(
    everyWay('GET /containers/{id}/json', 'inspect container'),
    onShared(ground, async (engine, id) => {
      assert.equal((await engine.inspect(id))?.running, true);
    }),
  );

export const isStillThere = (ground: Ground): Group[] =>
  each(
    everyWay('GET /info', 'info'),
    onShared(ground, async (engine) => {
      assert.equal(await engine.isStillThere(), true);
    }),
  );

export const logs = (ground: Ground): Group[] =>
  each(
    everyWay('GET /containers/{id}/logs', 'logs'),
    onShared(ground, (engine, id) => engine.logs(id)),
  );

export const usedUids = (ground: Ground): Group[] =>
  each(
    everyWay('GET /containers/json', 'list containers'),
    onShared(ground, async (engine) => {
      assert.ok((await engine.usedUids()).size > 0);
    }),
  );

export const findSandboxes = (ground: Ground): Group[] =>
  each(
    everyWay('GET /containers/json', 'list containers'),
    onShared(ground, async (engine, id, owner) => {
      assert.deepEqual(
        (await engine.findSandboxes(owner)).map(({ containerId }) => containerId),
        [id],
      );
    }),
  );

/**
 * No operation waits for the event stream or fails because of it: events are missed, and the next stream reports them.
 */
export const onLifeEvent = (ground: Ground): Group[] =>
  each(
    [goesOn('GET /events')],
    onOwn(ground, async (engine, id, { proxy }) => {
      const told: LifeEvent['action'][] = [];
      const listener = engine.onLifeEvent(({ action }) => told.push(action));
      await until('the events are asked for', () => proxy.seen.has('GET /events'));
      await sleep(300);
      const container = docker.getContainer(id);
      await container.pause();
      await container.unpause();
      assert.equal((await engine.inspect(id))?.running, true);
      if (proxy.treated === undefined) {
        await until('it is told', () => told.includes('unpause'));
      } else {
        assert.deepEqual(told, []);
      }
      listener.dispose();
    }),
  );

export function remove(ground: Ground): Group[] {
  const prepare = onOwn(ground, async (engine, id) => {
    await engine.remove(id);
    assert.equal(await containerExists(id), false);
  });
  return [
    ...each(
      [
        ...everyWay('DELETE /containers/{id}', 'remove container'),
        ...everyWay('GET /containers/{id}/json', 'inspect removed container'),
      ],
      prepare,
    ),
  ];
}

export const removeAll = (ground: Ground): Group[] =>
  each(
    [
      ...twice('GET /containers/json', 'list containers'),
      ...twice('DELETE /containers/{id}', 'remove container'),
      ...twice('GET /containers/{id}/json', 'inspect removed container'),
      ...twice('GET /volumes', 'list volumes'),
      ...twice('DELETE /volumes/{id}', 'remove volume'),
      silentFrom('DELETE /containers/{id}', 'remove container'),
    ],
    onOwn(ground, async (engine, _id, _way, tenant) => {
      await engine.removeAll(tenant.owner);
      assert.deepEqual(await tenant.all(), []);
    }),
  );

export const removeLibraries = (ground: Ground): Group[] =>
  each(everyWay('DELETE /volumes/{id}', 'remove volume'), async (way) => {
    const tenant = new Tenant(ground);
    const name = newVolume();
    await docker.createVolume({ Name: name, Labels: { [LABELS.version]: '1', [LABELS.owner]: tenant.owner } });
    return {
      run: async () => (await way.engine).removeLibraries(name),
      left: () => tenant.left(),
      end: () => tenant.end(),
    };
  });

export const hasLibraries = (ground: Ground): Group[] =>
  each(
    everyWay('GET /volumes/{id}', 'inspect volume'),
    onShared(ground, async (engine) => {
      assert.equal(await engine.hasLibraries('sandboxed-ipython-libraries-of-nobody'), false);
    }),
  );

const installLate = { codes: ['InstallFailed'], params: { problem: 'time', reason: /^no end within \d+ s$/ } } as const;

export const install = (ground: Ground): Group[] =>
  [
    [
      unanswered('GET /containers/{id}/json', 'inspect container'),
      ...twice('POST /containers/create', 'create build container'),
      ...twice('POST /containers/{id}/start', 'start build container'),
      unanswered('POST /containers/{id}/exec guard', 'create exec'),
      unanswered('POST /exec/{id}/start guard', 'start exec'),
    ],
    [
      unanswered('POST /exec/{id}/start guard', 'build container guard', 'stalls'),
      ...program('file preparation', installLate),
    ],
    [
      ...program('installer', installLate),
      silentFrom('POST /exec/{id}/start installer', 'start exec'),
      goesOn('DELETE /containers/{id}', 'remove container'),
    ],
  ].map((trials) => ({
    trials,
    prepare: async (way: Way) => {
      const { id: containerId } = await ground.shared();
      const libraries = newVolume();
      const installer = libraries.replace('libraries', 'install');
      return {
        // it is installed already: pip needs no index
        run: async () =>
          (await way.engine).install(
            {
              containerId,
              libraries,
              requirements: ['ipython'],
              options: [],
              network: { proxies: {}, certificates: undefined },
            },
            () => undefined,
          ),
        left: async () => ((await containerExists(installer)) ? [installer] : []),
        end: () => ground.direct.removeLibraries(libraries),
      };
    },
  }));
