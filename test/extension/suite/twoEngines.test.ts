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
      // Only root can start another engine.
      this.skip();
    }
    await useTestBase();
    await set('keepAlive', 10);
    const made = await OpenNotebook.of('1');
    await made.run(0); // makes its image
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
    await second.docker.createVolume({ Name: libraries }); // an empty volume of the same name
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

  /** Makes another engine answer at the same path, which the extension only notices when it asks. */
  function answerAt(socket: string): Promise<void> {
    engineSocket.leadTo(socket);
    return Promise.resolve();
  }

  /**
   * Makes the engine in use go away and the extension find this one, after a cell of another notebook noticed the
   * loss.
   */
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

  /**
   * Checks that the notebook has another sandbox and has reported that, and that the sandbox of the first engine still
   * runs with its libraries.
   */
  async function isOnSecond(engine: string): Promise<void> {
    await notebook.run(1);
    assert.match(notebook.text(1), saysSo(engine));
    assert.ok((await first.getContainer(container).inspect()).State.Running);
    const mounts = (await second.docker.listContainers()).flatMap(({ Mounts }) =>
      Mounts.flatMap(({ Name }) => Name ?? []),
    );
    assert.deepEqual([mounts.length, mounts.includes(libraries)], [1, false]);
    await notebook.run(3);
    assert.equal(notebook.text(3), 'False\n'); // it is reported only once
  }

  /** The message that the user gets. */
  const shutDownAll = () =>
    toldBy('showInformationMessage', async () => {
      await vscode.commands.executeCommand('sandboxedIPython.shutDownAllSandboxes');
    });

  /** Ends the sandbox on the second engine and goes back to the first. */
  async function hasItsVariables(change: (socket: string) => Promise<void>): Promise<void> {
    await vscode.commands.executeCommand('sandboxedIPython.shutDownSandbox', notebook.document.uri);
    await change(engineSocket.real);
    await notebook.run(2);
    assert.equal(notebook.text(2), '42');
  }

  const changes = {
    'after the first engine went away and the second was found': changeTo,
    'after the second engine replaced the first at once': answerAt,
  };
  for (const [how, change] of Object.entries(changes)) {
    it(`reports in a cell where its variables are when it is opened again ${how}, and has them again when the first engine is back`, async () => {
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

  it('loses its stream when the second engine replaces the first: the user is told, and the sandbox does not count as ended', async () => {
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
