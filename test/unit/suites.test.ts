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

  it('has each of them once', () => {
    assert.deepEqual(suites.chosenPhases([]).flat(2).sort(), Object.keys(suites.SUITES).sort());
  });

  it('is kept by those that are asked for, whatever the order of asking, and nothing of the others is left', () => {
    assert.deepEqual(suites.chosenPhases(['podman', 'unit', 'window', 'arrival']), [
      [['unit']],
      [['arrival']],
      [['window'], ['podman']],
    ]);
  });

  it('has all suites whose name begins with the word that is asked for', () => {
    assert.deepEqual(
      suites.chosenPhases(['runner']).flat(2).sort(),
      Object.keys(suites.SUITES)
        .filter((name) => name.startsWith('runner-'))
        .sort(),
    );
  });

  it('does not take a part of a word for a name', () => {
    assert.deepEqual(suites.unknownAmong(['run', 'runner', 'unit', 'runner-3.14', 'constructor', '']), [
      'run',
      'constructor',
      '',
    ]);
  });
});
