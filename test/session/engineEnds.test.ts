import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import type { Engine } from '../../src/engine/engine';
import { silentProgress } from '../../src/engine/progress';
import { containerName } from '../../src/engine/specification';
import { isSandboxError } from '../../src/protocol/errors';
import { TIMING, type Timing } from '../../src/session/time';
import type { SessionState } from '../../src/session/types';
import { imageRequest, until } from './engineTools';
import { connect, derivedImage, endSessions, startSession, withOverrides, type TestSession } from './support/sandboxes';
import { UnpluggedEngine } from './support/unpluggedEngine';

const LINES = 150;
const COUNT = `import time\nfor i in range(${LINES}): print(i); time.sleep(0.1)`;
const COUNTED = Array.from({ length: LINES }, (_, i) => `${i}\n`).join('');

describe('an engine on which a session runs', function () {
  this.timeout(180_000);
  let own: UnpluggedEngine | undefined;
  let engine: Engine;
  let image: string;

  before(async function () {
    if (process.getuid?.() !== 0) {
      this.skip();
    } // an engine of its own needs root
    const shared = await connect();
    image = await derivedImage(shared);
    shared.dispose();
    own = await UnpluggedEngine.start();
    await own.load(new Docker(), [image]);
    engine = await connect(own.host);
  });
  afterEach(async () => {
    own?.resume();
    await endSessions();
  });
  after(async () => {
    engine?.dispose();
    await own?.stop();
  });

  async function counting(timing: Partial<Timing> = {}): Promise<
    TestSession & {
      msgId: string;
      reply: ReturnType<TestSession['session']['execute']>['reply'];
      states: SessionState[];
    }
  > {
    const sandbox = startSession(engine, image, {}, { timing: { ...TIMING, ...timing } });
    const states: SessionState[] = [];
    sandbox.session.onState((state) => states.push(state));
    const { msgId, reply } = sandbox.session.execute(COUNT);
    await sandbox.printed(msgId, '3');
    return Object.assign(sandbox, { msgId, reply, states });
  }
  const causes = (sandbox: TestSession, msgId: string): unknown[] =>
    sandbox.events.flatMap((event) =>
      event.msg_type === 'notice' && event.parent_header.msg_id === msgId && event.content.code === 'OutOfReach'
        ? [event.content.params['cause']]
        : [],
    );

  it('ends its sandboxes when it is stopped and started again: the cell reports that, and the next sandbox starts', async () => {
    const sandbox = await counting();
    const restarted = own?.restart('SIGTERM');
    const { failure } = await sandbox.reply;
    assert.deepEqual(
      [failure?.code, ['stopped', 'exited', 'removed'].includes(String(failure?.params['reason']))],
      ['SandboxGone', true],
      JSON.stringify(failure),
    );
    await restarted;
    await until('the session is over', () => sandbox.session.state.kind === 'gone', 60_000);
    assert.equal((await startSession(engine, image).run('6 * 7')).result, '42');
  });

  it('loses its sandboxes when it is killed and started again, and the cell reports that as soon as it can be known', async () => {
    const sandbox = await counting();
    const restarted = own?.restart('SIGKILL');
    await until(
      'it is told',
      () => sandbox.session.state.kind === 'unreachable' || sandbox.session.state.kind === 'gone',
      20_000,
    );
    assert.equal((await sandbox.reply).failure?.code, 'SandboxGone');
    await restarted;
    assert.equal((await startSession(engine, image).run('6 * 7')).result, '42');
  });

  it('does not end the cell when it is killed and its containers live on, and every line is shown once', async () => {
    const [major = 0, minor = 0, patch = 0] = engine.info.version.split(/[.+~-]/).map(Number);
    // Older engines end all containers with AutoRemove when they start, even with live restore (moby/moby#46308).
    const keeps = major > 24 || (major === 24 && (minor > 0 || patch >= 8));
    await own?.restart('SIGTERM', { liveRestore: true });
    const sandbox = await counting();
    const restarted = own?.restart('SIGKILL', { liveRestore: true });
    if (!keeps) {
      await restarted;
      assert.equal((await sandbox.reply).failure?.code, 'SandboxGone');
      return;
    }
    await until('it is told', () => causes(sandbox, sandbox.msgId).length > 0, 20_000);
    await restarted;
    const cell = sandbox.gathered(sandbox.msgId, await sandbox.reply);
    assert.equal(cell.reply.status, 'ok', JSON.stringify(cell.reply.failure));
    assert.equal(cell.text(), COUNTED);
    assert.equal(sandbox.states.at(-1)?.kind, 'ready');
    assert.equal((await sandbox.run('i')).result, String(LINES - 1), 'variables are there');
  });

  it('does not end the cell when it hangs: the cell reports that, and an interrupt ends in time and affects no later cell', async () => {
    const sandbox = await counting({ interrupt: 1_000 });
    own?.pause();
    await until('it is told', () => causes(sandbox, sandbox.msgId).length > 0, 20_000);
    await sleep(2_000); // the stream counts as cut by then; a request sent earlier may still be executed
    await assert.rejects(sandbox.session.interrupt(sandbox.msgId), (error) => isSandboxError(error, 'SandboxSilent'));
    own?.resume();
    const cell = sandbox.gathered(sandbox.msgId, await sandbox.reply);
    assert.deepEqual([cell.reply.status, cell.text()], ['ok', COUNTED]);
    await until('it is ready', () => sandbox.session.state.kind === 'ready', 30_000);
  });

  it('does not end the cell when its container is frozen without an event: the cell reports that', async () => {
    const deaf = withOverrides(engine, { onLifeEvent: () => ({ dispose: () => undefined }) });
    const sandbox = startSession(deaf, image);
    const { msgId, reply } = sandbox.session.execute(COUNT, { timeout: 25 });
    await sandbox.printed(msgId, '3');
    const container = own?.docker.getContainer(containerName(sandbox.session.id));
    await container?.pause();
    await until('it is told', () => causes(sandbox, msgId).includes('SandboxPaused'), 20_000);
    await sleep(15_000);
    await container?.unpause();
    const cell = sandbox.gathered(msgId, await reply);
    assert.deepEqual(
      [cell.reply.status, cell.text()],
      ['ok', COUNTED],
      'and the pause does not count against its time limit',
    );
  });
});

describe('an engine whose disk is full', function () {
  this.timeout(180_000);
  let folder: string | undefined;
  let own: UnpluggedEngine | undefined;
  let engine: Engine;
  let image: string;

  before(async function () {
    if (process.getuid?.() !== 0) {
      this.skip();
    } // a file system of its own needs root
    folder = mkdtempSync(join(tmpdir(), 'small-'));
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1200m', 'none', folder]).status !== 0) {
      this.skip();
    } // not even root may mount here
    const shared = await connect();
    image = await derivedImage(shared);
    shared.dispose();
    const before = process.env['TMPDIR'];
    try {
      process.env['TMPDIR'] = folder; // the folder for the engine's data
      own = await UnpluggedEngine.start();
    } finally {
      if (before === undefined) {
        delete process.env['TMPDIR'];
      } else {
        process.env['TMPDIR'] = before;
      }
    }
    await own.load(new Docker(), [image]);
    engine = await connect(own.host);
  });
  after(async () => {
    await endSessions();
    engine?.dispose();
    await own?.stop();
    if (folder === undefined) {
      return;
    }
    spawnSync('umount', [folder]);
    rmSync(folder, { recursive: true, force: true });
  });

  it('lets a running sandbox continue, names the cause when a sandbox cannot start or an image cannot be built, and starts a sandbox once there is room', async () => {
    const running = startSession(engine, image);
    assert.equal((await running.run('x = 1; open("/sandbox/file", "w").write("x" * 10_000_000)')).reply.status, 'ok');
    const fill = join(folder ?? '', 'fill');
    spawnSync('dd', ['if=/dev/zero', `of=${fill}`, 'bs=64k'], { stdio: 'ignore' });
    const next = startSession(engine, image);
    const { failure } = (await next.run('1')).reply;
    assert.equal(failure?.code, 'StartFailed', JSON.stringify(failure));
    assert.match(String(failure.params['reason']), /no space left on device/);
    await assert.rejects(
      engine.rebuildImage(await imageRequest({ base: image }), silentProgress),
      (error) => isSandboxError(error, 'ImageFailed') && /no space left on device/.test(String(error.params['reason'])),
    );
    assert.equal((await running.run('x + 1')).result, '2');
    assert.equal((await running.run('print("a" * 1_000_000)')).text().length, 1_000_001);
    await running.session.reset({ files: 'keep' });
    assert.equal((await running.run('import os; os.path.getsize("/sandbox/file")')).result, '10000000');
    rmSync(fill);
    assert.equal((await startSession(engine, image).run('6 * 7')).result, '42');
  });
});
