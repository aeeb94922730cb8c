// npm run faults [-- --seed N --faults 1000 --from ROUND --keep FILE --write]: injects faults into notebooks at work until something is wrong; bench/faults.ts says more.
// Starts with Node's own modules only: the others may have to be installed first.
import { ensureDependencies } from './lib/dependencies.mjs';
import { report } from './lib/failure.mjs';
import { shutDown, shutDownOnSignals } from './lib/shutdown.mjs';

shutDownOnSignals();
try {
  await ensureDependencies();
  const { runFaults } = await import('./lib/benchmark.mjs');
  await runFaults(process.argv.slice(2));
} catch (error) {
  report(error);
  process.exitCode = 1;
}
await shutDown();
