import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { silentLog } from '../../../src/log';
import { EngineSource } from '../../../src/notebook/sandbox/engine-source';
import { ImageMaker } from '../../../src/notebook/sandbox/image-maker';
import { startSession, type Installation } from '../../../src/notebook/sandbox/session-starter';
import { SandboxError } from '../../../src/protocol/errors';
import { DEFAULT_SETTINGS } from '../../../src/session/settings';
import type { SandboxSession } from '../../../src/session/types';
import { FakeSandbox } from '../../unit/sessionFakeSandbox';
import { until } from './support';

/** An engine whose images are made when a test says so, and that a test can make appear replaced. */
class SlowEngine extends FakeSandbox {
  /** The signals of the callers that have requested an image. */
  readonly asked: AbortSignal[] = [];
  there: Promise<boolean> = Promise.resolve(true);
  made: Promise<void> = Promise.resolve();

  constructor(
    id: string,
    private readonly image: string,
  ) {
    super();
    Object.assign(this.info, { id });
  }

  override isStillThere(): Promise<boolean> {
    return this.there;
  }
  override ensureImage(...[, , signal]: [unknown?, unknown?, AbortSignal?]): Promise<string> {
    assert.ok(signal);
    this.asked.push(signal);
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => {
        reject(new SandboxError('Cancelled'));
      });
      void this.made.then(() => {
        resolve(this.image);
      });
    });
  }
}

describe('the start of a session on an engine that was in use before', () => {
  let document: vscode.NotebookDocument;
  let session: SandboxSession | undefined;
  let answer: (isThere: boolean) => void;
  let first: SlowEngine;
  let second: SlowEngine;

  /** Starts a session. The engine answers only later whether it is still there. */
  async function start(): Promise<SandboxSession> {
    const found = [first, second];
    const engines = new EngineSource(() => Promise.resolve(found.shift() ?? assert.fail('one more was looked for')));
    await engines.get();
    first.there = new Promise((resolve) => {
      answer = resolve;
    });
    const installation: Installation = {
      owner: () => Promise.resolve('me'),
      runnerFolder: '/nowhere',
      network: () => Promise.resolve({ proxies: {}, certificates: undefined }),
      engines,
      images: new ImageMaker(),
      explain: (failure) => failure.message,
      log: silentLog,
    };
    return startSession(installation, document, DEFAULT_SETTINGS, {
      signal: new AbortController().signal,
      previous: undefined,
      onCreated: () => undefined,
    });
  }

  beforeEach(async () => {
    document = await vscode.workspace.openNotebookDocument('jupyter-notebook', new vscode.NotebookData([]));
    [first, second] = [new SlowEngine('a', 'image-a'), new SlowEngine('b', 'image-b')];
    session = undefined;
  });
  afterEach(async () => {
    await session?.dispose();
  });

  it('looks for the image once, while it checks whether the engine is still there', async () => {
    const starting = start();
    await until('the image is asked for', () => first.asked.length > 0);
    answer(true);
    session = await starting;
    assert.deepEqual([session.engine, session.image, first.asked.length], ['a', 'image-a', 1]);
  });

  it('uses the image of the engine that replaced the known one, and cancels the work on the known one', async () => {
    first.made = new Promise(() => undefined);
    const starting = start();
    await until('the image is asked for', () => first.asked.length > 0);
    answer(false);
    session = await starting;
    assert.deepEqual([session.engine, session.image, second.asked.length], ['b', 'image-b', 1]);
    assert.deepEqual(
      first.asked.map(({ aborted }) => aborted),
      [true],
    );
  });
});
