// npm run screenshots: makes the pictures of media/ anew, from the real window.
// Starts with Node's own modules only: the others may have to be installed first.
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
