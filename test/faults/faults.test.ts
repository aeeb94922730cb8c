import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { DEFAULT_SETTINGS } from '../../src/session/settings';
import { testLog } from '../session/support/sandboxes';
import { random } from '../unit/outputsModel';
import { dropping, everyNth } from './support/broken';
import { Notebook, Window, type Installation } from './support/notebook';
import type { Program } from './support/program';
import { judgeAll, runRound, ROUND } from './support/round';
import { setUp, type Ground } from './support/setUp';
import type { Finding } from './support/verdict';

describe('notebooks that run while everything under them fails', function () {
  this.timeout(240_000);
  let ground: Ground | undefined;

  before(async function () {
    if (process.getuid?.() !== 0) {
      this.skip();
    } // only root can start an engine and look into its containers
    ground = await setUp();
  });
  after(() => ground?.remove());

  for (const [which, seed] of [
    ['a seed that stays', 1],
    ['a seed of its own', randomInt(1, 1_000_000)],
  ] as const) {
    it(`lose no output, show none twice, run no cell twice, never hang and leave nothing (${which}: ${seed})`, async () => {
      assert.ok(ground);
      const { faults, findings, left, history } = await runRound({
        ...ground,
        seed,
        round: 0,
        faults: [...new Set(ROUND)],
        log: testLog,
      });
      const story = findings.length + left.length > 0 ? `\n${history.join('\n')}` : '';
      assert.deepEqual({ findings, left }, { findings: [], left: [] }, `npm run faults -- --seed ${seed}${story}`);
      assert.deepEqual([...faults.keys()].sort(), [...new Set(ROUND)].sort(), 'every kind has hit');
    });
  }

  describe('the verdict on a session', () => {
    it('is a lost output if it drops one event in 10,000', async () => {
      assert.deepEqual(await wrongs(dropping(10_000), [displays(5_300), displays(5_300)]), ['lost']);
    });

    it('is a lost or repeated output if it drops one event in a hundred, repeats one, or shows one at another cell', async () => {
      const programs = [displays(150), displays(10)];
      assert.deepEqual(await wrongs(dropping(100), programs), ['lost']);
      assert.deepEqual(
        await wrongs(
          everyNth(100, (event) => [event, event]),
          programs,
        ),
        ['doubled'],
      );
      let other = '';
      assert.deepEqual(
        await wrongs((event) => {
          other ||= event.parent_header.msg_id;
          const { content } = event;
          const moved =
            event.msg_type === 'display_data' &&
            String((content as { data: Record<string, unknown> }).data['text/plain']).endsWith('c2.3');
          return [moved ? { ...event, parent_header: { msg_id: other } } : event];
        }, programs),
        ['doubled', 'lost'],
      );
    });

    it('is empty if it delivers every event', async () => {
      assert.deepEqual(await wrongs((event) => [event], [displays(10), displays(10)]), []);
    });
  });

  /** Returns the findings about a session that changes its events like this, without any other fault. */
  async function wrongs(
    broken: NonNullable<Installation['broken']>,
    programs: readonly ((cell: string) => Program)[],
  ): Promise<Finding['wrong'][]> {
    assert.ok(ground);
    const { engine, image } = ground;
    const installation: Installation = {
      docker: engine.docker,
      socket: engine.socket,
      image,
      owner: randomUUID(),
      settings: DEFAULT_SETTINGS,
      log: testLog,
      broken,
    };
    const window = await Window.open(installation, random(1));
    const notebook = new Notebook('oracle', 0, window, installation, random(1), () => false);
    try {
      for (const make of programs) {
        assert.ok(await notebook.run(1, make), JSON.stringify(notebook.findings));
      }
      return (await judgeAll(notebook, [])).map(({ wrong }) => wrong).sort();
    } finally {
      await notebook.close();
      await notebook.closeRecords();
      await window.close();
    }
  }
});

const displays =
  (count: number) =>
  (cell: string): Program => ({
    cell,
    steps: Array.from({ length: count }, (_, i) => ({ kind: 'display', text: `${cell}.${i}`, times: 1, pause: 0 })),
    end: undefined,
  });
