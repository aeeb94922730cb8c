import assert from 'node:assert/strict';
import { silentLog } from '../../src/log';
import { SandboxError } from '../../src/protocol/errors';
import { SandboxContainer } from '../../src/session/life/container';
import { FakeSandbox } from './sessionFakeSandbox';

const FOUND = { sandboxId: 's', containerId: 'c', notebookHint: '', image: 'image', libraries: 'volume', created: 0 };

describe('the container of a session', () => {
  it('is removed once its engine is available again, even long after the caller has stopped waiting', async () => {
    const sandbox = new FakeSandbox();
    let tries = 0;
    const removed = new Promise<void>((resolve) => {
      sandbox.remove = () => {
        tries += 1;
        if (tries < 5) {
          return Promise.reject(new SandboxError('EngineNotFound'));
        }
        resolve();
        return Promise.resolve();
      };
    });
    const container = new SandboxContainer(sandbox, FOUND, silentLog, { awaited: [1, 1], later: [1, 1, 1] });
    await container.create();
    await container.remove();
    assert.equal(tries, 3, 'the caller no longer waits');
    await Promise.all([
      removed,
      new Promise((resolve) => {
        setTimeout(resolve, 50);
      }),
    ]); // The timer of the removal is unreferenced, and does not keep this test alive.
    assert.equal(tries, 5);
  });
});
