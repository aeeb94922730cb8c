// npm run conformance -- FOLDER OUT [PART_OF_A_NAME...]: runs a folder of notebooks in sessions and writes them to OUT
// with their outputs.
// npm run faults [-- --seed N --faults 1000 --from ROUND --keep FILE --write]: injects faults into running notebooks
// until something is wrong.
// npm run told [-- --write]: times how soon a cell reports what has happened to it.
// Each is a program of bench/, which has more details. This starts with Node's own modules only, because the others may
// have to be installed first.
import { ensureDependencies } from './lib/dependencies.mjs';
import { report } from './lib/failure.mjs';
import { shutDown, shutDownOnSignals } from './lib/shutdown.mjs';

const [name, minutes, ...options] = process.argv.slice(2);
shutDownOnSignals();
try {
  await ensureDependencies();
  const { runOnEngine } = await import('./lib/benchmark.mjs');
  await runOnEngine(name, options, Number(minutes));
} catch (error) {
  report(error);
  process.exitCode = 1;
}
await shutDown();
