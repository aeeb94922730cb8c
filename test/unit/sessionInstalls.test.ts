import assert from 'node:assert/strict';
import type { InstallRequest } from '../../src/engine/engine';
import { silentLog } from '../../src/log';
import { SandboxError, isSandboxError, type FailureCode } from '../../src/protocol/errors';
import type { EventOf, InstallOption } from '../../src/protocol/messages';
import { Installs } from '../../src/session/installs/installs';

const until = async (what: () => boolean, ms = 2_000) => {
  for (const end = performance.now() + ms; !what();) {
    assert.ok(performance.now() < end, `not within ${ms} ms: ${String(what)}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
};

/**
 * The installs of a sandbox in which the cells `open` run. The engine does what `work` does, or by default nothing
 * until the install is cancelled.
 */
function setUp(open = ['cell']) {
  const sent: { type: string; request: string; text?: string; status?: string; reason?: string }[] = [];
  const requests: InstallRequest[] = [];
  const engine = {
    work: (() => Promise.resolve()) as (onLine: (line: string) => void) => Promise<void>,
    ended: 0,
    async install(request: InstallRequest, onLine: (line: string) => void, signal?: AbortSignal): Promise<void> {
      requests.push(request);
      const cancelled = new Promise<never>((_, reject) => {
        signal?.addEventListener('abort', () => {
          reject(new SandboxError('Cancelled'));
        });
      });
      try {
        await Promise.race([this.work(onLine), cancelled]);
      } finally {
        await new Promise((resolve) => setTimeout(resolve, 10)); // the removal of the container takes a moment
        this.ended += 1;
      }
    },
  };
  const network = { proxies: {}, certificates: 'PEM' };
  const target = {
    containerId: () => Promise.resolve('container'),
    libraries: 'volume',
    network: () => Promise.resolve(network),
    explain: (failure: SandboxError) => `in words: ${failure.code}`,
  };
  const installs = new Installs(
    engine,
    target,
    {
      isOpen: (msgId) => open.includes(msgId),
      send: async (kernel, type, content) => {
        await Promise.resolve();
        assert.equal(kernel, 'main');
        sent.push({ type, ...content });
      },
    },
    silentLog,
  );
  const ask = (requirements: string[], { msgId = 'cell', request = 'r1', options = [] as InstallOption[] } = {}) => {
    installs.requested({
      kernel: 'main',
      parent_header: { msg_id: msgId },
      content: { request, requirements, options },
    } as unknown as EventOf<'install_request'>);
  };
  const replies = () => sent.filter(({ type }) => type === 'install_reply');
  return { installs, engine, requests, sent, ask, replies };
}
const fails = (work: Promise<unknown>, code: FailureCode, problem?: string) =>
  assert.rejects(
    work,
    (error) => isSandboxError(error, code) && (problem === undefined || error.params['problem'] === problem),
  );
const never = () => new Promise<void>(() => undefined);

describe('an install that a cell requests', () => {
  it("is passed to the engine, sends pip's lines to the cell, and is answered once", async () => {
    const { engine, requests, sent, ask, replies, installs } = setUp();
    engine.work = async (onLine) => {
      onLine('Collecting six');
      await new Promise((resolve) => setTimeout(resolve, 250));
      onLine('Successfully installed six-1.17.0');
    };
    ask([' six>=1 ', 'toolz'], { options: ['upgrade'] });
    await until(() => replies().length > 0);
    assert.deepEqual(requests, [
      {
        containerId: 'container',
        libraries: 'volume',
        requirements: ['six>=1', 'toolz'],
        options: ['upgrade'],
        network: { proxies: {}, certificates: 'PEM' },
      },
    ]);
    assert.equal(sent.map(({ text = '' }) => text).join(''), 'Collecting six\nSuccessfully installed six-1.17.0\n');
    assert.ok(sent.filter(({ text }) => text).length >= 2, 'the first line came before the last');
    assert.deepEqual(replies(), [{ type: 'install_reply', request: 'r1', status: 'ok', reason: '' }]);
    assert.deepEqual(installs.done, ['six>=1', 'toolz']);
  });

  for (const wrong of [
    '--index-url=https://x.example',
    '-r/etc/passwd',
    '../six',
    '/six',
    'six @ https://x.example/six.whl',
    'git+https://x.example',
    'six; os',
    '',
    'a\nb',
    `${'a'.repeat(300)}`,
  ]) {
    it(`is refused for ${JSON.stringify(wrong.slice(0, 40))} and reaches no engine`, async () => {
      const { requests, ask, replies } = setUp();
      ask(['six', wrong]);
      await until(() => replies().length > 0);
      assert.deepEqual([replies()[0]?.reason, requests.length], ['in words: InstallRefused', 0]);
    });
  }

  it('is ignored if no cell of this session runs, and refused while another install runs', async () => {
    const { engine, requests, ask, sent, replies } = setUp();
    engine.work = never;
    ask(['six'], { msgId: 'foreign' });
    ask(['six'], { request: 'r1' });
    ask(['six'], { request: 'r2' });
    await until(() => replies().length > 0);
    assert.deepEqual([replies().map(({ request }) => request), requests.length], [['r2'], 1]);
    assert.ok(!sent.some(({ request }) => request === ''));
  });

  it('that is requested a million times causes a bounded number of installs and answers', async () => {
    const { requests, ask, sent, replies } = setUp();
    for (let i = 0; i < 1_000_000; i += 1) {
      ask(['six']);
    }
    await until(() => requests.length > 0 && replies().length > 0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.ok(requests.length <= 200 && sent.length <= 1_000, `${requests.length} installs, ${sent.length} messages`);
  });

  it('is cancelled without an answer when its cell is interrupted, and the next install waits until its container is gone', async () => {
    const { installs, engine, requests, ask, replies } = setUp();
    engine.work = never;
    ask(['six']);
    await until(() => requests.length === 1);
    installs.ended('another');
    assert.equal(engine.ended, 0);
    installs.ended('cell');
    engine.work = () => Promise.resolve();
    ask(['toolz'], { request: 'r2' });
    await until(() => replies().length > 0);
    assert.deepEqual(
      [replies().map(({ request }) => request), requests.length, engine.ended, installs.done],
      [['r2'], 2, 2, ['toolz']],
    );
  });

  it('sends the cell a bounded text, however much pip prints', async () => {
    const { engine, sent, ask, replies } = setUp();
    engine.work = async (onLine) => {
      for (let i = 0; i < 100_000; i += 1) {
        onLine('x'.repeat(1_000));
      }
      await Promise.resolve();
    };
    ask(['six']);
    await until(() => replies().length > 0);
    const text = sent.map(({ text = '' }) => text).join('');
    assert.ok(text.length < 300_000 && text.endsWith('…\n'), `${text.length} characters`);
  });
});

describe('an install that the user requests', () => {
  it('rejects with the failure and does not change the list of installed packages', async () => {
    const { installs, engine } = setUp();
    engine.work = () => Promise.reject(new SandboxError('InstallFailed', { problem: 'pip', reason: 'no' }));
    await fails(installs.install(['six']), 'InstallFailed', 'pip');
    await fails(installs.install([]), 'InstallRefused', 'none');
    await fails(installs.install(Array.from({ length: 201 }, () => 'six')), 'InstallRefused', 'tooMany');
    assert.deepEqual(installs.done, []);
  });

  it('is cancelled by its signal and by the end of the sandbox, which waits for the cancellation', async () => {
    const { installs, engine, requests } = setUp();
    engine.work = never;
    const abort = new AbortController();
    const first = installs.install(['six'], { signal: abort.signal });
    await until(() => requests.length === 1);
    abort.abort();
    await fails(first, 'Cancelled');
    const second = fails(installs.install(['six']), 'Cancelled');
    await until(() => requests.length === 2);
    await installs.close();
    assert.equal(engine.ended, 2);
    await second;
    await fails(installs.install(['six']), 'Cancelled');
  });
});
