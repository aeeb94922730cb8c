import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import { silentLog } from '../../../src/log';
import { untranslated } from '../../../src/messages';
import { ErrorMarks } from '../../../src/notebook/traceback/error-marks';
import { NotebookKernel } from '../../../src/notebook/notebook-kernel';
import { Prompts } from '../../../src/notebook/execution/prompts';
import type { SandboxRecord } from '../../../src/notebook/sandbox/sandbox-record';
import { SandboxRecords } from '../../../src/notebook/sandbox/sandbox-records';
import { SandboxError } from '../../../src/protocol/errors';
import type { ExecuteReply } from '../../../src/protocol/messages';
import { aborted, replyOf } from '../../../src/session/failures';
import { DEFAULT_SETTINGS } from '../../../src/session/settings';
import type { SandboxSession, SessionState } from '../../../src/session/types';
import { EXTENSION, OpenNotebook, set, stub, until } from './support';

const OK: ExecuteReply = {
  status: 'ok',
  execution_count: 1,
  ename: '',
  evalue: '',
  traceback: [],
  payload: [],
  user_expressions: {},
};

/** A sandbox that fails at moments that cannot be produced with a real one. Cells end when the test says so. */
class FailingSession {
  readonly id = Math.random().toString(36).slice(2);
  readonly engine = 'engine-here';
  readonly engineName = 'Podman';
  readonly image = 'image';
  readonly libraries = 'libraries';
  readonly host = 'host';
  readonly place = { seq: 0, boot: 'boot' };
  readonly clock = { t: 0, at: 0 };
  readonly cells = [];
  readonly installed = [];
  readonly ran: string[] = [];
  readonly ends: ((reply: ExecuteReply) => void)[] = [];
  disposed = false;
  readonly #states = new Set<(state: SessionState) => void>();

  constructor(
    public state: SessionState = { kind: 'ready' },
    readonly reset: () => Promise<void> = () => Promise.resolve(),
    readonly putFiles: (files: unknown, signal: AbortSignal) => Promise<Map<number, string>> = () =>
      Promise.resolve(new Map<number, string>()),
  ) {}

  execute(code: string) {
    const isOver = this.state.kind === 'gone' || this.disposed;
    this.ran.push(code);
    const reply = isOver
      ? Promise.resolve(replyOf({ code: 'SandboxGone', params: {} }))
      : new Promise<ExecuteReply>((resolve) => {
          this.ends.push(resolve);
        });
    return { msgId: `${this.id}-${this.ran.length}`, reply };
  }

  interrupt() {
    return Promise.resolve();
  }
  interruptCallback() {
    return Promise.resolve();
  }
  onEvent() {
    return { dispose: () => undefined };
  }
  onState(listener: (state: SessionState) => void) {
    this.#states.add(listener);
    return {
      dispose: () => {
        this.#states.delete(listener);
      },
    };
  }
  go(failure: SandboxError) {
    this.state = { kind: 'gone', failure };
    for (const listener of this.#states) {
      listener(this.state);
    }
  }
  dispose() {
    this.disposed = true;
    this.state = { kind: 'disposed' };
    for (const end of this.ends) {
      end(aborted('shutdown'));
    }
    return Promise.resolve();
  }
  detach() {
    return this.dispose();
  }
}

describe('the kernel of a notebook', () => {
  let folder: string;
  let notebook: OpenNotebook;
  let controller: vscode.NotebookController;
  let kernel: NotebookKernel;
  let told: string[];
  let records: SandboxRecords;
  let attach: (record: SandboxRecord) => Promise<SandboxSession>;
  let starting: (signal: AbortSignal) => Promise<void>;
  let end: () => Promise<void>;
  /** How each sandbox without a session was ended. */
  let ended: unknown[];
  let sessions: FailingSession[];
  /** The sessions that the next starts return. */
  let next: FailingSession[];
  const removed = new SandboxError('SandboxGone', { reason: 'removed' });

  beforeEach(async () => {
    await set('keepAlive', 0);
    folder = mkdtempSync(path.join(os.tmpdir(), 'kernel-'));
    notebook = await OpenNotebook.saved(path.join(folder, 'work.ipynb'), '"first"', '"second"');
    controller = vscode.notebooks.createNotebookController('kernel-test', 'jupyter-notebook', 'Test');
    controller.supportedLanguages = ['python'];
    await vscode.commands.executeCommand('notebook.selectKernel', {
      notebookEditor: notebook.editor,
      id: 'kernel-test',
      extension: EXTENSION,
    });
    [sessions, next, told] = [[], [], []];
    const source = {
      start: (_notebook: unknown, _settings: unknown, { signal }: { signal: AbortSignal }) => {
        const session = next.shift() ?? new FailingSession();
        sessions.push(session);
        return starting(signal).then(() => session as unknown as SandboxSession);
      },
      canStartEarly: () => Promise.resolve(true),
      attach: (record: SandboxRecord) => attach(record),
      previousOf: () => ({
        engine: 'engine-1',
        image: 'image',
        libraries: 'libraries',
        installed: [],
        dispose: () => Promise.resolve(),
      }),
      end: (...args: unknown[]) => {
        ended.push(args[1]);
        return end();
      },
    };
    attach = () => Promise.reject(removed);
    starting = () => Promise.resolve();
    end = () => Promise.resolve();
    ended = [];
    const stored = new Map<string, unknown>();
    const memory = {
      keys: () => [...stored.keys()],
      get: (key: string) => stored.get(key),
      update: (key: string, value: unknown) => {
        if (value === undefined) {
          stored.delete(key);
        } else {
          stored.set(key, value);
        }
        return Promise.resolve();
      },
    } as vscode.Memento;
    records = new SandboxRecords(memory);
    kernel = new NotebookKernel(notebook.document, {
      controller,
      source,
      records,
      messageContext: { t: untranslated, platform: 'linux' },
      log: silentLog,
      marks: new ErrorMarks(),
      prompts: new Prompts(silentLog),
    });
  });
  afterEach(async () => {
    await kernel.close();
    controller.dispose();
    await notebook.close();
    rmSync(folder, { recursive: true, force: true });
    await set('keepAlive', undefined);
  });

  const run = (index: number) => kernel.run([notebook.cell(index)]);
  const sent = (session: number, count: number) =>
    until('the cell is sent', () => sessions[session]?.ran.length === count);
  const hearing = <T>(work: () => Promise<T>) =>
    stub(
      'showWarningMessage',
      (text: string) => {
        told.push(text);
        return Promise.resolve(undefined);
      },
      work,
    );

  const earlier = (change: Partial<SandboxRecord> = {}) =>
    records.set(notebook.document.uri, {
      engine: 'engine-1',
      engineName: 'Docker',
      sandboxId: 'earlier',
      image: 'image',
      libraries: 'libraries',
      boot: 'boot',
      seq: 0,
      host: '',
      settings: DEFAULT_SETTINGS,
      installed: [],
      keepAlive: 0,
      seen: Date.now(),
      ...change,
    });
  const elsewhere = (hereId: string) =>
    new SandboxError('OtherEngine', {
      engine: 'Docker 28 (unix:///a)',
      here: 'Podman 5 (unix:///b)',
      hereId,
      minutes: 30,
    });

  for (const how of ['leave', 'close'] as const) {
    it(`${how}s only after the start that this cancels has ended, because it may still create a container`, async () => {
      let isAborted = false;
      starting = (signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            isAborted = true;
            setTimeout(() => reject(new SandboxError('Cancelled')), 300);
          });
        });
      const running = run(0);
      await until('a start', () => sessions.length === 1);
      let isOver = false;
      void running.then(() => {
        isOver = true;
      });
      await kernel.interrupt(); // cancels the start, so that the next run begins another
      await kernel[how]();
      assert.deepEqual([isAborted, isOver], [true, true]);
    });
  }

  it('ends the sandbox of an earlier window that uses another protocol, because nobody can use it any more, and reports that', async () => {
    attach = () => Promise.reject(new SandboxError('ProtocolViolation', { reason: 'protocol', expected: 2, found: 1 }));
    earlier();
    void run(0);
    await sent(0, 1);
    assert.deepEqual(ended, [{ isOurs: true }]);
    sessions[0]?.ends[0]?.(OK);
    await until('the notice', () =>
      /^This is a new sandbox, because the previous one ended\. It was started by another version of this extension\./.test(
        notebook.text(0),
      ),
    );
  });

  it('keeps the record of such a sandbox while it cannot be ended: the cell reports the reason, and the next cell tries again', async () => {
    attach = () => Promise.reject(new SandboxError('ProtocolViolation', { reason: 'protocol', expected: 2, found: 1 }));
    end = () => Promise.reject(new SandboxError('EngineSilent'));
    earlier();
    await run(0);
    await until('the failure', () => /EngineSilent/.test(notebook.text(0)));
    assert.equal(records.get(notebook.document.uri)?.sandboxId, 'earlier');
    end = () => Promise.resolve();
    void run(0);
    await sent(0, 1);
    assert.equal(ended.length, 2);
  });

  it('leaves a sandbox on another engine there: a cell runs in a new one on this engine and reports that once', async () => {
    attach = () => Promise.reject(elsewhere('engine-2'));
    earlier({ keepAlive: 30 });
    await kernel.reattach(); // only a cell that is run starts another attempt
    assert.deepEqual([records.get(notebook.document.uri)?.sandboxId, sessions.length], ['earlier', 0]);
    void run(0);
    await sent(0, 1);
    sessions[0]?.ends[0]?.(OK);
    await until('the notice', () =>
      /^This is a new sandbox, on Podman 5 [^]*The previous one, with its variables, is on another container engine: Docker 28/.test(
        notebook.text(0),
      ),
    );
    assert.deepEqual([records.elsewhere.newest(notebook.document.uri)?.sandboxId, ended], ['earlier', []]);
    void run(1);
    await sent(0, 2);
    sessions[0]?.ends[1]?.(OK);
    await until('the end', () => notebook.success(1) !== undefined);
    assert.equal(notebook.text(1), '');
  });

  it('attaches to the sandbox of an engine again when that engine is back, and leaves the sandbox of the other engine there', async () => {
    const here = new FailingSession();
    attach = ({ sandboxId }) =>
      sandboxId === 'there'
        ? Promise.reject(elsewhere('engine-1'))
        : Promise.resolve(here as unknown as SandboxSession);
    earlier({ keepAlive: 30 });
    records.elsewhere.put(notebook.document.uri, records.get(notebook.document.uri) ?? assert.fail());
    earlier({ keepAlive: 30, sandboxId: 'there', engine: 'engine-2' });
    void run(0);
    await until('the cell is sent', () => here.ran.length === 1);
    assert.deepEqual([sessions.length, records.elsewhere.newest(notebook.document.uri)?.sandboxId], [0, 'there']);
    here.ends[0]?.(OK);
  });

  it('keeps the record of a sandbox on another engine that cannot be ended from here', async () => {
    end = () => Promise.reject(elsewhere('engine-2'));
    earlier();
    await assert.rejects(kernel.close(), { code: 'OtherEngine' });
    assert.equal(records.get(notebook.document.uri)?.sandboxId, 'earlier');
    end = () => Promise.resolve();
  });

  it('starts a new sandbox for the next cell if the last one ended before anybody listened', async () => {
    next = [new FailingSession({ kind: 'gone', failure: removed })];
    await run(0);
    void run(1);
    await sent(1, 1);
    assert.deepEqual(
      sessions.map(({ ran }) => ran),
      [['"first"'], ['"second"']],
    );
  });

  it('keeps a sandbox that does not answer a restart, with its cell; only a reset replaces it and reports what is lost', async () => {
    const silent = () => Promise.reject(new SandboxError('SandboxSilent', { operation: 'reset', seconds: 30 }));
    next = [new FailingSession({ kind: 'ready' }, silent)];
    void run(0);
    await sent(0, 1);
    await hearing(async () => {
      await assert.rejects(kernel.reset({ applySettings: false }), { code: 'SandboxSilent' });
      assert.deepEqual([sessions[0]?.disposed, kernel.executions.all().length, told], [false, 1, []]);
      await kernel.reset({ applySettings: true });
    });
    assert.deepEqual([sessions[0]?.disposed, kernel.executions.all().length], [true, 0]);
    assert.match(told.join(), /The sandbox ended\. It did not answer the reset\. Its variables and files are lost/);
    void run(1);
    await sent(1, 1);
    sessions[1]?.ends[0]?.(OK);
    await until('the notice', () =>
      /^This is a new sandbox, because the previous one ended\. It did not answer the reset\./.test(notebook.text(1)),
    );
  });

  it('reports what was lost in the next cell that runs, not in one that was cancelled before', async () => {
    writeFileSync(path.join(folder, 'data.csv'), 'a,b');
    let copying = false;
    const stuck = (_files: unknown, signal: AbortSignal) => {
      copying = true;
      return new Promise<Map<number, string>>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new SandboxError('Cancelled')));
      });
    };
    next = [new FailingSession(), new FailingSession({ kind: 'ready' }, undefined, stuck)];
    await hearing(async () => {
      void run(0);
      await sent(0, 1);
      sessions[0]?.ends[0]?.(OK);
      await until('its end', () => kernel.executions.all().length === 0);
      sessions[0]?.go(removed);
    });
    const running = run(0);
    await until('files are copied', () => copying);
    await kernel.interrupt();
    await running;
    assert.deepEqual(sessions[1]?.ran, []);
    if (sessions[1] !== undefined) {
      Object.assign(sessions[1], { putFiles: () => Promise.resolve(new Map()) });
    }
    void run(1);
    await sent(1, 1);
    sessions[1]?.ends[0]?.(OK);
    await until('the notice', () =>
      /^This is a new sandbox, because the previous one ended\. Its container was removed\./.test(notebook.text(1)),
    );
  });

  it('reports nothing later about the sandbox of an earlier window if it is shut down while that sandbox is looked up', async () => {
    let answer!: (failure: SandboxError) => void;
    attach = () =>
      new Promise((_resolve, reject) => {
        answer = reject;
      });
    earlier();
    const looked = kernel.reattach();
    await Promise.all([kernel.close(), sleep(100).then(() => answer(removed))]);
    await looked;
    void run(0);
    await sent(0, 1);
    sessions[0]?.ends[0]?.(OK);
    await notebook.ended(0);
    assert.equal(notebook.text(0), '');
  });
});
