// npm run bench [-- --write]: times a session against ipykernel; --write puts the table into bench/README.md.
// npm run bench -- --window [--write] [--others N] [--only NAME,…]: does the same with notebooks in VS Code, beside N
// idle sandboxes.
// It starts with Node's own modules only, because the others may have to be installed first.
import { ensureDependencies } from './lib/dependencies.mjs';
import { report } from './lib/failure.mjs';
import { shutDown, shutDownOnSignals } from './lib/shutdown.mjs';

shutDownOnSignals();
try {
  await ensureDependencies();
  const { runBenchmark } = await import('./lib/benchmark.mjs');
  await runBenchmark(process.argv.slice(2));
} catch (error) {
  report(error);
  process.exitCode = 1;
}
await shutDown();
