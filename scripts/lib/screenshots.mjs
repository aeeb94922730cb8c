import { step } from './log.mjs';
import { TestEnvironment } from './test-environment.mjs';
import { run } from './tools.mjs';

/** Runs `test/screenshots/take.ts` with the prerequisites of `npm test -- window`. */
export async function takeScreenshots() {
  const needs = ['engine', 'bookworm', 'code-server', 'browser', 'vsix'];
  const environment = new TestEnvironment(new Set(needs));
  await step('compiled', () =>
    run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.'], { deadline: 180_000 }),
  );
  const env = await environment.of(needs);
  await run(process.execPath, ['--enable-source-maps', 'out/test/screenshots/take.js'], {
    deadline: 600_000,
    env: { ...process.env, ...env },
    show: true,
  });
}
