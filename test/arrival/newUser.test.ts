import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Docker from 'dockerode';
import type { Browser } from 'playwright-core';
import { launchBrowser } from '../support/browser';
import { CodeServer } from '../support/codeServer';
import { Registry, asNew } from '../support/imageRegistry';
import { needed } from '../support/needed';
import { Window, pictureOfFailure } from '../support/window';

const HERE = path.resolve(__dirname, '../../../test/arrival');
/** Seconds from the click that opens the notebook to its first plot, if the image exists. */
const FIRST_PLOT_SECONDS = 5;
/**
 * The notebooks whose first plots are measured. The fastest one counts, because other work on the machine only adds
 * time.
 */
const MEASURED = ['second-plot.ipynb', 'third-plot.ipynb', 'fourth-plot.ipynb'];
/** Bytes per millisecond of the download until the window has shown its progress. */
const DOWNLOAD_PACE = 400;
/** If a process that wants a whole processor gets less than this share of it, the machine is too busy to judge. */
const FREE = 0.8;

describe('a new user', () => {
  let server: CodeServer | undefined;
  let browser: Browser | undefined;
  let window: Window | undefined;
  let registry: Registry | undefined;
  let folder = '';

  before(async () => {
    // a server of its own, in which nothing is installed yet
    [registry, browser] = await Promise.all([
      Registry.start(asNew(docker, needed('SANDBOXED_IPYTHON_TEST_BASE')), DOWNLOAD_PACE),
      launchBrowser(),
    ]);
    server = await CodeServer.start({ machineSettings: { 'sandboxedIPython.image': registry.image } });
    folder = mkdtempSync(path.join(os.tmpdir(), 'new-user-'));
    cpSync(path.join(HERE, 'new-user-workspace'), folder, { recursive: true });
    for (const file of MEASURED) {
      cpSync(path.join(folder, 'first-plot.ipynb'), path.join(folder, file));
    }
    cpSync(needed('SANDBOXED_IPYTHON_VSIX'), path.join(folder, 'sandboxed-ipython.vsix'));
    window = await Window.open(server, browser, folder);
  });

  afterEach(function () {
    return pictureOfFailure(this.currentTest, window);
  });
  after(async () => {
    await window?.close();
    registry?.close();
    await Promise.all([browser?.close(), server?.stop()]);
    if (registry !== undefined) {
      await removeWithDerived(registry.image);
    }
    rmSync(folder, { recursive: true, force: true });
  });

  it('comes from the VSIX to the first plot by clicking what is offered', async function () {
    this.timeout(300_000);
    assert.ok(window);
    const { notebook } = window;
    await notebook.chooseFromMenuOf(notebook.inExplorer('sandboxed-ipython.vsix'), 'Install Extension VSIX');
    await notebook.waitForNotification('Completed installing');
    await notebook.screenshot('new-user-installed');

    await run('first-plot.ipynb');
    await notebook.waitForNotification(/Preparing the sandbox image \(once\).*downloading the base image.*\d+\/\d+ MB/);
    await notebook.screenshot('new-user-downloading');
    assert.ok(registry);
    registry.pace = Infinity;
    await notebook.waitForNotification(/installing packages: (Collecting|Downloading|Using cached) \S+/);
    await notebook.screenshot('new-user-installing');
    await plotted(240_000);
    await notebook.screenshot('new-user-first-plot');
    // The first notebook built the image. This is the time that every other notebook takes.
    let least = Infinity;
    let free = 1;
    for (const file of MEASURED) {
      if (least <= FIRST_PLOT_SECONDS) {
        break;
      }
      await notebook.save();
      await notebook.command('View: Close Editor');
      free = Math.min(free, shareOfProcessor());
      const started = performance.now();
      await run(file);
      await plotted(60_000);
      least = Math.min(least, (performance.now() - started) / 1000);
    }
    const busy = free < FREE ? `, on a machine that had ${Math.round(free * 100)} % of a processor to spare` : '';
    console.log(`      from opening the notebook to its first plot: ${least.toFixed(1)} s${busy}`);
    assert.ok(least <= FIRST_PLOT_SECONDS || busy !== '', `${least} s`);
  });

  async function run(file: string): Promise<void> {
    assert.ok(window);
    const { notebook } = window;
    await notebook.open(file);
    // VS Code selects the only kernel by itself
    await notebook.kernelLabel.filter({ hasText: 'Sandboxed IPython' }).waitFor();
    await notebook.runAll();
  }

  async function plotted(patience: number): Promise<void> {
    assert.ok(window);
    const plot = window.notebook.outputs.locator('img').first();
    await plot.waitFor({ timeout: patience });
    const { width, height } = (await plot.boundingBox()) ?? { width: 0, height: 0 };
    assert.ok(width > 300 && height > 150, `the plot is ${width} × ${height}`);
  }
});

/** The engine without our code: tests prepare and remove things with it. */
const docker = new Docker();

/** Removes an image, and those that were built from it. */
async function removeWithDerived(name: string): Promise<void> {
  const all = await docker.listImages({ all: true });
  const ids = [(await docker.getImage(name).inspect()).Id];
  for (const id of ids) {
    ids.push(...all.filter(({ ParentId }) => ParentId === id).map(({ Id }) => Id));
  }
  for (const id of ids.reverse()) {
    await docker.getImage(id).remove({ force: true });
  }
}

/** Returns the share of a processor that this process gets when it wants all of one. */
function shareOfProcessor(): number {
  const began = performance.now();
  const before = process.cpuUsage();
  while (performance.now() - began < 300) {
    /* asks */
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / (performance.now() - began);
}
