import assert from 'node:assert/strict';
import os from 'node:os';
import path from 'node:path';
import { connectEngine } from '../../../src/engine/connect';
import { DEADLINES_MS, type Deadlines } from '../../../src/engine/deadlines';
import type { Engine } from '../../../src/engine/engine';
import { installNetwork } from '../../../src/engine/image/install-network';
import { silentProgress } from '../../../src/engine/progress';
import { silentLog, type Log } from '../../../src/log';
import type { EventContents, EventOf, EventType, ExecuteReply, SandboxEvent } from '../../../src/protocol/messages';
import { ContainerSession } from '../../../src/session/session';
import type { AttachOptions, SessionOptions } from '../../../src/session/session-options';
import { DEFAULT_SETTINGS, type SandboxSettings } from '../../../src/session/settings';
import type { ExecuteOptions } from '../../../src/session/types';

const ROOT = path.join(__dirname, '../../../..');
export const OWNER = `test-${process.pid}`;

/** `SESSION_LOG=1` shows what a session logs. */
const toConsole = (level: string) => (message: string) => {
  console.log(`      ${level}: ${message}`);
};
export const testLog: Log = process.env['SESSION_LOG']
  ? {
      trace: toConsole('trace'),
      debug: toConsole('debug'),
      info: toConsole('info'),
      warn: toConsole('warn'),
      error: toConsole('error'),
    }
  : silentLog;

/** The engine with some members replaced. */
export const withOverrides = (engine: Engine, overrides: Partial<Engine>): Engine =>
  new Proxy(engine, {
    get: (target, name) => {
      const value: unknown = Reflect.get(name in overrides ? overrides : target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });

export function baseImage(): string {
  return (
    process.env['SANDBOXED_IPYTHON_TEST_BASE'] ??
    assert.fail('SANDBOXED_IPYTHON_TEST_BASE names the base image of the tests')
  );
}

/** The machine's engine, or the one behind another socket. */
export const connect = (
  dockerHost = process.env['DOCKER_HOST'],
  deadlines = DEADLINES_MS as Deadlines,
): Promise<Engine> =>
  connectEngine({
    platform: process.platform,
    home: os.homedir(),
    uid: process.getuid?.(),
    log: testLog,
    deadlines,
    env: { ...process.env, ...(dockerHost !== undefined && { DOCKER_HOST: dockerHost }) },
  });

export async function derivedImage(engine: Engine): Promise<string> {
  return engine.ensureImage(
    {
      base: baseImage(),
      packages: [],
      runnerFolder: path.join(ROOT, 'runner'),
      network: await installNetwork(process.env),
    },
    silentProgress,
  );
}

/** The result of one cell. */
export class RanCell {
  constructor(
    readonly msgId: string,
    readonly reply: ExecuteReply,
    readonly events: readonly SandboxEvent[],
  ) {}

  of<T extends EventType>(type: T): EventContents[T][] {
    return this.events
      .filter((event): event is EventOf<T> & SandboxEvent => event.msg_type === type)
      .map((event) => event.content as EventContents[T]);
  }

  text(name: 'stdout' | 'stderr' = 'stdout'): string {
    return this.of('stream')
      .filter((one) => one.name === name)
      .map((one) => one.text)
      .join('');
  }

  /** The value of the last expression. */
  get result(): string | undefined {
    const [result] = this.of('execute_result').map((one) => one.data['text/plain']);
    return typeof result === 'string' ? result : undefined;
  }
}

/** A session and all of its events. */
export class TestSession {
  readonly events: SandboxEvent[] = [];

  constructor(readonly session: ContainerSession) {
    session.onEvent((event) => this.events.push(event));
  }

  async run(code: string, options: ExecuteOptions = {}): Promise<RanCell> {
    const { msgId, reply } = this.session.execute(code, options);
    return this.gathered(msgId, await reply);
  }

  gathered(msgId: string, reply: ExecuteReply): RanCell {
    return new RanCell(
      msgId,
      reply,
      this.events.filter((event) => event.parent_header.msg_id === msgId),
    );
  }

  /** Resolves with the first event that fits, including earlier events. */
  async event(fits: (event: SandboxEvent) => boolean, seconds = 15): Promise<SandboxEvent> {
    const there = this.events.find(fits);
    if (there) {
      return there;
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(
          new Error(
            `no such event within ${seconds} s; last: ${this.events
              .slice(-5)
              .map((event) => event.msg_type)
              .join()}`,
          ),
        );
      }, seconds * 1000);
      const listening = this.session.onEvent((event) => {
        if (!fits(event)) {
          return;
        }
        clearTimeout(timer);
        listening.dispose();
        resolve(event);
      });
    });
  }

  /** Resolves when the kernel has begun this cell. */
  begun(msgId: string): Promise<SandboxEvent> {
    return this.event((event) => event.msg_type === 'execute_input' && event.parent_header.msg_id === msgId);
  }

  /** Resolves when the cell has printed this text, in however many events. */
  printed(msgId: string, text: string): Promise<SandboxEvent> {
    let printed = '';
    return this.event((event) => {
      if (event.msg_type !== 'stream' || event.parent_header.msg_id !== msgId) {
        return false;
      }
      printed += event.content.text;
      return printed.includes(text);
    });
  }
}

const open = new Set<ContainerSession>();

export function startSession(
  engine: Engine,
  image: string,
  settings: Partial<SandboxSettings> = {},
  more: Partial<Pick<SessionOptions, 'previous' | 'network' | 'idle' | 'lease' | 'notebookHint' | 'timing'>> = {},
): TestSession {
  const session = ContainerSession.start(engine, {
    image,
    owner: OWNER,
    notebookHint: '',
    settings: { ...DEFAULT_SETTINGS, timeout: 60, ...settings },
    lease: 120,
    log: testLog,
    network: () => installNetwork(process.env),
    ...more,
  });
  open.add(session);
  return new TestSession(session);
}

/** Attaches a session of a later window to the same sandbox. */
export async function attach(
  engine: Engine,
  before: ContainerSession,
  more: Partial<AttachOptions> = {},
): Promise<TestSession> {
  const sandbox = (await engine.findSandboxes(OWNER)).find(({ sandboxId }) => sandboxId === before.id);
  if (sandbox === undefined) {
    throw new Error('the engine lists no such sandbox');
  }
  const {
    settings,
    place: { boot },
  } = before;
  const session = ContainerSession.attach(engine, {
    sandbox,
    boot,
    settings,
    log: testLog,
    network: () => installNetwork(process.env),
    ...more,
  });
  open.add(session);
  return new TestSession(session);
}

export async function endSessions(): Promise<void> {
  await Promise.all([...open].map((session) => session.dispose()));
  open.clear();
}
