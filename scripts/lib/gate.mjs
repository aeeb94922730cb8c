import { randomBytes, timingSafeEqual } from 'node:crypto';
import http from 'node:http';

/** Makes the page installable as an app, which is not needed here. With it, the first output appears 5 to 20 s late. */
const OWN_SERVICE_WORKER = /\/out\/browser\/serviceWorker\.js$/;
/** The static files of the frame in which outputs are drawn. Nothing else exists at the outputs' own origin. */
const OUTPUT_FRAME = /^\/[\w-]+\/static\/out\/vs\/workbench\/contrib\/webview\/browser\/pre\/[\w.-]+$/;
/** The address of that frame in the page's settings. */
const FRAME_SETTING = /(webviewEndpoint&quot;:&quot;)([^&]+)/;

/**
 * Stands between the browser and code-server, which listens on a Unix socket, and adds what it lacks:
 *  - a token in the address instead of a password to type, a cookie afterwards. Other users of this machine and
 *    other sites' pages do not get in.
 *  - an origin of its own for outputs. code-server draws them in the origin of the workbench, where a script in a
 *    notebook's output could do all that the user can.
 *
 * @param {{ socketPath: string, port: number, entry: string }} options
 *   `port` 0: any free one; `entry`: the path and query that the token leads to
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export async function openGate({ socketPath, port, entry }) {
  const token = randomBytes(24).toString('hex');
  const workbench = http.createServer();
  const outputs = http.createServer();
  // Another port is another origin, but still the same site, so that browsers which block third-party storage allow it.
  const [origin, outputsOrigin] = [await listen(workbench, port), await listen(outputs, 0)];
  const cookie = `sandboxed-ipython-${new URL(origin).port}=${token}`;

  const forward = ({ method, url: path, headers, socket }, onResponse) => {
    const onward = http.request({ socketPath, method, path, headers }, onResponse);
    return onward.once('error', () => socket.destroy());
  };
  const isOwner = ({ headers }) =>
    headers.host === new URL(origin).host &&
    [undefined, origin].includes(headers.origin) &&
    [undefined, 'none', 'same-origin'].includes(headers['sec-fetch-site']) && // an output's origin is `same-site`
    (headers.cookie ?? '').split(/;\s*/).some((pair) => same(pair, cookie));

  workbench.on('request', (request, response) => {
    const { pathname, searchParams } = new URL(request.url, origin);
    const isPage = pathname === '/';
    if (isPage && same(searchParams.get('tkn') ?? '', token)) {
      response.writeHead(302, { location: entry, 'set-cookie': `${cookie}; HttpOnly; SameSite=Strict; Path=/` }).end();
    } else if (!isOwner(request)) {
      response.writeHead(403).end('Open the address that npm start has printed.\n');
    } else if (OWN_SERVICE_WORKER.test(pathname)) {
      response.writeHead(404).end();
    } else if (isPage) {
      delete request.headers['accept-encoding'];
      request.pipe(forward(request, (answer) => void sendPage(answer, response, outputsOrigin)));
    } else {
      request.pipe(forward(request, (answer) => answer.pipe(response.writeHead(answer.statusCode, answer.headers))));
    }
  });

  outputs.on('request', (request, response) => {
    if (request.method !== 'GET' || !OUTPUT_FRAME.test(new URL(request.url, outputsOrigin).pathname)) {
      response.writeHead(403).end();
      return;
    }
    delete request.headers.cookie; // cookies are sent to all ports of a host
    forward(request, (answer) => answer.pipe(response.writeHead(answer.statusCode, answer.headers))).end();
  });

  workbench.on('upgrade', (request, socket, head) => {
    if (!isOwner(request)) {
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      return;
    }
    forward(request, (answer) => socket.end(`HTTP/1.1 ${answer.statusCode} Refused\r\n\r\n`))
      .once('upgrade', (answer, onward, first) => {
        const headers = Object.entries(answer.headers)
          .map(([name, value]) => `${name}: ${value}\r\n`)
          .join('');
        socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headers}\r\n`);
        socket.write(first);
        onward.write(head);
        for (const [from, to] of [
          [socket, onward],
          [onward, socket],
        ]) {
          from
            .setNoDelay(true)
            .once('error', () => to.destroy())
            .pipe(to);
        }
      })
      .end();
  });

  return {
    url: `${origin}/?tkn=${token}`,
    close: () => {
      for (const server of [workbench, outputs]) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

/**
 * Sends the page of the workbench with the origin of its outputs. A page that has no place for that origin is not sent.
 */
async function sendPage(answer, response, outputsOrigin) {
  const page = (await answer.setEncoding('utf8').toArray()).join('');
  const headers = { ...answer.headers };
  delete headers['content-length'];
  if (answer.statusCode === 200 && !FRAME_SETTING.test(page)) {
    response.writeHead(500).end('The gate cannot set the origin of outputs in the page of this code-server.\n');
    return;
  }
  if (headers['content-security-policy']) {
    headers['content-security-policy'] = headers['content-security-policy'].replace(
      'frame-src ',
      `frame-src ${outputsOrigin} `,
    );
  }
  response
    .writeHead(answer.statusCode, headers)
    .end(page.replace(FRAME_SETTING, (_all, before, path) => `${before}${outputsOrigin}/${path}`));
}

/** @returns {Promise<string>} the server's origin, on the loopback */
async function listen(server, port) {
  await new Promise((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${server.address().port}`;
}

function same(given, expected) {
  return given.length === expected.length && timingSafeEqual(Buffer.from(given), Buffer.from(expected));
}
