import { spawn, type ChildProcessByStdio } from 'node:child_process';
import path from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

interface Answer {
  ms: number;
  lines?: number;
  versions?: string;
}

/** The other end of `ipykernel_peer.py`. */
export class IpykernelPeer {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: Interface;
  #answered: ((line: string) => void) | undefined;

  /**
   * @param python a Python interpreter with ipykernel and jupyter_client
   * @param python an interpreter that has ipykernel and jupyter_client
   */
  constructor(python: string) {
    this.#child = spawn(python, [path.join(__dirname, '../../bench/ipykernel_peer.py')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface(this.#child.stdout);
    this.#lines.on('line', (line) => {
      this.#answered?.(line);
    });
  }

  start(): Promise<Answer> {
    return this.#ask({ op: 'start' });
  }
  execute(code: string): Promise<Answer> {
    return this.#ask({ op: 'execute', code });
  }
  async versions(): Promise<string> {
    return (await this.#ask({ op: 'versions' })).versions ?? '';
  }

  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin.end();
    await ended;
  }

  #ask(request: object): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const died = () => {
        reject(new Error('the ipykernel peer ended'));
      };
      const late = setTimeout(() => {
        reject(new Error(`no answer of the ipykernel peer to ${JSON.stringify(request)}`));
      }, 120_000);
      this.#child.once('exit', died);
      this.#answered = (line) => {
        clearTimeout(late);
        this.#child.off('exit', died);
        resolve(JSON.parse(line) as Answer);
      };
      this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    });
  }
}
