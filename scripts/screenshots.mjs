// npm run screenshots: takes the pictures of media/ again, from the real window.
// It starts with Node's own modules only, because the others may have to be installed first.
import { ensureDependencies } from './lib/dependencies.mjs';
import { report } from './lib/failure.mjs';
import { shutDown, shutDownOnSignals } from './lib/shutdown.mjs';

shutDownOnSignals();
try {
  await ensureDependencies();
  const { takeScreenshots } = await import('./lib/screenshots.mjs');
  await takeScreenshots();
} catch (error) {
  report(error);
  process.exitCode = 1;
}
await shutDown();
