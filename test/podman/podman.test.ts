import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Engine, ImageRequest } from '../../src/engine/engine';
import { silentProgress, type Progress } from '../../src/engine/progress';
import { isSandboxError } from '../../src/protocol/errors';
import { connect, docker, imageRequest, python, runnerWith, specification, usualImage } from '../session/engineTools';

/** What only Podman does, or does otherwise; all else is shown by the tests of the session's suite that run on it too. */
describe('on Podman', function () {
  this.timeout(180_000);
  let engine: Engine;
  let image: string;
  const images = new Set<string>();

  before(async () => {
    engine = await connect();
    image = await usualImage(engine);
  });
  after(async () => {
    for (const name of images) {
      await docker.getImage(name).remove({ force: true });
    }
    engine.dispose();
  });

  async function make(
    change: Partial<ImageRequest>,
    progress: Progress = silentProgress,
    on = engine,
  ): Promise<string> {
    const made = await on.ensureImage(await imageRequest(change), progress);
    if (made !== image) {
      images.add(made);
    }
    return made;
  }

  it('the engine is known by its name', () => {
    assert.equal(engine.info.product, 'podman');
    assert.equal(engine.info.seccomp, true);
  });

  it('the engine is the same for every window, and is not the Docker beside it', async () => {
    const [again, beside] = await Promise.all([connect(), connect({ DOCKER_HOST: 'unix:///var/run/docker.sock' })]);
    assert.equal(again.info.id, engine.info.id);
    assert.notEqual(beside.info.id, engine.info.id);
    for (const one of [again, beside]) {
      one.dispose();
    }
  });

  it('an image is derived with packages, by one of two windows, and found again', async () => {
    const runner = await runnerWith({ 'unique.py': `# ${randomUUID()}` });
    const steps: string[] = [];
    const progress = {
      step: (code: string) => {
        steps.push(code);
      },
    };
    const other = await connect();
    try {
      const [repo, tag] = ['sandboxed-ipython-test/podman', String(process.pid)];
      const ready = `${repo}:${tag}`;
      await docker.getImage(image).tag({ repo, tag });
      images.add(ready);
      const change = { base: ready, packages: ['six==1.16.0', `idna!=0.${Date.now()}`], runnerFolder: runner.folder };
      const [mine, theirs] = await Promise.all([make(change, progress), make(change, progress, other)]);
      assert.equal(mine, theirs);
      assert.deepEqual(
        ['waitingForOther', 'installingPackages', 'committing'].filter((step) => !steps.includes(step)),
        [],
      );
      assert.equal(steps.filter((step) => step === 'testing').length, 1);
      const { Config } = await docker.getImage(mine).inspect();
      assert.deepEqual(
        [(Config.Entrypoint as string[]).slice(1), Config.Cmd ?? [], Config.WorkingDir],
        [['-I', '/opt/sandboxed-ipython/main.py'], [], '/'],
      );
      const id = await engine.create(specification(mine));
      assert.equal((await python(id, 'import six; print(six.__version__)')).trim(), '1.16.0');
      await engine.remove(id);
      steps.length = 0;
      assert.equal(await make(change, progress), mine);
      assert.deepEqual(steps, []);
    } finally {
      other.dispose();
      await runner.remove();
    }
  });

  it('the folders that it would make writable beside a read-only root are closed, and that is read back', async () => {
    const id = await engine.create(specification(image));
    try {
      assert.equal(
        (
          await python(
            id,
            `
import os
for folder in ("/run", "/var/tmp"):
    try: open(folder + "/x", "w")
    except OSError as error: print(folder, error.strerror, os.listdir(folder))`,
          )
        ).trim(),
        '/run Read-only file system []\n/var/tmp Read-only file system []',
      );
    } finally {
      await engine.remove(id);
    }
    const unclosed = await connect();
    Object.assign(unclosed.info.capabilities, { writableFolders: [] });
    await assert.rejects(
      unclosed.create(specification(image)),
      (error) => isSandboxError(error, 'LimitNotApplied') && error.params['limit'] === 'tmpfs /run',
    );
    unclosed.dispose();
  });
});
