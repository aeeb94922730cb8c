// npm test [-- SUITE…]: sets up what is missing, runs the suites, and ends with `N passed, N failed, N skipped`.
// It starts with Node's own modules only, because the others may have to be installed first.
import { ensureDependencies } from './lib/dependencies.mjs';
import { report } from './lib/failure.mjs';
import { shutDown, shutDownOnSignals } from './lib/shutdown.mjs';
import { sumLine } from './lib/sums.mjs';

shutDownOnSignals();
let sum = { passed: 0, failed: 1, skipped: 0 };
try {
  await ensureDependencies();
  const { runSuites } = await import('./lib/test-run.mjs');
  sum = await runSuites(process.argv.slice(2));
} catch (error) {
  report(error);
}
await shutDown();
process.stdout.write(`\n${sumLine(sum)}\n`, () => process.exit(sum.failed > 0 ? 1 : 0));
