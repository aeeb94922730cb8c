import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Docker from 'dockerode';
import * as vscode from 'vscode';
import { UnpluggedEngine } from '../../session/support/unpluggedEngine';
import { OpenNotebook, containerOf, engineSocket, set, toldBy, until, useTestBase } from './support';

const HAS = 'print("x" in globals())';

describe('a notebook whose sandbox is on one of two container engines', function () {
  this.timeout(120_000);
  const first = new Docker({ socketPath: engineSocket.real });
  let second: UnpluggedEngine;
  let folder: string;
  let notebook: OpenNotebook;
  let container: string;
  let libraries: string;

  before(async function () {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) {
      this.skip();
    } // only root can start another one
    await useTestBase();
    await set('keepAlive', 10);
    const made = await OpenNotebook.of('1');
    await made.run(0); // its image is there now
    const { Image } = await first.getContainer(await containerOf(made)).inspect();
    const {
      RepoTags: [image = ''],
    } = await first.getImage(Image).inspect();
    await made.close();
    second = await UnpluggedEngine.start();
    await second.load(first, [process.env['SANDBOXED_IPYTHON_TEST_BASE'] ?? '', image]);
  });
  beforeEach(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'two-engines-'));
    notebook = await OpenNotebook.saved(path.join(folder, 'work.ipynb'), 'x = 42', HAS, 'x', HAS);
    await notebook.run(0);
    container = await containerOf(notebook);
    libraries = (await first.getContainer(container).inspect()).Mounts[0]?.Name ?? assert.fail();
    await second.docker.createVolume({ Name: libraries }); // an empty one of the same name
  });
  afterEach(async () => {
    engineSocket.restore();
    await vscode.commands.executeCommand('sandboxedIPython.shutDownSandbox', notebook.document.uri);
    await notebook.close();
    await first
      .getContainer(container)
      .remove({ force: true })
      .catch(() => undefined); // if the test has failed
    rmSync(folder, { recursive: true, force: true });
  });
  after(async () => {
    engineSocket.restore();
    await set('keepAlive', 0);
    await second?.stop();
  });

  /** Another engine answers at the same place, which nobody notices by itself. */
  function answerAt(socket: string): Promise<void> {
    engineSocket.leadTo(socket);
    return Promise.resolve();
  }

  /** The engine in use goes away, which a cell of another notebook notices, and this one is the next that is found. */
  async function changeTo(socket: string): Promise<void> {
    engineSocket.remove();
    const other = await OpenNotebook.of('1');
    await other.run(0);
    assert.match(other.text(0), /^EngineNotFound: /);
    await other.close();
    engineSocket.leadTo(socket);
  }
  const saysSo = (engine: string) =>
    new RegExp(
      `^This is a new sandbox${engine}\\. The previous one, with its variables, is on another container engine: Docker [^]*choose its engine again[^]*\nFalse\n$`,
    );

  /** The notebook has another sandbox now, of which it has said so, and that of the first engine runs on with its libraries. */
  async function isOnSecond(engine: string): Promise<void> {
    await notebook.run(1);
    assert.match(notebook.text(1), saysSo(engine));
    assert.ok((await first.getContainer(container).inspect()).State.Running);
    const mounts = (await second.docker.listContainers()).flatMap(({ Mounts }) =>
      Mounts.flatMap(({ Name }) => Name ?? []),
    );
    assert.deepEqual([mounts.length, mounts.includes(libraries)], [1, false]);
    await notebook.run(3);
    assert.equal(notebook.text(3), 'False\n'); // said once
  }

  /** What the user is told. */
  const shutDownAll = () =>
    toldBy('showInformationMessage', async () => {
      await vscode.commands.executeCommand('sandboxedIPython.shutDownAllSandboxes');
    });

  /** The user ends the sandbox of the second engine and goes back. */
  async function hasItsVariables(change: (socket: string) => Promise<void>): Promise<void> {
    await vscode.commands.executeCommand('sandboxedIPython.shutDownSandbox', notebook.document.uri);
    await change(engineSocket.real);
    await notebook.run(2);
    assert.equal(notebook.text(2), '42');
  }

  const changes = {
    'where the first goes away and the second is found': changeTo,
    'where the second takes the place of the first at once': answerAt,
  };
  for (const [how, change] of Object.entries(changes)) {
    it(`and is opened again ${how}: its cell says where its variables are, and they are there again when the first is back`, async () => {
      await notebook.saveAndClose();
      await change(second.socket);
      notebook = await OpenNotebook.at(notebook.document.uri);
      await isOnSecond(', on Docker [^]*');
      assert.match(
        await shutDownAll(),
        /^\d+ sandboxes were shut down\. Sandboxes on other container engines were not shut down: Docker [^]*They end when no window/,
      );
      await hasItsVariables(change);
    });
  }

  it('and loses its stream when the second has taken the place of the first: the user is told, and the sandbox is not taken for ended', async () => {
    const said = await toldBy('showWarningMessage', async (told) => {
      await answerAt(second.socket);
      const { Processes, Titles } = (await first.getContainer(container).top()) as {
        Processes: string[][];
        Titles: string[];
      };
      for (const row of Processes.filter((cells) => cells.some((cell) => cell.includes('/relay.py')))) {
        process.kill(Number(row[Titles.indexOf('PID')]), 'SIGKILL');
      }
      await until('the warning', () => told.length > 0);
    });
    assert.match(said, /The sandbox of this notebook is on Docker [^]*, but another container engine answers now\./);
    await isOnSecond('');
    await hasItsVariables(answerAt);
  });
});
