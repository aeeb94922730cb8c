import { Console } from 'node:console';
import type MochaModule from 'mocha';
import fs from 'node:fs';
import path from 'node:path';
import { Writable } from 'node:stream';

/** The file beside `$TEST_OUT` in which {@link run} reports to the launcher. */
export interface Result {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** VS Code calls this in its extension host; a rejection makes its exit code non-zero. */
export async function run(): Promise<void> {
  process.setSourceMapsEnabled(true);
  const { default: Mocha } = await import('mocha');
  const out = process.env['TEST_OUT'];
  const endReport = out === undefined ? undefined : reportInto(out, Mocha);
  const grep = process.env['MOCHA_GREP'];
  const mocha = new Mocha({
    ui: 'bdd',
    timeout: 60_000,
    slow: 20_000,
    forbidOnly: process.env['CI'] !== undefined,
    ...(grep === undefined ? {} : { grep }),
  });
  for (const file of testFiles()) {
    mocha.addFile(file);
  }
  const failures = await new Promise<number>((resolve) => {
    const runner = mocha.run((failed) => {
      const result: Result = { passed: runner.stats?.passes ?? 0, failed, skipped: runner.stats?.pending ?? 0 };
      if (out !== undefined) {
        fs.writeFileSync(`${out}.json`, JSON.stringify(result));
      }
      endReport?.();
      resolve(failed);
    });
  });
  if (failures > 0) {
    throw new Error(`${failures} failed`);
  }
}

/** The compiled tests whose source still exists. */
function testFiles(): string[] {
  const root = path.resolve(__dirname, '../../..');
  return fs
    .readdirSync(path.join(root, 'test/extension/suite'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .sort()
    .map((name) => path.join(__dirname, 'suite', name.replace(/\.ts$/, '.js')));
}

/**
 * The console of the extension host goes to the workbench's log, and cannot be replaced in part.
 * @returns a function that ends the report, because output of VS Code while it closes is not a result
 */
function reportInto(file: string, Mocha: typeof MochaModule): () => void {
  let open = true;
  const sink = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      if (open) {
        fs.appendFileSync(file, chunk);
      }
      done();
    },
  });
  const reporting = new Console({ stdout: sink, stderr: sink });
  globalThis.console = reporting;
  Mocha.reporters.Base.consoleLog = reporting.log.bind(reporting);
  return () => {
    open = false;
  };
}
