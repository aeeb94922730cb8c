import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { TLSSocket } from 'node:tls';
import { BASE, docker } from '../engineTools';

/** The host name of a package index that only the proxy can resolve. */
const INDEX_HOST = 'packages.company.test';
const PACKAGE = 'company_tool';
const WHEEL = `${PACKAGE}-1.0-py3-none-any.whl`;
/** Configures pip to use this index and to give up soon. */
export const PIP_CONFIGURATION = `[global]\nindex-url = https://${INDEX_HOST}/simple\nretries = 1\ntimeout = 10\n`;

interface Materials {
  key: string;
  certificate: string;
  wheel: Buffer;
}

/** Makes a certificate of an unknown authority, and a wheel, with the Python and OpenSSL of the base. */
async function makeMaterials(authority: string): Promise<Materials> {
  const code = `
import base64, subprocess, sys, zipfile
subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", "/tmp/key", "-out", "/tmp/cert", "-subj", "/CN=" + sys.argv[1],
    "-addext", "subjectAltName=DNS:${INDEX_HOST}"], check=True, stderr=subprocess.DEVNULL)
with zipfile.ZipFile("/tmp/wheel", "w") as wheel:
    info = "${PACKAGE}-1.0.dist-info/"
    wheel.writestr("${PACKAGE}.py", "answer = 42\\n")
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: ${PACKAGE}\\nVersion: 1.0\\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(info + "RECORD", "".join(name + ",,\\n" for name in ("${PACKAGE}.py", info + "METADATA", info + "WHEEL", info + "RECORD")))
print(*[base64.b64encode(open(name, "rb").read()).decode() for name in ("/tmp/key", "/tmp/cert", "/tmp/wheel")])
`;
  const container = await docker.createContainer({
    Image: BASE,
    Entrypoint: ['python3', '-c'],
    Cmd: [code, authority],
    User: '0:0',
    Tty: true,
    HostConfig: { NetworkMode: 'none' },
  });
  try {
    await container.start();
    await container.wait();
    const parts = (await container.logs({ stdout: true })).toString().trim().split(' ');
    const [key = Buffer.of(), certificate = Buffer.of(), wheel = Buffer.of()] = parts.map((part) =>
      Buffer.from(part, 'base64'),
    );
    return { key: key.toString(), certificate: certificate.toString(), wheel };
  } finally {
    await container.remove({ force: true });
  }
}

/**
 * The address of this machine on the engine's bridge, as containers see it; undefined if the bridge is not on this
 * machine.
 */
async function gateway(): Promise<string | undefined> {
  for (const name of ['bridge', 'podman']) {
    try {
      const { IPAM } = (await docker.getNetwork(name).inspect()) as {
        IPAM?: { Config?: { Gateway?: string; Subnet?: string }[] };
      };
      const { Gateway, Subnet } = IPAM?.Config?.[0] ?? {};
      // an engine that did not create its bridge itself reports no gateway
      const found = Gateway ?? Subnet?.replace(/\.0\/\d+$/, '.1');
      if (found) {
        return found;
      }
    } catch {
      // the bridge of another engine has another name
    }
  }
  return undefined;
}

/**
 * A company's network: a proxy that requires a password, and behind it an index whose certificate comes from the
 * company's own authority.
 */
export class CompanyNetwork {
  /** The requests to the proxy with the right password, and the number of requests without it. */
  readonly connected: string[] = [];
  denied = 0;

  private constructor(
    private readonly server: Server,
    readonly certificate: string,
    readonly address: string,
  ) {}

  /** Undefined if containers cannot reach this machine. */
  static async start(user: string, password: string, authority: string): Promise<CompanyNetwork | undefined> {
    const host = await gateway();
    if (host === undefined) {
      return undefined;
    }
    const { key, certificate, wheel } = await makeMaterials(authority);
    const index = createServer((request, response) => {
      serve(request, response, wheel);
    });
    const server = createServer((_, response) => {
      response.writeHead(405).end();
    });
    const credentials = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    server.on('connect', (request: IncomingMessage, socket) => {
      socket.on('error', () => undefined);
      if (request.headers['proxy-authorization'] !== credentials) {
        network.denied++;
        socket.end(
          'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="company"\r\nContent-Length: 0\r\n\r\n',
        );
        return;
      }
      network.connected.push(request.url ?? '');
      if (request.url !== `${INDEX_HOST}:443`) {
        socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n');
        return;
      }
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      const secure = new TLSSocket(socket, { isServer: true, key, cert: certificate });
      secure.on('error', () => undefined);
      index.emit('connection', secure);
    });
    try {
      server.listen(0, host);
      await once(server, 'listening');
    } catch {
      return undefined;
    }
    const network = new CompanyNetwork(server, certificate, `${host}:${(server.address() as AddressInfo).port}`);
    return network;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

function serve(request: IncomingMessage, response: ServerResponse, wheel: Buffer): void {
  if (request.url === '/simple/company-tool/') {
    response
      .writeHead(200, { 'Content-Type': 'text/html' })
      .end(`<!DOCTYPE html><a href="/files/${WHEEL}">${WHEEL}</a>`);
  } else if (request.url === `/files/${WHEEL}`) {
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': wheel.length }).end(wheel);
  } else {
    response.writeHead(404).end();
  }
}
