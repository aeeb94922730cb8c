import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, homedir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { connectEngine } from '../../src/engine/connect';
import type { Engine, ImageRequest } from '../../src/engine/engine';
import { installNetwork } from '../../src/engine/image/install-network';
import { withPassword } from '../../src/engine/image/proxy';
import type { Log } from '../../src/log';
import { describe as sentence, paragraph, untranslated } from '../../src/messages';
import { isSandboxError, type SandboxError } from '../../src/protocol/errors';
import { docker, imageRequest, usualImage } from './engineTools';
import { Bases, namesOf } from './support/bases';
import { CompanyNetwork, PIP_CONFIGURATION } from './support/companyNetwork';
import { endSessions, startSession } from './support/sandboxes';
import { Traces } from './support/traces';

/** A password that is hard to quote. Its random part alone identifies it in every spelling. */
const TOKEN = randomBytes(12).toString('hex');
const PASSWORD = `${TOKEN}@/: %"#`;
const WRONG = `wrong-${randomBytes(12).toString('hex')}`;
const AUTHORITY = `company-${randomBytes(12).toString('hex')}`;

describe("a company's network", function () {
  this.timeout(60_000);
  const bases = new Bases();
  const said: string[] = [];
  const record = (message: string): void => {
    said.push(message);
  };
  const log: Log = { trace: record, debug: record, info: record, warn: record, error: record };
  let engine: Engine;
  let company: CompanyNetwork;
  let traces: Traces;
  let folder = '';
  let request: ImageRequest;
  let image = '';

  /** The value of the setting if the password is in VS Code's secret storage. */
  const proxyWith = (password: string): string => withPassword({ address: `http://ada@${company.address}` }, password);
  const networkOf = (proxy: string, caBundle: string) =>
    installNetwork({}, { proxy, caBundle, editorProxy: '', editorNoProxy: [] }, log);
  const steps = {
    step: (code: string, detail = '') => {
      said.push(`${code} ${detail}`);
    },
  };

  before(async function () {
    this.timeout(120_000);
    engine = await connectEngine({
      platform: process.platform,
      env: process.env,
      home: homedir(),
      uid: process.getuid?.(),
      log,
    });
    const [network, usual] = await Promise.all([CompanyNetwork.start('ada', PASSWORD, AUTHORITY), usualImage(engine)]);
    if (!network) {
      this.skip();
    } // the engine is on another machine
    company = network;
    folder = await mkdtemp(join(tmpdir(), 'company-'));
    const caBundle = join(folder, 'authority.pem');
    await writeFile(caBundle, `# ${AUTHORITY}\n${company.certificate}`);
    const [, line = ''] = company.certificate.split('\n').slice(4);
    traces = new Traces([TOKEN, Buffer.from(`ada:${PASSWORD}`).toString('base64'), WRONG, AUTHORITY, line]);
    const base = await bases.make(
      'company',
      `open("/etc/pip.conf", "w").write(${JSON.stringify(PIP_CONFIGURATION)})`,
      [],
      usual,
    );
    request = await imageRequest({
      base,
      packages: ['company-tool'],
      network: await networkOf(proxyWith(PASSWORD), caBundle),
    });
    for (const tag of (await namesOf(request)).tags) {
      bases.add(tag);
    }
  });
  after(async () => {
    await endSessions();
    company?.close();
    await bases.remove();
    engine.dispose();
    if (folder) {
      await rm(folder, { recursive: true });
    }
  });

  async function failure(change: Partial<ImageRequest>): Promise<SandboxError> {
    try {
      await engine.ensureImage({ ...request, ...change }, steps);
    } catch (error) {
      assert.ok(isSandboxError(error, 'ImageFailed'), String(error));
      const text = paragraph(sentence(error, { t: untranslated, platform: process.platform }));
      said.push(text, error.message, inspect(error, { depth: null }));
      return error;
    }
    throw new Error('it was made');
  }

  it('without its proxy, an install cannot reach the index, and the error names the proxy setting', async () => {
    const { params, setting } = await failure({ network: await networkOf('none', '') });
    assert.deepEqual([params['trouble'], setting], ['network', 'proxy']);
    assert.deepEqual([company.connected, company.denied], [[], 0]);
  });

  it("a wrong password is reported with pip's own reason, and the error names the proxy setting", async () => {
    const { params, setting } = await failure({ network: await networkOf(proxyWith(WRONG), '') });
    assert.deepEqual([params['trouble'], setting], ['proxy', 'proxy']);
    assert.match(String(params['reason']), /407 Proxy Authentication Required/);
    assert.ok(company.denied > 0 && company.connected.length === 0);
  });

  it("an unknown certificate authority is reported with pip's own reason, and the error names the setting for it", async () => {
    const { params, setting } = await failure({ network: { ...request.network, certificates: undefined } });
    assert.deepEqual([params['trouble'], setting], ['certificate', 'caBundle']);
    assert.match(String(params['reason']), /certificate verify failed/i);
  });

  it('an image is built through its proxy, with its password and its certificate authority, and contains no trace of them', async () => {
    const events: string[] = [];
    const stop = await watchContainers(events);
    const before = company.connected.length;
    try {
      image = await engine.ensureImage(request, steps);
      assert.ok(company.connected.length > before && new Set(company.connected).size === 1, company.connected.join());
    } finally {
      await stop();
    }
    assert.ok(
      events.some((event) => event.includes('sandboxed-ipython-build-')),
      'the build was watched',
    );
    const { tags } = await namesOf(request);
    const saved = await traces.inImages(tags);
    assert.ok(saved.bytes > 100e6, 'all layers were looked into');
    const described = await Promise.all(
      tags.map(async (tag) =>
        JSON.stringify([await docker.getImage(tag).inspect(), await docker.getImage(tag).history()]),
      ),
    );
    assert.deepEqual(
      [
        ...saved.found,
        ...traces.inText("an image's configuration", described.join('\n')),
        ...traces.inText('a container', events.join('\n')),
        ...traces.inText('the log, the progress or a message', said.join('\n')),
      ],
      [],
    );
    assert.ok(
      said.some((message) => message.includes(`http://***@${company.address}`)),
      'the log names the proxy',
    );
    assert.doesNotMatch(described.join('\n'), /proxy/i);
  });

  it('a cell can install packages through the same proxy, and the sandbox contains no trace of it', async () => {
    const sandbox = startSession(engine, image, {}, { network: () => Promise.resolve(request.network) });
    const before = company.connected.length;
    const events: string[] = [];
    const stop = await watchContainers(events);
    const installed = await sandbox.run('%pip install --force-reinstall company-tool').finally(stop);
    assert.match(installed.text(), /Successfully installed company-tool/);
    assert.ok(
      company.connected.length > before && events.some((event) => event.includes('sandboxed-ipython-install-')),
      'the install was watched',
    );
    assert.deepEqual(
      [
        ...traces.inText('the installer', events.join('\n')),
        ...traces.inText('the cell', JSON.stringify(sandbox.events)),
        ...traces.inText('the log', said.join('\n')),
      ],
      [],
    );
    assert.equal((await sandbox.run('import company_tool; company_tool.answer')).result, '42');
    const [{ Id: id = '' } = {}] = await docker.listContainers({
      filters: { label: [`sandboxed-ipython.sandbox=${sandbox.session.id}`] },
    });
    const shown = await docker.getContainer(id).inspect();
    assert.deepEqual(traces.inText('the container', JSON.stringify(shown)), []);
    const looked = await traces.inContainer(id, String(shown.Config.Entrypoint?.[0]), ['0:0', shown.Config.User]);
    assert.ok(looked.files > 2_000, `${looked.files} files were looked into`);
    assert.deepEqual(looked.found, []);
    assert.equal(
      (await sandbox.run('import os; [name for name in os.environ if "proxy" in name.lower()]')).result,
      '[]',
    );
  });
});

/** Records all container events, and what the engine shows of each container and its processes at that time. */
async function watchContainers(events: string[]): Promise<() => Promise<void>> {
  const stream = (await docker.getEvents({ filters: { type: ['container'] } })) as NodeJS.ReadableStream & {
    destroy(): void;
  };
  const looks: Promise<unknown>[] = [];
  const keep = (shown: unknown): void => {
    events.push(JSON.stringify(shown));
  };
  stream.setEncoding('utf8').on('data', (text: string) => {
    events.push(text);
    for (const [, id = ''] of text.matchAll(/"ID":"([0-9a-f]{64})"/g)) {
      looks.push(
        docker
          .getContainer(id)
          .inspect()
          .then(keep, () => undefined),
      );
    }
    for (const [, id = ''] of text.matchAll(/"execID":"([0-9a-f]{64})"/g)) {
      looks.push(
        docker
          .getExec(id)
          .inspect()
          .then(keep, () => undefined),
      );
    }
  });
  return async () => {
    stream.destroy();
    await Promise.all(looks);
  };
}
