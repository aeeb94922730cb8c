import { Failure, report } from './failure.mjs';
import { failuresIn } from './failures.mjs';
import { say, step } from './log.mjs';
import { SUITES, chosenPhases, unknownAmong } from './suites.mjs';
import { lastSum, sumLine, total } from './sums.mjs';
import { TestEnvironment } from './test-environment.mjs';
import { TestLeftovers } from './test-leftovers.mjs';
import { endGroup, run, start } from './tools.mjs';

const FAILED = { passed: 0, failed: 1, skipped: 0 };
/** The number of characters of a suite's output that are kept; its failures come at its end. */
const KEPT_CHARS = 1_000_000;

/**
 * Compiles, then runs the suites in their order, while the needs of later suites are still being prepared.
 * @param {readonly string[]} asked none means all
 * @returns {Promise<import('./sums.mjs').Sum>}
 */
export async function runSuites(asked) {
  const unknown = unknownAmong(asked);
  if (unknown.length > 0) {
    throw new Failure(`No suite is called ${unknown.join(' or ')}.`, {
      nextStep: `npm test -- ${Object.keys(SUITES).join(' ')}`,
    });
  }
  const phases = chosenPhases(asked);
  const environment = new TestEnvironment(new Set(phases.flat(2).flatMap((name) => SUITES[name].needs)));
  const leftovers = new TestLeftovers();
  const rows = [{ name: 'compile', ...(await timed(compile)) }];
  for (const phase of phases) {
    rows.push(
      ...(await Promise.all(phase.map((lane, i) => runLane(lane, environment, leftovers, { later: i > 0 })))).flat(),
    );
  }
  rows.push({ name: 'leftovers', ...(await timed(() => leftovers.sum())) });
  for (const { name, sum } of rows.filter((row) => row.sum?.failures)) {
    // repeated here, because a log that is cut keeps its end
    console.log(`\nfailed tests of ${name}, again:\n\n${sum.failures}`);
  }
  console.log();
  for (const { name, seconds, sum } of rows.filter((row) => row.sum !== undefined)) {
    console.log(`  ${name.padEnd(12)} ${sumLine(sum).padEnd(36)} ${seconds.toFixed(1).padStart(6)} s`);
  }
  return total(rows.flatMap((row) => row.sum ?? []));
}

async function runLane(lane, environment, leftovers, how) {
  const rows = [];
  for (const name of lane) {
    rows.push({ name, ...(await timed(() => runSuite(name, environment, leftovers, how))) });
  }
  return rows;
}

async function timed(work) {
  const start = performance.now();
  return { sum: await work(), seconds: (performance.now() - start) / 1000 };
}

/**
 * TypeScript writes its output even if there are type errors, and the suites then show more than an early stop would.
 */
async function compile() {
  try {
    await step('compiled', () =>
      run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.'], { deadline: 180_000 }),
    );
    return undefined;
  } catch (error) {
    report(error);
    return FAILED;
  }
}

/** @param {{ later: boolean }} how `later`: what it prints comes when it has ended, in one piece */
async function runSuite(name, environment, leftovers, { later }) {
  const { args, needs, minutes } = SUITES[name];
  try {
    const env = await step(`waited for what ${name} needs`, () => environment.of(needs));
    leftovers.watch(env.DOCKER_HOST);
    say(`${name}${later ? ' runs beside' : ''}:`);
    const { printed, failed } = await runToEnd(
      args,
      { ...process.env, ...env, TMPDIR: leftovers.folder },
      minutes,
      later ? name : undefined,
    );
    const sum = lastSum(printed);
    if (failed !== undefined) {
      say(`${name} ${failed}`);
    }
    if (sum === undefined || (failed !== undefined && sum.failed === 0)) {
      return { ...(sum ?? FAILED), failed: 1 };
    }
    if (sum.failed > 0) {
      return { ...sum, failures: failuresIn(printed) };
    }
    if (sum.passed + sum.failed + sum.skipped === 0 && !process.env.MOCHA_GREP) {
      say(`${name} has no test`);
      return FAILED;
    }
    return sum;
  } catch (error) {
    say(`${name} could not run:`);
    report(error);
    return FAILED;
  }
}

/**
 * Runs a suite that prints as it goes, or at its end under `title`. `failed` describes an end that was not successful.
 */
async function runToEnd(args, env, minutes, title) {
  // There is a pipe between the suite and the terminal, and Mocha does not check where it writes its symbols.
  const color = process.stdout.isTTY ? { FORCE_COLOR: '1' } : { NODE_DISABLE_COLORS: '1' };
  const child = start(process.execPath, args, { env: { ...color, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  let failed;
  let kept = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    printed = (printed + text).slice(-KEPT_CHARS);
    if (title === undefined) {
      process.stdout.write(text);
    } else {
      kept += text;
    }
  });
  const timer = setTimeout(() => {
    failed = `was ended: it took longer than ${minutes} minutes`;
    void endGroup(child);
  }, minutes * 60_000);
  const [code, signal] = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (...how) => resolve(how));
  }).finally(() => clearTimeout(timer));
  if (title !== undefined) {
    process.stdout.write(`\n${title}:\n${kept}`);
  }
  if (code !== 0) {
    failed ??= signal ? `ended by ${signal}` : `ended with exit code ${code}`;
  }
  return { printed, failed };
}
