import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

/**
 * The fault of a request: `never`: it is accepted and never answered; `stalls`: its answer stops after the headers;
 * `closes`: its connection is closed at once; `half`: its connection is closed in the middle of the answer's body;
 * `late`: it reaches the engine after {@link RequestProxy.delay} milliseconds.
 */
export type Answer = 'never' | 'stalls' | 'closes' | 'half' | 'late';

/** The faults that prevent a complete answer. */
export const ANSWERS: readonly Answer[] = ['never', 'stalls', 'closes', 'half'];

const PING = 'GET /_ping';
/** An engine without a registry answers this request with an error, which is no stream that could stall. */
const PULL = 'POST /images/create';
/** Names of programs in containers, by a pattern of their command line. */
const PROGRAMS: readonly (readonly [RegExp, string])[] = [
  [/\/relay\.py$/m, 'relay'],
  [/\/unpack\.py$/m, 'file copy'],
  [/\/installer\.py$/m, 'installer'],
  [/\/selftest\.py$/m, 'self-test'],
  [/^-m\npip$/m, 'pip'],
  [/signal\.SIGUSR1/, 'guard'],
  [/def probe/, 'probe'],
  [/_bundled/, 'ensurepip'],
  [/shutil\.rmtree/, 'compile'],
  [/tarfile\.open/, 'unpack'],
  [/sys\.stdin\.buffer\.read\(\)/, 'file preparation'],
];

/**
 * A Unix socket in front of the engine's that knows the kind of each request: its method and the pattern of its path,
 * and for an exec the name of its program, as in `POST /exec/{id}/start relay`. One kind of request at a time gets a
 * fault, or all requests from the first of that kind on. All others pass.
 */
export class RequestProxy {
  /** Each kind of request that came, in the order of the first requests. */
  readonly seen = new Set<string>();
  /** The number of requests with a fault so far. */
  hits = 0;
  /** The maximum number of requests with a fault; later ones pass. */
  most = Infinity;
  /** The number of pings so far. */
  pings = 0;
  /** Milliseconds by which a request with the fault `late` is delayed. */
  delay = 0;
  /** Whether pings are answered while another request gets a fault. */
  answersPings = false;
  /** The time of the first request with a fault, by `performance.now()`. */
  firstHit: number | undefined;
  #fault: { kind: string; answer: Answer; andAll: boolean } | undefined;
  readonly #server = net.createServer({ allowHalfOpen: true }, (client) => {
    this.#serve(client);
  });
  readonly #open = new Set<net.Socket>();
  /** The programs by the id of their exec. */
  readonly #programs = new Map<string, string>();
  #folder = '';

  constructor(private readonly engineSocket: string) {}

  /** Returns the value of DOCKER_HOST that leads through this proxy. */
  async listen(): Promise<string> {
    this.#folder = await mkdtemp(path.join(os.tmpdir(), 'proxy-'));
    const socket = path.join(this.#folder, 'engine.sock');
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen(socket, resolve);
    });
    return `unix://${socket}`;
  }

  /** The kind of request that gets a fault. */
  get treated(): string | undefined {
    return this.#fault?.kind;
  }

  /**
   * From now on, requests of this kind get this fault. With `undefined`, all requests pass.
   * @param andAll whether all requests after the first of that kind get the fault too
   */
  treat(kind: string | undefined, answer: Answer = 'never', andAll = false): void {
    this.#fault = kind === undefined ? undefined : { kind, answer, andAll };
    this.hits = 0;
    this.firstHit = undefined;
  }

  /** Cuts every open connection. */
  cut(): void {
    for (const socket of this.#open) {
      socket.destroy();
    }
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.#folder, { recursive: true, force: true });
  }

  #serve(client: net.Socket): void {
    let received: Buffer[] = [];
    this.#keep(client, undefined);
    const listen = (chunk: Buffer): void => {
      received.push(chunk);
      const request = parse(Buffer.concat(received));
      if (!request) {
        return;
      }
      client.off('data', listen).pause();
      const kind = this.#kind(request);
      const isPing = kind === PING;
      if (isPing) {
        this.pings += 1;
      } else {
        this.seen.add(kind);
      }
      const fault = this.#fault;
      if (isPing && fault && !this.answersPings) {
        client.resume();
        return;
      }
      const answer =
        fault && this.hits < this.most && (fault.kind === kind || (fault.andAll && this.hits > 0))
          ? fault.answer
          : undefined;
      if (answer !== undefined) {
        this.hits += 1;
        this.firstHit ??= performance.now();
      }
      if (answer === 'closes') {
        client.destroy();
      } else if (answer === 'never') {
        client.resume();
      } else if (answer === 'late') {
        const all = Buffer.concat(received);
        setTimeout(() => {
          if (!client.destroyed) {
            this.#forward(client, request, all, undefined);
          }
        }, this.delay);
      } else if (answer === 'stalls' && kind === PULL) {
        client
          .resume()
          .write('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n');
      } else {
        this.#forward(client, request, Buffer.concat(received), answer);
      }
      received = [];
    };
    client.on('data', listen);
  }

  #forward(client: net.Socket, request: Request, received: Buffer, answer: 'stalls' | 'half' | undefined): void {
    const engine = net.connect({ path: this.engineSocket, allowHalfOpen: true });
    this.#keep(engine, answer === 'stalls' ? undefined : client); // a stalled answer is not ended
    this.#keep(client, engine);
    engine.write(received);
    client.pipe(engine);
    const program = request.program;
    if (program !== undefined) {
      let said = '';
      engine.on('data', (chunk: Buffer) => {
        said = (said + chunk.toString('latin1')).slice(0, 10_000);
        const id = /"Id":"([0-9a-f]+)"/.exec(said)?.[1];
        if (id !== undefined) {
          this.#programs.set(id, program);
        }
      });
    }
    if (answer === undefined) {
      engine.pipe(client);
      return;
    }
    let said = Buffer.alloc(0);
    const spoil = (chunk: Buffer): void => {
      said = Buffer.concat([said, chunk]);
      const head = said.indexOf('\r\n\r\n') + 4;
      if (head < 4) {
        return;
      }
      const hasBody = !/^HTTP\/1\.1 (204|304)|^content-length: 0\r$/im.test(said.toString('latin1', 0, head));
      if (answer === 'half' && hasBody && said.length === head) {
        return;
      }
      engine.off('data', spoil).resume();
      if (answer === 'stalls') {
        client.write(said.subarray(0, hasBody ? head : head >> 1));
      } else {
        client.write(said.subarray(0, hasBody ? head + Math.ceil((said.length - head) / 2) : head >> 1), () => {
          client.destroy();
        });
      }
    };
    engine.on('data', spoil).on('end', () => {
      if (answer === 'half') {
        client.destroy();
      }
    });
  }

  #keep(socket: net.Socket, other: net.Socket | undefined): void {
    if (!this.#open.has(socket)) {
      socket
        .setNoDelay(true)
        .on('error', () => undefined)
        .on('close', () => {
          this.#open.delete(socket);
        });
    }
    this.#open.add(socket);
    if (other) {
      socket.on('close', () => {
        other.destroy();
      });
    }
  }

  #kind({ method, pathname, program, exec }: Request): string {
    const pattern = pathname
      .replace(/^\/v[\d.]+\//, '/')
      .replace(/^\/(containers|networks|volumes|exec)\/(?!json$|create$|prune$)[^/]+/, '/$1/{id}')
      .replace(/^\/images\/(?!create$|json$).+?(\/json|\/tag|\/push|\/history)?$/, '/images/{id}$1');
    const what = program ?? (exec === undefined ? undefined : (this.#programs.get(exec) ?? 'of nobody'));
    return `${method} ${pattern}${what === undefined ? '' : ` ${what}`}`;
  }
}

interface Request {
  method: string;
  pathname: string;
  /** The command of an exec that is being created. */
  program: string | undefined;
  /** The exec that a request names. */
  exec: string | undefined;
}

/** Undefined if the request is not complete yet. */
function parse(received: Buffer): Request | undefined {
  const head = received.indexOf('\r\n\r\n') + 4;
  if (head < 4) {
    return undefined;
  }
  const text = received.toString('latin1', 0, head);
  const [, method = '', target = ''] = /^([A-Z]+) (\S+) HTTP/.exec(text) ?? [];
  const { pathname } = new URL(target, 'http://engine');
  const exec = /\/exec\/([0-9a-f]+)\//.exec(pathname)?.[1];
  if (!/\/containers\/[^/]+\/exec$/.test(pathname)) {
    return { method, pathname, program: undefined, exec };
  }
  if (received.length < head + Number(/^content-length: (\d+)/im.exec(text)?.[1] ?? 0)) {
    return undefined;
  }
  const { Cmd } = JSON.parse(received.toString('utf8', head)) as { Cmd: string[] };
  return {
    method,
    pathname,
    program:
      PROGRAMS.find(([pattern]) => pattern.test(Cmd.join('\n')))?.[1] ??
      `unknown program: ${Cmd.join(' ').slice(0, 100)}`,
    exec,
  };
}
