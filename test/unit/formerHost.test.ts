import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { attachAsFormerHost, hasEnded } from '../../src/notebook/sandbox/former-host';
import { SandboxError } from '../../src/protocol/errors';

const never = new AbortController().signal;
const inUse = () => Promise.reject(new SandboxError('InUse'));

/** Returns the process id of a process that has ended. */
async function ended(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid ?? assert.fail();
}

describe('the window that had a sandbox before', () => {
  it('has ended if its process has ended or is this process; a window without a known process may still run', async () => {
    assert.equal(hasEnded({ host: 'h', pid: await ended() }), true);
    assert.equal(hasEnded({ host: 'h', pid: process.pid }), true);
    assert.equal(hasEnded({ host: 'h', pid: process.ppid }), false);
    assert.equal(hasEnded({ host: 'h' }), false);
  });

  it('is replaced under its own host id by a window that attaches after it has ended', async () => {
    const asked: (string | undefined)[] = [];
    const attach = (host: string | undefined) => Promise.resolve(asked.push(host));
    await attachAsFormerHost({ host: 'h', pid: await ended() }, attach, never);
    await attachAsFormerHost({ host: 'h', pid: process.ppid }, attach, never);
    await attachAsFormerHost({ host: '' }, attach, never);
    assert.deepEqual(asked, ['h', undefined, undefined]);
  });

  it('keeps the sandbox while it runs: a window that attaches gets InUse after the time to leave', async () => {
    const hosts: (string | undefined)[] = [];
    const attach = (host: string | undefined) => {
      hosts.push(host);
      return inUse();
    };
    await assert.rejects(attachAsFormerHost({ host: 'h', pid: process.ppid }, attach, never, { leaving: 30 }), {
      code: 'InUse',
    });
    assert.ok(hosts.length > 1, 'it is asked once only');
    assert.deepEqual([...new Set(hosts)], [undefined]);
  });

  it('is waited for while it reloads', async () => {
    let alive = true;
    let tries = 0;
    const attach = (host: string | undefined) => {
      tries += 1;
      alive = tries < 2;
      return host === 'h' ? Promise.resolve('attached') : inUse();
    };
    assert.equal(
      await attachAsFormerHost({ host: 'h', pid: process.ppid }, attach, never, {
        isAlive: () => alive,
        leaving: 10_000,
      }),
      'attached',
    );
  });

  it('is not waited for if it has ended and another window has the sandbox, or if attaching fails for another reason', async () => {
    for (const [code, pid] of [
      ['InUse', process.pid],
      ['SandboxGone', process.ppid],
    ] as const) {
      let tries = 0;
      const attach = () => {
        tries += 1;
        return Promise.reject(new SandboxError(code));
      };
      await assert.rejects(attachAsFormerHost({ host: 'h', pid }, attach, never), { code });
      assert.equal(tries, 1);
    }
  });
});
