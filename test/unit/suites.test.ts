import assert from 'node:assert/strict';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

interface Suites {
  SUITES: Record<string, unknown>;
  chosenPhases(asked: readonly string[]): string[][][];
  unknownAmong(asked: readonly string[]): string[];
}
const MODULE = pathToFileURL(path.resolve(__dirname, '../../../scripts/lib/suites.mjs')).href;

describe('the order of the suites', () => {
  let suites: Suites;
  before(async () => {
    suites = (await import(MODULE)) as Suites;
  });

  it('has each suite once', () => {
    assert.deepEqual(suites.chosenPhases([]).flat(2).sort(), Object.keys(suites.SUITES).sort());
  });

  it('is kept for the requested suites, in whatever order they were requested, without the others', () => {
    assert.deepEqual(suites.chosenPhases(['podman', 'unit', 'window', 'arrival']), [
      [['unit']],
      [['arrival']],
      [['window'], ['podman']],
    ]);
  });

  it('includes all suites whose name begins with the requested word', () => {
    assert.deepEqual(
      suites.chosenPhases(['runner']).flat(2).sort(),
      Object.keys(suites.SUITES)
        .filter((name) => name.startsWith('runner-'))
        .sort(),
    );
  });

  it('does not match a part of a word', () => {
    assert.deepEqual(suites.unknownAmong(['run', 'runner', 'unit', 'runner-3.14', 'constructor', '']), [
      'run',
      'constructor',
      '',
    ]);
  });
});
