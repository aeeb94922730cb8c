import assert from 'node:assert/strict';
import { requirementWithoutWheel } from '../../src/engine/source-distributions';

const pip = (requirement: string, from = ''): string =>
  [
    'Collecting six',
    `ERROR: Could not find a version that satisfies the requirement ${requirement}${from} (from versions: none)`,
    `ERROR: No matching distribution found for ${requirement}${from}`,
    '',
  ].join('\n');

describe("pip's message that a package has no wheel", () => {
  for (const requirement of [
    'docopt',
    'docopt==0.6.2',
    'antlr4-python3-runtime==4.9.*',
    'omegaconf<2.4,>=2.2',
    'peewee>=3.16.2',
    'fire[extra]==0.5.0',
    'a.b_c~=1.0',
  ]) {
    it(`names ${requirement}`, () => {
      assert.equal(requirementWithoutWheel(pip(requirement)), requirement);
      assert.equal(requirementWithoutWheel(pip(requirement, ' (from yfinance)')), requirement);
    });
  }

  it('is only accepted if it names a package with versions', () => {
    for (const text of [
      '--index-url=http://192.0.2.1/',
      '-r /etc/passwd',
      '/sandbox/x',
      '../x',
      'six @ http://192.0.2.1/six.tar.gz',
      'six==1; import os',
      'six==1 --no-binary',
      `six==${'1'.repeat(1_000)}`,
    ]) {
      assert.equal(requirementWithoutWheel(pip(text)), undefined, text);
    }
    assert.equal(requirementWithoutWheel('Successfully installed six-1.17.0\n'), undefined);
    assert.equal(requirementWithoutWheel('print("ERROR: No matching distribution found for six")'), undefined);
  });
});
