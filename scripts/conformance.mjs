// npm run conformance -- FOLDER OUT [PART_OF_A_NAME...]: runs a folder of notebooks in sessions and writes them to OUT with their outputs.
// Starts with Node's own modules only: the others may have to be installed first.
import { ensureDependencies } from './lib/dependencies.mjs';
import { report } from './lib/failure.mjs';
import { shutDown, shutDownOnSignals } from './lib/shutdown.mjs';

shutDownOnSignals();
try {
  await ensureDependencies();
  const { runConformance } = await import('./lib/benchmark.mjs');
  await runConformance(process.argv.slice(2));
} catch (error) {
  report(error);
  process.exitCode = 1;
}
await shutDown();
