import assert from 'node:assert/strict';
import Docker from 'dockerode';
import { silentProgress } from '../../src/engine/progress';
import { isSandboxError } from '../../src/protocol/errors';
import { imageRequest } from './engineTools';
import { connect, derivedImage, endSessions, startSession } from './support/sandboxes';
import { UnpluggedEngine } from './support/unpluggedEngine';

describe('without a network', function () {
  this.timeout(240_000);
  let unplugged: UnpluggedEngine | undefined;

  before(async function () {
    if (process.getuid?.() !== 0) {
      this.skip();
    } // only root can take a network away
    const engine = await connect();
    const kernel = await derivedImage(engine);
    const request = await imageRequest();
    engine.dispose();
    unplugged = await UnpluggedEngine.start();
    await unplugged.load(new Docker(), [request.base, kernel]);
  });
  afterEach(endSessions);
  after(() => unplugged?.stop());

  it('a session starts and runs cells if the image exists', async () => {
    assert.ok(unplugged);
    assert.deepEqual(
      unplugged.networkInterfaces.filter((name) => !/^(lo|docker0|br-|veth)/.test(name)),
      [],
      'nothing leads out',
    );
    const engine = await connect(unplugged.host);
    try {
      assert.equal((await startSession(engine, await derivedImage(engine)).run('6 * 7')).result, '42');
      const missing = await imageRequest({ base: 'python:3.13-slim' });
      await assert.rejects(
        engine.ensureImage(missing, silentProgress),
        (error) =>
          isSandboxError(error, 'ImageFailed') &&
          /network is unreachable|no such host|dial/.test(String(error.params['reason'])),
      );
      await endSessions();
    } finally {
      engine.dispose();
    }
  });
});
