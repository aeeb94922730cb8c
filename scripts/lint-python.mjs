// Part of npm run lint: runs ruff on the runner and its tests, with the rules of pyproject.toml. With --format (npm run
// format) it formats them.
import { spawnSync } from 'node:child_process';
import { report } from './lib/failure.mjs';
import { ROOT } from './lib/paths.mjs';
import { pythonTools } from './lib/python-tools.mjs';
import { shutDown } from './lib/shutdown.mjs';

const COMMANDS = process.argv.includes('--format') ? [['format']] : [['format', '--check', '--quiet'], ['check']];

let status = 1;
try {
  const python = await pythonTools();
  const statuses = COMMANDS.map(
    (command) =>
      spawnSync(python, ['-m', 'ruff', ...command, '--no-cache'], { cwd: ROOT, stdio: 'inherit', timeout: 120_000 })
        .status,
  );
  status = statuses.find((one) => one !== 0) ?? 0;
} catch (error) {
  report(error);
}
await shutDown();
process.exit(status ?? 1);
