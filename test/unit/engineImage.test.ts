import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { extract } from 'tar-stream';
import { certificateFiles, machineCertificates, settingsCertificates } from '../../src/engine/image/certificates';
import { silentLog } from '../../src/log';
import { isSandboxError } from '../../src/protocol/errors';
import { PullProgress, splitReference } from '../../src/engine/image/base-image';
import { PipProgress, networkTrouble, pipReason } from '../../src/engine/image/pip-output';
import { parseProxy, proxyAccount, proxyEnvironment, shownProxy, withPassword } from '../../src/engine/image/proxy';
import { readRunner, tarOf } from '../../src/engine/image/runner-files';
import { kernelTag, packagesTag } from '../../src/engine/image/tags';
import { parseLifeEvent } from '../../src/engine/life-events';
import { redact } from '../../src/engine/redact';

describe("pip's output", () => {
  const shown = (lines: readonly string[]): (string | undefined)[] => {
    const progress = new PipProgress();
    return lines.map((line) => progress.take(line));
  };

  it('becomes progress with the name of the package, the number of finished packages and their total size', () => {
    assert.deepEqual(
      shown([
        'Collecting pandas<3,>=2.0',
        '  Downloading pandas-2.3.1-cp311-cp311-manylinux_2_17_x86_64.whl.metadata (91 kB)',
        'Collecting six',
        '     |████████| 12.3 MB',
        'Downloading pandas-2.3.1-cp311-cp311-manylinux_2_17_x86_64.whl (12.3 MB)',
        'Downloading six-1.17.0-py2.py3-none-any.whl (11 kB)',
        'Installing collected packages: six, pandas',
        'Successfully installed pandas-2.3.1 six-1.17.0',
      ]),
      [
        'Collecting pandas',
        'Downloading pandas-2.3.1 (91 kB)',
        'Collecting six',
        undefined,
        'Downloading pandas-2.3.1 (12.3 MB), 1 of 2, 12.3 MB',
        'Downloading six-1.17.0 (11 kB), 2 of 2, 12.3 MB',
        'Installing collected packages (2, 12.3 MB)',
        'Successfully installed',
      ],
    );
  });

  it('becomes progress without a total while pip does not know it, and without credentials', () => {
    assert.deepEqual(
      shown([
        'Collecting six',
        '  Downloading https://ada:secret@mirror.example/p/six-1.17.0-py2.py3-none-any.whl (11 kB)',
        'Collecting six',
      ]),
      ['Collecting six', 'Downloading six-1.17.0 (11 kB), 1 so far', 'Collecting six'],
    );
  });

  it('is read in bounded time and memory, whatever it contains', () => {
    const progress = new PipProgress();
    const started = performance.now();
    for (let i = 0; i < 20_000; i += 1) {
      progress.take(`Downloading p${i}-1-py3-none-any.whl (999999.9 GB)`);
    }
    const said = progress.take(`Downloading last-1-py3-none-any.whl (1 MB)${' '.repeat(4_000)}(`) ?? '';
    assert.match(said, /, 2000 so far, 1099511\.6 MB$/);
    assert.ok(said.length < 200 && performance.now() - started < 2_000);
    assert.match(
      progress.take(`Installing collected packages: ${'x,'.repeat(3_000)}`) ?? '',
      /^Installing collected packages \(2000, /,
    );
  });

  it("contains pip's own reason", () => {
    const reason = pipReason(
      [
        'Collecting no-such-thing',
        'ERROR: Could not find a version that satisfies the requirement no-such-thing (from versions: none)',
        'ERROR: No matching distribution found for no-such-thing',
      ].join('\n'),
    );
    assert.equal(
      reason,
      'Could not find a version that satisfies the requirement no-such-thing (from versions: none) No matching distribution found for no-such-thing',
    );
  });

  it('contains a network problem of which pip only warns, without credentials', () => {
    const reason = pipReason(
      [
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'SSLError(CERTIFICATE_VERIFY_FAILED)': /simple/six/",
        'Could not fetch URL https://ada:secret@mirror.example/simple/six/: There was a problem confirming the ssl certificate',
        'ERROR: No matching distribution found for six',
      ].join('\r\n'),
    );
    assert.match(
      reason,
      /^Could not fetch URL https:\/\/\*\*\*@mirror.example.*certificate No matching distribution found for six$/,
    );
  });

  it('shows what blocked the way to the index, so that the error can name the right setting', () => {
    assert.equal(
      networkTrouble(
        "after connection broken by 'SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]'))'",
      ),
      'certificate',
    );
    assert.equal(
      networkTrouble(
        "broken by 'ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407 Proxy Authentication Required'))'",
      ),
      'proxy',
    );
    assert.equal(
      networkTrouble(
        "connection broken by 'NewConnectionError('Failed to establish a new connection: [Errno -3] Temporary failure in name resolution')'",
      ),
      'network',
    );
    assert.equal(
      networkTrouble(
        'Could not find a version that satisfies the requirement proxy-tools No matching distribution found for proxy-tools',
      ),
      undefined,
    );
  });

  it('gives the last lines of a pip that was killed', () => {
    assert.equal(pipReason('Traceback\n  File x\nMemoryError\n'), 'File x MemoryError');
    assert.equal(pipReason(''), 'pip said nothing');
  });
});

describe('the network settings for pip', () => {
  it('include the certificate file that the environment names', async () => {
    assert.deepEqual(certificateFiles({ PIP_CERT: '', SSL_CERT_FILE: '/a.pem', NODE_EXTRA_CA_CERTS: '/b.pem' }), [
      '/a.pem',
      '/b.pem',
    ]);
    const folder = await mkdtemp(join(tmpdir(), 'certificates-'));
    const [empty, file] = [join(folder, 'empty.pem'), join(folder, 'company.pem')];
    await writeFile(empty, 'none');
    await writeFile(file, '-----BEGIN CERTIFICATE-----');
    try {
      assert.equal(
        await machineCertificates({ PIP_CERT: '/does/not/exist.pem', SSL_CERT_FILE: empty, NODE_EXTRA_CA_CERTS: file }),
        '-----BEGIN CERTIFICATE-----',
      );
      await assert.rejects(
        settingsCertificates(empty),
        (error) => isSandboxError(error, 'SettingInvalid') && error.setting === 'caBundle',
      );
    } finally {
      await rm(folder, { recursive: true });
    }
    assert.equal(await machineCertificates({ SSL_CERT_FILE: '/does/not/exist.pem' }), undefined);
  });

  it('include the proxies of the environment and nothing else', () => {
    assert.deepEqual(
      proxyEnvironment({ https_proxy: 'http://p:1', NO_PROXY: 'localhost', PATH: '/bin', http_proxy: '' }),
      {
        HTTPS_PROXY: 'http://p:1',
        https_proxy: 'http://p:1',
        NO_PROXY: 'localhost',
        no_proxy: 'localhost',
      },
    );
  });

  it("use the proxy of our setting before that of VS Code, and that before the environment's", () => {
    const env = { HTTPS_PROXY: 'http://env:1', ALL_PROXY: 'http://all:1', no_proxy: 'intern' };
    const both = (proxy: string, none: string) => ({
      HTTP_PROXY: proxy,
      http_proxy: proxy,
      HTTPS_PROXY: proxy,
      https_proxy: proxy,
      NO_PROXY: none,
      no_proxy: none,
    });
    const set = (proxy: string, editorProxy: string, editorNoProxy: string[] = []) =>
      proxyEnvironment(env, { proxy, editorProxy, editorNoProxy });
    assert.deepEqual(set('http://mine:1', 'http://editor:1'), both('http://mine:1', 'intern'));
    assert.deepEqual(set('', 'http://editor:1', ['a', '.b']), both('http://editor:1', 'a,.b'));
    assert.deepEqual(set('', ''), {
      HTTPS_PROXY: 'http://env:1',
      https_proxy: 'http://env:1',
      ALL_PROXY: 'http://all:1',
      all_proxy: 'http://all:1',
      NO_PROXY: 'intern',
      no_proxy: 'intern',
    });
    assert.deepEqual(set('none', 'http://editor:1'), {});
    assert.deepEqual(proxyEnvironment({ PIP_PROXY: 'pip:8080', HTTPS_PROXY: 'http://env:1' }), {
      HTTP_PROXY: 'http://pip:8080',
      http_proxy: 'http://pip:8080',
      HTTPS_PROXY: 'http://pip:8080',
      https_proxy: 'http://pip:8080',
    });
  });

  it('have a user for the proxy, whose password may be stored elsewhere and is hidden all the same', () => {
    assert.deepEqual(proxyAccount(' http://anna@proxy.example:3128/ '), {
      address: 'http://anna@proxy.example:3128',
      user: 'anna',
      password: '',
    });
    assert.deepEqual(proxyAccount('http://a%40b:p%40ss-word@p:1'), {
      address: 'http://a%40b@p:1',
      user: 'a@b',
      password: 'p@ss-word',
    });
    assert.equal(proxyAccount('socks5://anna@p:1'), undefined);
    assert.equal(redact('anna met p@ss-word'), 'anna met ***', 'a user is no secret, a password is');
    for (const password of ['50%41@:/?# "ä', 'plain-password']) {
      const proxy = withPassword({ address: 'http://anna@proxy.example:3128' }, password);
      const { user, password: again } = proxyAccount(proxy) ?? {};
      assert.deepEqual([user, again], ['anna', password]);
      assert.equal(proxyEnvironment({}, { proxy, editorProxy: '', editorNoProxy: [] })['HTTPS_PROXY'], proxy);
      for (const spelling of [
        password,
        encodeURIComponent(password),
        JSON.stringify(password),
        Buffer.from(`anna:${password}`).toString('base64'),
      ]) {
        assert.ok(!redact(`said ${spelling} here`).includes(spelling), spelling);
      }
      assert.equal(redact(`by ${proxy}`), 'by http://***@proxy.example:3128');
    }
  });

  it('omit a proxy that pip cannot use; the log names it without its password', () => {
    const said: string[] = [];
    const log = { ...silentLog, warn: (message: string) => said.push(message) };
    assert.deepEqual(
      proxyEnvironment(
        { ALL_PROXY: 'socks5://ada:socks-secret@p:1' },
        { proxy: '', editorProxy: 'socks://q:1', editorNoProxy: [] },
        log,
      ),
      {},
    );
    assert.deepEqual(
      said,
      ['http.proxy', 'ALL_PROXY'].map(
        (from, i) =>
          `the proxy that ${from} names is left out, as pip cannot use it: ${['socks://q:1', 'socks5://***@p:1'][i]}`,
      ),
    );
  });

  it('refuse a setting that is not the address of a proxy, without showing its password', () => {
    for (const [proxy, shown] of [
      ['socks5://ada:s3cret@p:1', 'socks5://***@p:1'],
      ['ada:s3cret@p:1', '***@p:1'],
      ['http://ada:s3cret#1@p:1', 'http://***@p:1'],
      ['http://ada:s3cret', 'http://…'],
      ['http://p:1/path', 'http://…'],
      ['nonsense', 'nonsense'],
    ] as const) {
      assert.throws(
        () => proxyEnvironment({}, { proxy, editorProxy: '', editorNoProxy: [] }),
        (error) =>
          isSandboxError(error, 'SettingInvalid') &&
          error.params['value'] === shown &&
          error.setting === 'proxy' &&
          !error.message.includes('s3cret'),
      );
    }
    assert.equal(shownProxy('http://[::1]:3128'), 'http://[::1]:3128');
  });

  it('hide a known password in every spelling', () => {
    assert.equal(parseProxy(' http://ada:p@ss wörd@p:3128/ '), undefined);
    assert.equal(parseProxy('http://ada:p@ss%20wörd@p:3128/'), 'http://ada:p%40ss%20w%C3%B6rd@p:3128');
    const header = Buffer.from('ada:p@ss wörd').toString('base64');
    assert.equal(redact(`p@ss wörd, p%40ss%20w%C3%B6rd, p@ss%20wörd, Basic ${header}`), '***, ***, ***, Basic ***');
    assert.equal(parseProxy('https://only-a-token@p'), 'https://only-a-token@p');
    assert.equal(redact('407 for only-a-token'), '407 for ***');
  });

  it('are redacted wherever they are shown', () => {
    assert.equal(
      redact('see https://ada:p%40ss@host/x and http://token@h:1'),
      'see https://***@host/x and http://***@h:1',
    );
    assert.equal(redact('mail ada@example.org, https://host/@scope'), 'mail ada@example.org, https://host/@scope');
  });
});

describe('a pull', () => {
  it('requests one image', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    assert.deepEqual(splitReference('python'), { fromImage: 'python', tag: 'latest' });
    assert.deepEqual(splitReference('python:3.13-slim'), { fromImage: 'python', tag: '3.13-slim' });
    assert.deepEqual(splitReference('localhost:5000/a/b'), { fromImage: 'localhost:5000/a/b', tag: 'latest' });
    assert.deepEqual(splitReference('localhost:5000/a/b:1'), { fromImage: 'localhost:5000/a/b', tag: '1' });
    assert.deepEqual(splitReference(`a/b@${digest}`), { fromImage: 'a/b', tag: digest });
  });

  it('counts layers and bytes', () => {
    const layers = new PullProgress();
    for (const message of [
      { status: 'Pulling from library/python', id: '3.13-slim' },
      { status: 'Pulling fs layer', id: 'a' },
      { status: 'Already exists', id: 'b' },
      { status: 'Downloading', id: 'a', progressDetail: { current: 12e6, total: 48e6 } },
    ]) {
      layers.add(JSON.stringify(message));
    }
    layers.add('half a li');
    assert.equal(layers.summary(), '1/2, 12/48 MB');
    layers.add(JSON.stringify({ status: 'Pull complete', id: 'a' }));
    assert.equal(layers.summary(), '2/2, 48/48 MB');
    assert.equal(layers.error, '');
  });

  it('throws the error that the engine sends as a line', () => {
    const layers = new PullProgress();
    layers.add('{"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"}');
    assert.equal(layers.error, 'manifest unknown');
  });
});

describe('the name of an image', () => {
  it('changes with everything that goes into the image, and with nothing else', () => {
    const file = (content: string) => [{ path: 'main.py', content: Buffer.from(content) }];
    const names = [
      packagesTag('sha256:1', []),
      packagesTag('sha256:2', []),
      packagesTag('sha256:1', ['six']),
      kernelTag('p', file('a')),
      kernelTag('p', file('b')),
      kernelTag('q', file('a')),
    ];
    assert.equal(new Set(names).size, names.length);
    assert.equal(packagesTag('sha256:1', ['six']), names[2]);
  });
});

describe("the runner's files", () => {
  it('are all of its Python files and nothing else, packed as owned by root', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'runner-'));
    try {
      await mkdir(join(folder, 'pkg', '__pycache__'), { recursive: true });
      for (const name of ['main.py', 'pkg/b.py', 'pkg/a.py', 'pkg/__pycache__/a.cpython-311.py', 'notes.txt']) {
        await writeFile(join(folder, name), `# ${name}`);
      }
      const files = await readRunner(folder);
      assert.deepEqual(
        files.map(({ path }) => path),
        ['main.py', 'pkg/a.py', 'pkg/b.py'],
      );
      const seen: string[] = [];
      const archive = extract();
      Readable.from(tarOf(files)).pipe(archive);
      for await (const entry of archive) {
        seen.push(`${entry.header.name} ${entry.header.mode?.toString(8)} ${entry.header.uid}`);
        entry.resume();
      }
      assert.deepEqual(seen, ['pkg 755 0', 'main.py 644 0', 'pkg/a.py 644 0', 'pkg/b.py 644 0']);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('an event of the engine', () => {
  const line = (attributes: object, action = 'die'): string =>
    `{"Type":"container","Action":"${action}","Actor":{"ID":"c","Attributes":${JSON.stringify(attributes)}},"time":1700000000,"timeNano":1700000000123456789}`;

  it('names the sandbox, what happened and the exit code', () => {
    assert.deepEqual(parseLifeEvent(line({ 'sandboxed-ipython.sandbox': 's1', exitCode: '137' })), {
      event: { sandboxId: 's1', action: 'die', exitCode: 137 },
      time: '1700000000.123456789',
    });
    assert.equal(parseLifeEvent(line({ 'sandboxed-ipython.sandbox': 's1' }, 'pause'))?.event.exitCode, null);
    assert.equal(
      parseLifeEvent(line({ 'sandboxed-ipython.sandbox': 's1', containerExitCode: '0' }, 'pause'))?.event.exitCode,
      null,
    );
  });

  it('is ignored if it is anything else', () => {
    for (const other of [
      '',
      'null',
      '[]',
      '{"Action":"die"}',
      line({}),
      line({ 'sandboxed-ipython.sandbox': 's1' }, 'exec_start'),
      '{',
    ]) {
      assert.equal(parseLifeEvent(other), undefined);
    }
  });
});
