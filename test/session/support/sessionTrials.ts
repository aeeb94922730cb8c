import assert from 'node:assert/strict';
import type { Engine } from '../../../src/engine/engine';
import { asSandboxError } from '../../../src/session/failures';
import { ContainerSession } from '../../../src/session/session';
import { DEFAULT_SETTINGS } from '../../../src/session/settings';
import type { Timing } from '../../../src/session/time';
import { testLog } from './sandboxes';
import { Tenant, type Ground } from './tenant';
import { each, goesOn, silentFrom, unanswered, type Group, type Trial, type Way } from './trials';

/** The session opens its stream again and again; its own deadline for a start ends that. */
const START = { start: 5_000 };
const timed = (trial: Trial, timing: Trial['timing']): Trial => ({ ...trial, ...(timing && { timing }) });
const relay = ['POST /containers/{id}/exec relay', 'POST /exec/{id}/start relay'] as const;

class Sessions extends Tenant {
  readonly open = new Set<ContainerSession>();

  start(engine: Engine, timing?: Timing): ContainerSession {
    const session = ContainerSession.start(engine, {
      image: this.ground.image,
      owner: this.owner,
      notebookHint: '',
      settings: DEFAULT_SETTINGS,
      lease: 120,
      log: testLog,
      ...(timing && { timing }),
    });
    this.open.add(session);
    return session;
  }

  override async end(): Promise<void> {
    await Promise.all([...this.open].map((session) => session.dispose()));
    await super.end();
  }
}

/** The start of a kernel, with a cell that waits for it. */
export const start = (ground: Ground): Group[] =>
  [
    [
      unanswered('GET /containers/json', 'list containers'),
      unanswered('POST /volumes/create', 'create volume'),
      unanswered('POST /containers/create', 'create container'),
      goesOn('GET /volumes', 'list volumes'),
    ],
    [
      goesOn('GET /events'),
      unanswered('GET /containers/{id}/json', 'inspect container'),
      unanswered('POST /containers/{id}/start', 'start container'),
      goesOn('POST /containers/{id}/attach', 'attach to output'),
    ],
    [timed(unanswered(relay[0], 'create exec'), START), timed(unanswered(relay[1], 'start exec'), START)],
    [
      {
        kind: relay[1],
        answer: 'stalls' as const,
        waits: [],
        timing: { start: 8_000, hello: 1_000 },
        end: { codes: ['StartFailed'] as const, params: { reason: /^the sandbox said nothing within \d+ s$/ } },
      },
      timed(silentFrom(relay[1], 'start exec'), START),
    ],
  ].map((trials) => ({
    trials,
    prepare: async (way: Way) => {
      const sessions = new Sessions(ground);
      const engine = await way.engine;
      return {
        run: async () => {
          const session = sessions.start(engine, way.timing);
          const { reply } = session.execute('6 * 7');
          const failure = await session.started.then(() => undefined, asSandboxError);
          assert.equal((await reply).failure?.code, failure?.code, 'the cell is told the same');
          if (failure !== undefined) {
            throw failure;
          }
          sessions.kept.add(session.id);
          assert.equal((await reply).status, 'ok');
        },
        left: () => sessions.left(),
        end: () => sessions.end(),
      };
    },
  }));

/** A later window attaches. If it fails, the sandbox stays as it is. */
export const attach = (ground: Ground): Group[] => [
  {
    trials: [
      timed(unanswered('GET /containers/{id}/json', 'inspect container'), START),
      timed(unanswered(relay[0], 'create exec'), START),
      timed(unanswered(relay[1], 'start exec'), START),
      goesOn('GET /events'),
    ],
    prepare: async (way) => {
      const sessions = new Sessions(ground);
      const first = sessions.start(ground.direct);
      await first.started;
      await first.detach();
      sessions.kept.add(first.id);
      const [sandbox] = await ground.direct.findSandboxes(sessions.owner);
      assert.ok(sandbox);
      return {
        run: async () => {
          const session = ContainerSession.attach(await way.engine, {
            sandbox,
            boot: '',
            settings: DEFAULT_SETTINGS,
            log: testLog,
            timing: way.timing,
          });
          await session.started;
          assert.equal((await session.execute('1').reply).status, 'ok');
          await session.detach();
        },
        left: () => sessions.left(),
        end: () => sessions.end(),
      };
    },
  },
];

/** `dispose` never rejects and ends in time. The session removes later what the engine has not removed by then. */
export const dispose = (ground: Ground): Group[] =>
  each(
    [
      goesOn('DELETE /containers/{id}', 'remove container'),
      goesOn('GET /containers/{id}/json', 'inspect removed container'),
      goesOn('DELETE /volumes/{id}', 'remove volume'),
      { ...silentFrom('DELETE /containers/{id}', 'remove container'), end: undefined },
    ].map((trial) => timed(trial, { dispose: 2_000 })),
    async (way) => {
      const sessions = new Sessions(ground);
      const session = sessions.start(await way.engine, way.timing);
      await session.started;
      return { run: () => session.dispose(), left: () => sessions.all(), end: () => sessions.end() };
    },
  );
