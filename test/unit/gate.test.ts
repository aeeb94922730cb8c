import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http, { type IncomingHttpHeaders } from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

interface Gate {
  url: string;
  close(): void;
}
interface Gates {
  openGate(options: { socketPath: string; port: number; entry: string }): Promise<Gate>;
}
interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

const GATE = pathToFileURL(path.resolve(__dirname, '../../../scripts/lib/gate.mjs')).href;
const FRAME = '/stable-1/static/out/vs/workbench/contrib/webview/browser/pre/index.html';
const PAGE =
  '<meta data-settings="{&quot;webviewEndpoint&quot;:&quot;/stable-1/static/out/vs/workbench/contrib/webview/browser/pre/&quot;}">';

/** The gate between the browser and VS Code's server. A fake server records the requests that pass the gate. */
describe('the gate of npm start', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'gate-'));
  const passed: { url: string; headers: IncomingHttpHeaders }[] = [];
  const seen = (): [string, string | undefined][] => passed.map(({ url, headers }) => [url, headers.cookie]);
  let page = PAGE;
  const server = http
    .createServer((request, response) => {
      passed.push({ url: request.url ?? '', headers: request.headers });
      response
        .setHeader('content-security-policy', 'frame-src self; default-src none')
        .end(request.url === '/' ? page : 'behind');
    })
    .on('upgrade', (request, socket) => {
      passed.push({ url: request.url ?? '', headers: request.headers });
      socket.end('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\nhello');
    });
  let gate: Gate;
  let origin: string;
  let cookie: string;

  before(async () => {
    const socketPath = path.join(folder, 'server.sock');
    await new Promise<void>((resolve) => {
      server.listen(socketPath, resolve);
    });
    gate = await ((await import(GATE)) as Gates).openGate({ socketPath, port: 0, entry: '/?folder=/work' });
    ({ origin } = new URL(gate.url));
    cookie = String((await get(gate.url)).headers['set-cookie']).split(';')[0] ?? '';
  });
  beforeEach(() => {
    passed.length = 0;
    page = PAGE;
  });
  after(() => {
    gate.close();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function get(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
    return new Promise((resolve, reject) => {
      http
        .request(url, { headers, method, agent: false }, (response) => {
          let body = '';
          response
            .setEncoding('utf8')
            .on('data', (text: string) => {
              body += text;
            })
            .on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
        })
        .once('error', reject)
        .end();
    });
  }
  /** Requests a WebSocket, and returns everything that arrives. */
  async function upgrade(headers: Record<string, string>): Promise<string> {
    const { hostname, port, host } = new URL(origin);
    const socket = net.connect(Number(port), hostname);
    const lines = Object.entries({ host, connection: 'Upgrade', upgrade: 'websocket', ...headers }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    socket.write(`GET /socket HTTP/1.1\r\n${lines.join('')}\r\n`);
    let came = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      came += text;
    });
    await once(socket, 'close');
    return came;
  }
  const outputsOrigin = async (): Promise<string> =>
    /webviewEndpoint&quot;:&quot;(http:\/\/[\d.:]+)\//.exec((await get(`${origin}/`, { cookie })).body)?.[1] ??
    assert.fail();

  it('accepts its token once, and gives a cookie that no script and no other site can use', async () => {
    const { status, headers } = await get(gate.url);
    assert.deepEqual([status, headers.location], [302, '/?folder=/work']);
    assert.match(
      String(headers['set-cookie']),
      /^sandboxed-ipython-\d+=[0-9a-f]{48}; HttpOnly; SameSite=Strict; Path=\/$/,
    );
    assert.deepEqual(passed, []);
  });

  it('refuses everyone else: without a token, with a wrong token, with an invalid cookie', async () => {
    const token = new URL(gate.url).searchParams.get('tkn') ?? '';
    const name = cookie.slice(0, cookie.indexOf('='));
    for (const [url, headers] of [
      ['/', {}],
      ['/?tkn=', {}],
      [`/?tkn=${token.slice(1)}`, {}],
      [`/?tkn=${token.replace(/^./, (first) => (first === '0' ? '1' : '0'))}`, {}],
      [`/x?tkn=${token}`, {}],
      ['/', { cookie: `${name}=` }],
      ['/', { cookie: `${name}=${'0'.repeat(48)}` }],
      ['/', { cookie: `other=${token}` }],
    ] as [string, Record<string, string>][]) {
      assert.equal((await get(origin + url, headers)).status, 403, `${url} ${JSON.stringify(headers)}`);
    }
    assert.deepEqual(passed, []);
  });

  /** Requests that a page of another origin, or another name for this computer, would make with the owner's cookie. */
  const FOREIGN: [why: string, headers: Record<string, string>][] = [
    ['another site', { origin: 'https://evil.example' }],
    ['an output, which is of this computer too', { origin: 'http://127.0.0.1:1' }],
    ['no origin that counts', { origin: 'null' }],
    ['a name that leads here', { host: 'evil.example' }],
    ['a page of the same site', { 'sec-fetch-site': 'same-site' }],
    ['a page of another', { 'sec-fetch-site': 'cross-site' }],
  ];
  for (const [why, headers] of FOREIGN) {
    it(`refuses its own cookie from ${why}`, async () => {
      assert.equal((await get(`${origin}/x`, { cookie, ...headers })).status, 403);
      assert.match(await upgrade({ cookie, ...headers }), /^HTTP\/1\.1 403 /);
      assert.deepEqual(passed, []);
    });
  }

  it('passes on the requests of the owner, and a WebSocket with its first bytes', async () => {
    assert.equal((await get(`${origin}/x`, { cookie, origin, 'sec-fetch-site': 'same-origin' })).body, 'behind');
    assert.match(await upgrade({ cookie, origin }), /^HTTP\/1\.1 101 [^]*\r\n\r\nhello$/);
    assert.deepEqual(
      seen().map(([url]) => url),
      ['/x', '/socket'],
    );
    assert.match(await upgrade({ origin }), /^HTTP\/1\.1 403 /);
    assert.equal(passed.length, 2);
  });

  it('makes the page draw outputs in their own origin, and does not show a page in which it cannot set that', async () => {
    const { body, headers } = await get(`${origin}/`, { cookie });
    const outputs = await outputsOrigin();
    assert.notEqual(outputs, origin);
    assert.ok(body.includes(`${outputs}//stable-1/`) || body.includes(`${outputs}/stable-1/`), body);
    assert.match(String(headers['content-security-policy']), new RegExp(`^frame-src ${outputs} self;`));
    page = '<meta>';
    assert.equal((await get(`${origin}/`, { cookie })).status, 500);
  });

  it('serves nothing at that origin but the frame of an output, which receives no cookie', async () => {
    const outputs = await outputsOrigin();
    passed.length = 0;
    for (const [url, method] of [
      ['/', 'GET'],
      ['/x', 'GET'],
      [FRAME, 'POST'],
      [`${FRAME}/../../x`, 'GET'],
      [`/a/../..${FRAME}`, 'HEAD'],
      [`/vscode-remote-resource?path=${FRAME}`, 'GET'],
    ] as const) {
      assert.equal((await get(outputs + url, { cookie }, method)).status, 403, `${method} ${url}`);
    }
    assert.deepEqual(passed, []);
    assert.equal((await get(outputs + FRAME, { cookie })).body, 'behind');
    assert.deepEqual(seen(), [[FRAME, undefined]]);
  });
});
