import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

/**
 * The fault of one connection: it is cut after a number of bytes in either direction, and its data is split and
 * delayed.
 */
export interface Fault {
  /** Bytes from the host to the engine after which the connection is cut. */
  up: number;
  /** Bytes from the engine to the host after which the connection is cut. */
  down: number;
  /**
   * Bytes from the engine after which the connection is cut, counted once the host has sent a command. The command
   * arrives and its answer is cut.
   */
  answer?: number;
  /** The longest delay of a piece of data, in milliseconds. */
  delay: number;
  /** Whether pieces are split in two that are sent one after the other. */
  halve: boolean;
}
export const NO_FAULT: Fault = { up: Infinity, down: Infinity, delay: 0, halve: false };

/** Bytes of the shortest command. A ping is shorter. */
const COMMAND = 250;

/** A connection that carries a raw stream. Its fault may be changed while it is open. */
export interface RawStream {
  /** The request that opened it: `POST /exec/…/start`. */
  readonly asked: string;
  readonly fault: Fault;
  cut(): void;
}

/**
 * A Unix socket in front of the engine's. Faults begin when a connection is upgraded to a raw stream, because raw
 * streams carry the cells.
 */
export class FaultProxy {
  /** Called for each raw stream; returns its fault. */
  fault: () => Fault = () => NO_FAULT;
  /** The number of raw streams that a fault ended. */
  cuts = 0;
  /** The requests to the engine other than raw streams, each as a method and a path. */
  readonly requests: string[] = [];
  readonly #server = net.createServer({ allowHalfOpen: true }, (client) => {
    this.#serve(client);
  });
  readonly #open = new Set<net.Socket>();
  readonly #raw = new Set<RawStream>();
  #folder = '';

  /** @param engineSocket where the engine listens @param below a seeded random number */
  constructor(
    private readonly engineSocket: string,
    private readonly below: (limit: number) => number,
  ) {}

  /** Returns the value of DOCKER_HOST that leads through this proxy. */
  async listen(): Promise<string> {
    this.#folder = await mkdtemp(path.join(os.tmpdir(), 'proxy-'));
    const socket = path.join(this.#folder, 'engine.sock');
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen(socket, resolve);
    });
    return `unix://${socket}`;
  }

  /** The open raw streams. */
  get streams(): readonly RawStream[] {
    return [...this.#raw];
  }

  /** Cuts every connection, raw or not. */
  cutAll(): void {
    for (const socket of this.#open) {
      socket.destroy();
    }
  }

  async close(): Promise<void> {
    this.cutAll();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.#folder, { recursive: true, force: true });
  }

  #serve(client: net.Socket): void {
    const engine = net.connect({ path: this.engineSocket, allowHalfOpen: true });
    const cut = () => {
      client.destroy();
      engine.destroy();
    };
    const link: Link = {
      asked: '',
      raw: undefined,
      cut: () => {
        if (!client.destroyed) {
          this.cuts += 1;
        }
        cut();
      },
    };
    for (const socket of [client, engine]) {
      this.#open.add(socket);
      socket.setNoDelay(true);
      socket.on('error', cut);
      socket.on('close', () => {
        this.#open.delete(socket);
        if (link.raw) {
          this.#raw.delete(link.raw);
        }
        cut();
      });
    }
    this.#pass(client, engine, link, 'up');
    this.#pass(engine, client, link, 'down');
  }

  #pass(from: net.Socket, to: net.Socket, link: Link, way: 'up' | 'down'): void {
    let queue = Promise.resolve();
    let waiting = 0;
    const later = (work: () => Promise<void> | void) => {
      queue = queue.then(work).catch(() => {
        from.destroy();
      });
    };
    from.on('data', (chunk: Buffer) => {
      // The engine's answer "101 UPGRADED" (or a hijacked "200") to an exec start makes both directions raw.
      if (
        way === 'down' &&
        link.raw === undefined &&
        /^HTTP\/1\.1 (101 |200 OK\r\nContent-Type: application\/vnd\.docker\.raw-stream)/.test(
          chunk.toString('latin1', 0, 120),
        )
      ) {
        link.raw = { asked: link.asked, fault: { ...this.fault() }, cut: link.cut };
        if (!from.destroyed) {
          this.#raw.add(link.raw);
        }
      }
      const asked =
        way === 'up' && link.raw === undefined
          ? /^([A-Z]+ \S+) HTTP\/1\.1\r\n/.exec(chunk.toString('latin1', 0, 400))
          : null;
      if (asked?.[1] !== undefined) {
        link.asked = asked[1];
        this.requests.push(asked[1]);
      }
      if (++waiting > 64) {
        from.pause();
      }
      later(async () => {
        await this.#forward(chunk, to, link, way);
        if (--waiting < 32) {
          from.resume();
        }
      });
    });
    from.on('end', () => {
      later(() => {
        to.end();
      });
    });
  }

  async #forward(chunk: Buffer, to: net.Socket, link: Link, way: 'up' | 'down'): Promise<void> {
    const fault = link.raw?.fault;
    if (!fault) {
      to.write(chunk);
      return;
    }
    const middle = fault.halve && chunk.length > 1 ? 1 + this.below(chunk.length - 1) : chunk.length;
    for (const piece of [chunk.subarray(0, middle), chunk.subarray(middle)]) {
      if (piece.length === 0 || to.destroyed) {
        continue;
      }
      if (fault.delay > 0) {
        await new Promise((resolve) => setTimeout(resolve, this.below(fault.delay)));
      }
      const arrives = piece.subarray(0, Math.max(0, fault[way]));
      fault[way] -= piece.length;
      await new Promise<void>((resolve) => {
        if (
          !to.write(arrives, () => {
            resolve();
          })
        ) {
          return;
        }
      });
      if (way === 'up' && chunk.length >= COMMAND) {
        fault.down = Math.min(fault.down, fault.answer ?? Infinity);
      }
      if (fault[way] < 0) {
        link.cut();
        return;
      }
    }
  }
}

interface Link {
  asked: string;
  /** Set once the connection carries a raw stream. */
  raw: RawStream | undefined;
  cut: () => void;
}
