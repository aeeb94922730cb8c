// Prepares a container engine and the base images of the tests, and leaves the engine running. This is useful for work
// on the code of the engine and the session, because `npm test` would start and stop the engine each time.
import { ensureDependencies } from './lib/dependencies.mjs';
import { report } from './lib/failure.mjs';
import { say } from './lib/log.mjs';
import { shutDown, shutDownOnSignals } from './lib/shutdown.mjs';

shutDownOnSignals();
try {
  await ensureDependencies();
  const { engineHost, ensureEngine } = await import('./lib/engine.mjs');
  const { SUITES, baseImage, ensureBaseImage } = await import('./lib/base-images.mjs');
  const { checkLimits } = await import('./lib/engine-check.mjs');
  await ensureEngine({ keep: true });
  for (const suite of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(SUITES)) {
    await ensureBaseImage(suite);
    await checkLimits(baseImage(suite));
    say(`${baseImage(suite)} is ready at ${engineHost()}`);
  }
} catch (error) {
  report(error);
  process.exitCode = 1;
} finally {
  await shutDown();
}
