// npm start [-- --no-open --port N]: opens VS Code with this extension installed and examples/quickstart.ipynb open.
// It starts with Node's own modules only, because the others may have to be installed first.
import { parseArgs } from 'node:util';
import { ensureDependencies } from './lib/dependencies.mjs';
import { report } from './lib/failure.mjs';
import { shutDown, shutDownOnSignals } from './lib/shutdown.mjs';

shutDownOnSignals();
try {
  const { values } = parseArgs({ options: { 'no-open': { type: 'boolean' }, port: { type: 'string', default: '0' } } });
  await ensureDependencies();
  const { startQuickstart } = await import('./lib/quickstart.mjs');
  await startQuickstart({ open: !values['no-open'], port: Number(values.port) });
} catch (error) {
  report(error);
  process.exitCode = 1;
}
await shutDown();
