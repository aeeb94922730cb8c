import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CodeServer } from './codeServer';

/**
 * Milliseconds. VS Code gives extensions 5 s to deactivate; a busy machine notices later that the window has closed.
 */
const ENDED_MS = 60_000;

/** The logs of one extension host of code-server: VS Code's own lines, and those of the extensions in it. */
export class HostLog {
  private constructor(private readonly folder: string) {}

  /** Returns the logs of the window that was opened last. */
  static newest(server: CodeServer): HostLog {
    const logs = path.join(path.dirname(server.workspace), 'user', 'logs');
    const hosts = readdirSync(logs, { recursive: true, encoding: 'utf8' })
      .filter((name) => path.basename(name) === 'remoteexthost.log')
      .map((name) => path.dirname(path.join(logs, name)))
      .sort((a, b) => statSync(a).birthtimeMs - statSync(b).birthtimeMs);
    const newest = hosts.at(-1);
    if (newest === undefined) {
      throw new Error(`no extension host has logged anything below ${logs}`);
    }
    return new HostLog(newest);
  }

  /** Returns the lines of all its logs. */
  get lines(): string[] {
    return readdirSync(this.folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.log'))
      .flatMap((name) => readFileSync(path.join(this.folder, name), 'utf8').split('\n'));
  }

  /** Resolves with all lines once the host has logged that it exits. */
  async ended(): Promise<string[]> {
    for (const end = Date.now() + ENDED_MS; ; await sleep(100)) {
      const { lines } = this;
      if (lines.some((line) => /Extension host with pid \d+ exiting/.test(line))) {
        return lines;
      }
      if (Date.now() > end) {
        throw new Error(`the extension host did not end:\n${lines.slice(-20).join('\n')}`);
      }
    }
  }
}
