// npm run test:images [-- image…]: tests the official images that users have, see test/session/originals.ts.
// It starts with Node's own modules only, because the others may have to be installed first.
import { ensureDependencies } from './lib/dependencies.mjs';
import { report } from './lib/failure.mjs';
import { step } from './lib/log.mjs';
import { shutDown, shutDownOnSignals } from './lib/shutdown.mjs';

shutDownOnSignals();
try {
  await ensureDependencies();
  const { engineHost, ensureEngine } = await import('./lib/engine.mjs');
  const { run } = await import('./lib/tools.mjs');
  await Promise.all([
    ensureEngine(),
    step('compiled', () =>
      run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.'], { deadline: 180_000 }),
    ),
  ]);
  await run(process.execPath, ['--enable-source-maps', 'out/test/session/originals.js', ...process.argv.slice(2)], {
    deadline: 3600_000,
    env: { ...process.env, DOCKER_HOST: engineHost() },
    show: true,
  });
} catch (error) {
  report(error);
  process.exitCode = 1;
}
await shutDown();
