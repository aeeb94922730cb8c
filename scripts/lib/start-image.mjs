import { homedir } from 'node:os';
import path from 'node:path';
import { importTypeScript } from './bundle.mjs';
import { say, step } from './log.mjs';
import { ROOT } from './paths.mjs';

/** Milliseconds between two lines about the same step, because pip prints a line for each package. */
const QUIET_MS = 5_000;

/**
 * Builds the image of the sandboxes, as the extension would with the first cell. If that fails, this prints the reason
 * and continues. The first cell tries again, and shows what helps.
 * @param {{ image: string, packages: readonly string[] }} settings
 */
export async function makeImage({ image, packages }) {
  const [{ connectEngine }, { installNetwork }] = [
    await importTypeScript('src/engine/connect.ts'),
    await importTypeScript('src/engine/image/install-network.ts'),
  ];
  const log = Object.fromEntries(['trace', 'debug', 'info', 'warn', 'error'].map((level) => [level, () => undefined]));
  const engine = await connectEngine({
    platform: process.platform,
    env: process.env,
    home: homedir(),
    uid: process.getuid?.(),
    log,
  });
  let said = { code: '', at: -QUIET_MS };
  const progress = {
    step: (code, detail = '') => {
      if (code === said.code && performance.now() - said.at < QUIET_MS) {
        return;
      }
      said = { code, at: performance.now() };
      say(`${STEPS[code] ?? code}${detail === '' ? '' : `: ${detail}`}`);
    },
  };
  try {
    await step('made the image of the sandboxes', async () =>
      engine.ensureImage(
        { base: image, packages, runnerFolder: path.join(ROOT, 'runner'), network: await installNetwork(process.env) },
        progress,
      ),
    );
  } catch (error) {
    say(
      `the image of the sandboxes was not made; the first cell tries again: ${error instanceof Error ? error.message : String(error)}`,
    );
  } finally {
    engine.dispose();
  }
}

const STEPS = {
  waitingForOther: 'waiting for another window that builds the same image',
  pullingBase: 'downloading the base image',
  startingContainer: 'starting the base image',
  checkingBase: 'checking the base image',
  installingPackages: 'installing packages',
  copyingRunner: 'copying the kernel program',
  testing: 'testing the image',
  committing: 'saving the image',
};
