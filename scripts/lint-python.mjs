// Part of npm run lint: ruff over the runner and its tests, by the rules of pyproject.toml.
import { spawnSync } from 'node:child_process';
import { report } from './lib/failure.mjs';
import { ROOT } from './lib/paths.mjs';
import { pythonTools } from './lib/python-tools.mjs';
import { shutDown } from './lib/shutdown.mjs';

let status = 1;
try {
  const python = await pythonTools();
  ({ status } = spawnSync(python, ['-m', 'ruff', 'check', '--no-cache'], { cwd: ROOT, stdio: 'inherit', timeout: 120_000 }));
} catch (error) {
  report(error);
}
await shutDown();
process.exit(status ?? 1);
