import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { markUsed } from '../../src/engine/image/unused';
import { Pulse } from '../../src/engine/pulse';
import { Requests } from '../../src/engine/request';
import type { Engine } from '../../src/engine/engine';
import { silentLog } from '../../src/log';
import { connect, docker, imageRequest, specification, until, usualImage } from './engineTools';

describe('images that are no longer used', function () {
  this.timeout(120_000);
  let engine: Engine;
  const made: string[] = [];
  const said: string[] = [];
  before(async () => {
    engine = await connect(process.env, {
      ...silentLog,
      info: (line) => {
        said.push(line);
      },
    });
  });
  after(async () => {
    for (const name of made) {
      await docker
        .getImage(name)
        .remove({ force: true })
        .catch(() => undefined);
    }
    engine.dispose();
  });

  /** Makes an image of ours as an earlier version of the extension would have left it. */
  async function old(): Promise<{ name: string; id: string }> {
    const [repo, tag] = [
      'sandboxed-ipython/kernel',
      createHash('sha256').update(randomUUID()).digest('hex').slice(0, 32),
    ];
    const container = await docker.createContainer({ Image: await usualImage(engine), Entrypoint: ['true'] });
    await container.commit({
      _query: { container: container.id, repo, tag, changes: 'LABEL sandboxed-ipython.version=3' },
      _body: { Labels: { 'sandboxed-ipython.version': '3' } },
    }); // some engines fail without a body
    await container.remove();
    const name = `${repo}:${tag}`;
    made.push(name);
    return { name, id: (await docker.getImage(name).inspect()).Id };
  }
  /** Makes an image of ours with this creation time. Nothing can be run in it. */
  async function loaded(created: string): Promise<string> {
    const name = `sandboxed-ipython/kernel:${createHash('sha256').update(randomUUID()).digest('hex').slice(0, 32)}`;
    const config = JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      created,
      config: { Labels: { 'sandboxed-ipython.version': '3', test: name } },
      rootfs: { type: 'layers', diff_ids: [] },
    });
    const archive = pack();
    archive.entry({ name: 'config.json' }, config);
    archive.entry({ name: 'manifest.json' }, JSON.stringify([{ Config: 'config.json', RepoTags: [name], Layers: [] }]));
    archive.finalize();
    const answer = await docker.loadImage(Readable.from([await buffer(archive)]));
    await once(answer.resume(), 'end');
    made.push(name);
    return name;
  }
  const isThere = (name: string): Promise<boolean> =>
    docker
      .getImage(name)
      .inspect()
      .then(
        () => true,
        () => false,
      );

  it('are found with their sizes and removed, except those that the settings name or that come into use meanwhile', async () => {
    const [unused, taken] = [await old(), await old()];
    const request = await imageRequest();
    const found = await engine.findUnusedImages(request);
    const ids = found.map(({ id }) => id);
    assert.deepEqual(
      [unused, taken].map(({ id }) => ids.includes(id)),
      [true, true],
    );
    assert.ok((found.find(({ id }) => id === unused.id)?.bytes ?? -1) >= 0);
    const usual = await engine.findImages(request);
    assert.ok(usual.derived !== null && !ids.includes(usual.derived), 'that of the settings');
    const container = await docker.createContainer({ Image: taken.id, Entrypoint: ['true'] });
    try {
      assert.deepEqual(await engine.removeImages([unused.id, taken.id]), [unused.id]);
      assert.deepEqual([await isThere(unused.name), await isThere(taken.name)], [false, true]);
    } finally {
      await container.remove({ force: true });
    }
  });

  it('are removed after two weeks when a sandbox starts, unless they were used meanwhile', async () => {
    const day = (before: number): string => new Date(Date.now() - before * 24 * 3600_000).toISOString();
    const [used, fresh] = [await loaded(day(20)), await loaded(day(13))];
    await docker
      .getImage(used)
      .tag({ repo: 'sandboxed-ipython/used', tag: `${used.split(':')[1]}-${day(1).slice(0, 10).replaceAll('-', '')}` });
    for (let tries = 1; ; tries += 1) {
      const unused = await loaded(day(20));
      const id = await engine.create(specification(await usualImage(engine)));
      try {
        await until('the unused one is gone', async () => !(await isThere(unused)), 30_000);
      } finally {
        await engine.remove(id);
      }
      if (said.some((line) => line.includes(`removed the image ${unused}, which nobody has used for two weeks`))) {
        break;
      }
      assert.ok(tries < 5, 'other windows have removed it'); // they use the same engine
    }
    assert.deepEqual([await isThere(used), await isThere(fresh)], [true, true]);
  });

  it('are marked with the day of their last use, once a day, so that every user of the engine sees it', async () => {
    const { name, id } = await old();
    const context = {
      docker,
      requests: new Requests('test', silentLog, new Pulse(() => docker.ping())),
      log: silentLog,
    };
    const hash = name.split(':')[1] ?? '';
    await docker.getImage(name).tag({ repo: 'sandboxed-ipython/used', tag: `${hash}-20200101` });
    const marks = async (): Promise<string[]> =>
      (await docker.getImage(id).inspect()).RepoTags.filter((tag) => tag.includes('/used:')).map((tag) =>
        tag.slice(-8),
      );
    const today = new Date().toISOString().slice(0, 10).replaceAll('-', '');
    await markUsed(context, [name], { tags: [], created: Date.now() });
    assert.deepEqual(await marks(), ['20200101'], 'it is new');
    await markUsed(context, [name], {
      tags: [`sandboxed-ipython/used:${hash}-20200101`],
      created: Date.parse('2020-01-01'),
    });
    assert.deepEqual(await marks(), [today]);
    assert.deepEqual(await engine.removeImages([id]), [id]);
    assert.equal(await isThere(id), false);
  });
});
