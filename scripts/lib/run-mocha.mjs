// Runs one suite's Mocha tests in this process: run-mocha.mjs <suite> <seconds for one test> [<folder>/<name of a test
// of another suite>…]
// The source files decide what runs, so that a compiled test whose source was removed does not run.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import Mocha from 'mocha';
import { ROOT } from './paths.mjs';
import { sumLine } from './sums.mjs';

const [suite, seconds, ...more] = process.argv.slice(2);
const mocha = new Mocha({
  ui: 'bdd',
  reporter: 'spec',
  timeout: Number(seconds) * 1000,
  slow: Number(seconds) * 500,
  forbidOnly: Boolean(process.env.CI),
  ...(process.env.MOCHA_GREP ? { grep: process.env.MOCHA_GREP } : {}),
});

const sources = readdirSync(path.join(ROOT, 'test', suite), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .sort();
for (const name of [
  ...sources.map((source) => path.join(suite, source.replace(/\.ts$/, ''))),
  ...more.map((one) => `${one}.test`),
]) {
  mocha.addFile(path.join(ROOT, 'out', 'test', `${name}.js`));
}
await mocha.loadFilesAsync();
const runner = mocha.run((failures) => {
  const { passes, pending } = runner.stats;
  // A socket or timer that a test left open must not keep the run from ending. The callback waits until the pipe is
  // written.
  process.stdout.write(`${sumLine({ passed: passes, failed: failures, skipped: pending })}\n`, () => {
    process.exit(failures > 0 ? 1 : 0);
  });
});
