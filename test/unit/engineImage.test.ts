import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { extract } from 'tar-stream';
import { certificateFiles, machineCertificates, proxyEnvironment } from '../../src/engine/image/certificates';
import { Layers, splitReference } from '../../src/engine/image/base-image';
import { pipProgress, pipReason } from '../../src/engine/image/pip-output';
import { readRunner, tarOf } from '../../src/engine/image/runner-files';
import { kernelTag, packagesTag } from '../../src/engine/image/tags';
import { parseLifeEvent } from '../../src/engine/life-events';
import { redactUrls } from '../../src/engine/redact';

describe('pip\'s output', () => {
  it('becomes progress that names the package', () => {
    assert.equal(pipProgress('Collecting pandas<3,>=2.0'), 'Collecting pandas');
    assert.equal(pipProgress('  Downloading pandas-2.3.1-cp311-cp311-manylinux_2_17_x86_64.whl (12.3 MB)'), 'Downloading pandas-2.3.1 (12.3 MB)');
    assert.equal(pipProgress('  Downloading https://ada:secret@mirror.example/p/six-1.17.0-py2.py3-none-any.whl (11 kB)'), 'Downloading six-1.17.0 (11 kB)');
    assert.equal(pipProgress('Installing collected packages: six, pandas'), 'Installing collected packages');
    assert.equal(pipProgress('     |████████| 12.3 MB'), undefined);
  });

  it('gives pip\'s own reason', () => {
    const reason = pipReason([
      'Collecting no-such-thing', 'ERROR: Could not find a version that satisfies the requirement no-such-thing (from versions: none)',
      'ERROR: No matching distribution found for no-such-thing',
    ].join('\n'));
    assert.equal(reason, 'Could not find a version that satisfies the requirement no-such-thing (from versions: none) No matching distribution found for no-such-thing');
  });

  it('gives the trouble with the network that pip only warns of, without credentials', () => {
    const reason = pipReason([
      'WARNING: Retrying (Retry(total=0)) after connection broken by \'SSLError(CERTIFICATE_VERIFY_FAILED)\': /simple/six/',
      'Could not fetch URL https://ada:secret@mirror.example/simple/six/: There was a problem confirming the ssl certificate',
      'ERROR: No matching distribution found for six',
    ].join('\r\n'));
    assert.match(reason, /^Could not fetch URL https:\/\/\*\*\*@mirror.example.*certificate No matching distribution found for six$/);
  });

  it('gives the last words of a pip that died', () => {
    assert.equal(pipReason('Traceback\n  File x\nMemoryError\n'), 'File x MemoryError');
    assert.equal(pipReason(''), 'pip said nothing');
  });
});

describe('what the machine lends to pip', () => {
  it('is the certificate file that its environment names', async () => {
    assert.deepEqual(certificateFiles({ PIP_CERT: '', SSL_CERT_FILE: '/a.pem', NODE_EXTRA_CA_CERTS: '/b.pem' }), ['/a.pem', '/b.pem']);
    assert.equal(await machineCertificates({ SSL_CERT_FILE: '/does/not/exist.pem', NODE_EXTRA_CA_CERTS: __filename }), await readFile(__filename, 'utf8'));
    assert.equal(await machineCertificates({ SSL_CERT_FILE: '/does/not/exist.pem' }), undefined);
  });

  it('is its proxies and nothing else', () => {
    assert.deepEqual(proxyEnvironment({ https_proxy: 'http://p:1', NO_PROXY: 'localhost', PATH: '/bin', http_proxy: '' }), {
      HTTPS_PROXY: 'http://p:1', https_proxy: 'http://p:1', NO_PROXY: 'localhost', no_proxy: 'localhost',
    });
  });

  it('is redacted wherever it is shown', () => {
    assert.equal(redactUrls('see https://ada:p%40ss@host/x and http://token@h:1'), 'see https://***@host/x and http://***@h:1');
    assert.equal(redactUrls('mail ada@example.org, https://host/@scope'), 'mail ada@example.org, https://host/@scope');
  });
});

describe('a pull', () => {
  it('asks for one image', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    assert.deepEqual(splitReference('python'), { fromImage: 'python', tag: 'latest' });
    assert.deepEqual(splitReference('python:3.13-slim'), { fromImage: 'python', tag: '3.13-slim' });
    assert.deepEqual(splitReference('localhost:5000/a/b'), { fromImage: 'localhost:5000/a/b', tag: 'latest' });
    assert.deepEqual(splitReference('localhost:5000/a/b:1'), { fromImage: 'localhost:5000/a/b', tag: '1' });
    assert.deepEqual(splitReference(`a/b@${digest}`), { fromImage: 'a/b', tag: digest });
  });

  it('counts layers and bytes', () => {
    const layers = new Layers();
    for (const message of [
      { status: 'Pulling from library/python', id: '3.13-slim' },
      { status: 'Pulling fs layer', id: 'a' }, { status: 'Already exists', id: 'b' },
      { status: 'Downloading', id: 'a', progressDetail: { current: 12e6, total: 48e6 } },
    ]) layers.add(JSON.stringify(message));
    layers.add('half a li');
    assert.equal(layers.summary(), '1/2, 12/48 MB');
    layers.add(JSON.stringify({ status: 'Pull complete', id: 'a' }));
    assert.equal(layers.summary(), '2/2, 48/48 MB');
    assert.equal(layers.error, '');
  });

  it('keeps the error that the engine sends as a line', () => {
    const layers = new Layers();
    layers.add('{"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"}');
    assert.equal(layers.error, 'manifest unknown');
  });
});

describe('the name of an image', () => {
  it('changes with all that goes in, and with nothing else', () => {
    const file = (content: string) => [{ path: 'main.py', content: Buffer.from(content) }];
    const names = [packagesTag('sha256:1', []), packagesTag('sha256:2', []), packagesTag('sha256:1', ['six']), kernelTag('p', file('a')), kernelTag('p', file('b')), kernelTag('q', file('a'))];
    assert.equal(new Set(names).size, names.length);
    assert.equal(packagesTag('sha256:1', ['six']), names[2]);
  });
});

describe('the runner\'s files', () => {
  it('are all its Python and nothing else, packed as root\'s', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'runner-'));
    try {
      await mkdir(join(folder, 'pkg', '__pycache__'), { recursive: true });
      for (const name of ['main.py', 'pkg/b.py', 'pkg/a.py', 'pkg/__pycache__/a.cpython-311.py', 'notes.txt']) await writeFile(join(folder, name), `# ${name}`);
      const files = await readRunner(folder);
      assert.deepEqual(files.map(({ path }) => path), ['main.py', 'pkg/a.py', 'pkg/b.py']);
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
      event: { sandboxId: 's1', action: 'die', exitCode: 137 }, time: '1700000000.123456789',
    });
    assert.equal(parseLifeEvent(line({ 'sandboxed-ipython.sandbox': 's1' }, 'pause'))?.event.exitCode, null);
  });

  it('is none if it is anything else', () => {
    for (const other of ['', 'null', '[]', '{"Action":"die"}', line({}), line({ 'sandboxed-ipython.sandbox': 's1' }, 'exec_start'), '{']) assert.equal(parseLifeEvent(other), undefined);
  });
});
