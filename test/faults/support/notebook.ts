import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import { connectToFirst } from '../../../src/engine/connect';
import type { Engine, FoundSandbox } from '../../../src/engine/engine';
import { containerName } from '../../../src/engine/specification';
import type { Log } from '../../../src/log';
import { isSandboxError } from '../../../src/protocol/errors';
import type { ExecuteReply, SandboxEvent } from '../../../src/protocol/messages';
import { ContainerSession } from '../../../src/session/session';
import type { SandboxSettings } from '../../../src/session/settings';
import type { OpenCell } from '../../../src/session/types';
import { FaultProxy } from '../../session/support/proxy';
import { NotebookDocument } from './document';
import { doingsOf } from './processes';
import { codeOf, makeProgram, type Below } from './program';
import { Records } from './records';
import type { CellRun, Finding } from './verdict';

/** What all windows have in common. */
export interface Installation {
  /** The engine without our code: the test inspects things with it. */
  docker: Docker;
  /** The socket of the engine. */
  socket: string;
  image: string;
  owner: string;
  settings: SandboxSettings;
  log: Log;
  /** Changes events as a broken session would. */
  broken?: (event: SandboxEvent) => SandboxEvent[];
}

/** Milliseconds in which a window that has come back tries to attach. */
const ATTACH_MS = 90_000;

/** The connection of one window to the engine. Notebooks get another one when the window is opened again. */
export class Window {
  private constructor(
    readonly proxy: FaultProxy,
    readonly engine: Engine,
  ) {}

  static async open({ socket, log }: Installation, below: Below): Promise<Window> {
    const proxy = new FaultProxy(socket, below);
    const host = await proxy.listen();
    for (let attempt = 0; ; attempt += 1) {
      try {
        return new Window(
          proxy,
          await connectToFirst([{ socketPath: host.replace('unix://', ''), label: host }], { log }),
        );
      } catch (error) {
        if (attempt < 50) {
          await sleep(200);
        } else {
          await proxy.close();
          throw error;
        }
      }
    }
  }

  async close(): Promise<void> {
    this.engine.dispose();
    await this.proxy.close();
  }
}

/** A session with its records, which exist before its first cell. */
interface Live {
  session: ContainerSession;
  records: Records;
  pid: number;
}

/** A notebook whose user runs cells without end. It starts a sandbox if it has none, and keeps its output. */
export class Notebook {
  readonly runs: CellRun[] = [];
  readonly document = new NotebookDocument();
  readonly findings: Finding[] = [];
  readonly records = new Map<string, Records>();
  readonly #open = new Map<string, { run: CellRun; settle: () => void }>();
  /** Cells without a reply when the window was closed. The extension would have stored them for a later window. */
  #leftOpen: readonly OpenCell[] | undefined;
  #live: Live | undefined;
  /** The last session, which has the libraries. */
  #previous:
    (Pick<ContainerSession, 'libraries' | 'installed'> & Partial<Pick<ContainerSession, 'dispose'>>) | undefined;
  #turn: Promise<void> = Promise.resolve();
  #cells = 0;

  /** @param explained whether a fault of the last seconds explains why no sandbox is available */
  constructor(
    readonly name: string,
    readonly window: number,
    private way: Window,
    private readonly installation: Installation,
    private readonly below: Below,
    private readonly explained: () => boolean,
  ) {}

  /** The sandbox that a fault may hit; undefined while there is none. */
  get live(): Live | undefined {
    return this.#live?.session.state.kind === 'ready' || this.#live?.session.state.kind === 'unreachable'
      ? this.#live
      : undefined;
  }

  /** The cells that have not ended. */
  get open(): CellRun[] {
    return [...this.#open.values()].map(({ run }) => run);
  }

  /** Describes the state of the sandbox, to find out why a cell does not end. */
  async situation(): Promise<string> {
    if (!this.#live) {
      return 'no sandbox';
    }
    const { session, pid } = this.#live;
    const engine = await this.installation.docker
      .getContainer(containerName(session.id))
      .inspect()
      .then(({ State }) => State.Status, String);
    return `session ${session.state.kind}, engine: ${engine}, processes: ${doingsOf(pid).join(', ')}`;
  }

  /** Runs cells until it is stopped. */
  async work(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      if (!(await this.run(1 + this.below(4)))) {
        await sleep(200);
      }
      await sleep(this.below(100));
    }
  }

  /** Runs some cells as one run. Returns false if no sandbox is available. */
  async run(count: number, make = makeProgram): Promise<boolean> {
    const release = await this.hold();
    let ended: Promise<void>[];
    try {
      const live = await this.#session();
      if (!live) {
        return false;
      }
      const runId = `${this.name}-${this.#cells}`;
      ended = Array.from({ length: count }, () => this.#send(live, runId, make));
    } finally {
      release();
    }
    await Promise.all(ended);
    return true;
  }

  /**
   * Waits until no sandbox is being started or attached to, and prevents both until the returned function is called.
   */
  async hold(): Promise<() => void> {
    const before = this.#turn;
    let release = (): void => undefined;
    this.#turn = new Promise((resolve) => {
      release = resolve;
    });
    await before;
    return release;
  }

  /** Detaches the session before the window closes. The caller must call {@link hold} first. */
  async leave(): Promise<void> {
    this.#leftOpen = this.#live?.session.open;
    await this.#live?.session.detach();
  }

  /**
   * Attaches again after the window has come back, and shows running cells. The caller must call {@link hold} first.
   */
  async comeBack(way: Window): Promise<void> {
    this.way = way;
    const before = this.#live;
    if (!before || before.session.state.kind === 'gone') {
      return;
    }
    const open = this.#leftOpen ?? before.session.open;
    this.#leftOpen = undefined;
    void before.session.detach(); // nobody can see its output any more
    const {
      id,
      libraries,
      place: { boot },
      host,
    } = before.session;
    const mine = this.runs.filter(({ sandbox }) => sandbox === id);
    for (const end = Date.now() + ATTACH_MS; Date.now() < end; await sleep(200)) {
      const found = await this.#find(id);
      if (found === undefined) {
        continue;
      }
      this.document.reload(mine.map(({ msgId }) => msgId));
      const session =
        found === null
          ? undefined
          : ContainerSession.attach(way.engine, {
              sandbox: found,
              boot,
              host,
              open,
              settings: this.installation.settings,
              log: this.installation.log,
            });
      if (session) {
        this.#listen(session, { attached: true });
      }
      try {
        await session?.started;
      } catch (error) {
        await session?.detach();
        if (!isSandboxError(error, 'SandboxGone')) {
          continue;
        }
        this.#previous = { libraries, installed: [] };
        this.#live = undefined;
        this.#endWithout(mine, 'sandbox gone');
        return;
      }
      if (!session) {
        this.#previous = { libraries, installed: [] };
        this.#live = undefined;
        this.#endWithout(mine, 'sandbox gone');
        return;
      }
      this.#live = { ...before, session };
      for (const { msgId, reply } of session.cells) {
        void reply.then((content) => {
          this.#settle(session, msgId, content);
        });
      }
      const known = new Set(session.cells.map(({ msgId }) => msgId));
      this.#endWithout(
        mine.filter(({ msgId }) => !known.has(msgId)),
        'never accepted',
      );
      return;
    }
    this.findings.push({
      wrong: 'stuck',
      cell: this.name,
      why: `no session could attach within ${ATTACH_MS / 1000} s`,
    });
    this.#live = undefined;
  }

  /** Ends the sandbox and removes everything of it. */
  async close(): Promise<void> {
    await this.#live?.session.dispose();
    await this.#previous?.dispose?.();
    this.#live = undefined;
    this.#previous = undefined;
  }

  async closeRecords(): Promise<void> {
    for (const records of this.records.values()) {
      await records.close();
    }
    this.records.clear();
  }

  // ------------------------------------------------------------------------------------------------------------ session

  /** Returns the current session, or starts one with its records. Returns undefined if no sandbox is available. */
  async #session(): Promise<Live | undefined> {
    if (this.#live && this.#live.session.state.kind !== 'gone') {
      return this.#live;
    }
    if (this.#live) {
      this.#previous = this.#live.session;
    }
    this.#live = undefined;
    const { image, owner, settings, log } = this.installation;
    const previous = this.#previous;
    const session = ContainerSession.start(this.way.engine, {
      image,
      owner,
      notebookHint: this.name,
      settings,
      lease: 120,
      log,
      ...(previous && { previous }),
    });
    this.#listen(session, { attached: false });
    try {
      await session.started;
      const pid = await this.#pid(session);
      const records = await Records.place(pid);
      this.records.set(session.id, records);
      this.#previous = undefined;
      return (this.#live = { session, records, pid });
    } catch (error) {
      if (!this.explained()) {
        this.findings.push({ wrong: 'unexplained', cell: this.name, why: `no sandbox: ${String(error)}` });
      }
      await session.dispose({ keepLibraries: previous !== undefined });
      return undefined;
    }
  }

  /** Returns the id on this machine of the container's first process. */
  async #pid(session: ContainerSession): Promise<number> {
    for (;;) {
      try {
        const { State } = await this.installation.docker.getContainer(containerName(session.id)).inspect();
        if (State.Pid > 0) {
          return State.Pid;
        }
      } catch (error) {
        if ((error as { statusCode?: number }).statusCode === 404) {
          throw error;
        }
      }
      if (session.state.kind === 'gone') {
        throw session.state.failure;
      }
      await sleep(100);
    }
  }

  /** Returns null if the sandbox does not exist, and undefined if that is not known. */
  async #find(id: string): Promise<FoundSandbox | null | undefined> {
    try {
      return (
        (await this.way.engine.findSandboxes(this.installation.owner)).find(({ sandboxId }) => sandboxId === id) ?? null
      );
    } catch {
      return undefined;
    }
  }

  #listen(session: ContainerSession, { attached }: { attached: boolean }): void {
    const { broken = (event: SandboxEvent) => [event] } = this.installation;
    session.onEvent((event) => {
      if (this.#isForeign(session)) {
        return;
      }
      for (const one of broken(event)) {
        this.document.receive(one);
      }
      // In a session that attached, cells that had ended before are only reported by the log.
      const { msg_id: msgId } = event.parent_header;
      if (event.msg_type === 'execute_reply' && attached && !session.cells.some((cell) => cell.msgId === msgId)) {
        this.#settle(session, msgId, event.content);
      }
    });
  }

  /** Whether this is the session of an earlier window, whose events nobody sees any more. */
  #isForeign(session: ContainerSession): boolean {
    return session.state.kind === 'disposed';
  }

  // -------------------------------------------------------------------------------------------------------------- cells

  async #send({ session }: Live, runId: string, make: typeof makeProgram): Promise<void> {
    const program = make(`${this.name}c${++this.#cells}`, this.below);
    const { msgId, reply } = session.execute(codeOf(program), {
      metadata: { cellId: program.cell, index: this.#cells, runId },
    });
    const run: CellRun = { program, msgId, sandbox: session.id, runId, sent: Date.now() };
    this.runs.push(run);
    this.document.begin(msgId);
    const ended = new Promise<void>((settle) => {
      this.#open.set(msgId, { run, settle });
    });
    void reply.then((content) => {
      this.#settle(session, msgId, content);
    });
    await ended;
  }

  #settle(session: ContainerSession, msgId: string, reply: ExecuteReply): void {
    const open = this.#open.get(msgId);
    if (!open || this.#isForeign(session)) {
      return;
    }
    open.run.reply = reply;
    this.document.end(msgId, reply);
    this.#end(open);
  }

  #endWithout(runs: readonly CellRun[], without: NonNullable<CellRun['without']>): void {
    for (const { msgId } of runs) {
      const open = this.#open.get(msgId);
      if (!open) {
        continue;
      }
      open.run.without = without;
      this.#end(open);
    }
  }

  #end({ run, settle }: { run: CellRun; settle: () => void }): void {
    run.ended = Date.now();
    this.#open.delete(run.msgId);
    settle();
  }
}
