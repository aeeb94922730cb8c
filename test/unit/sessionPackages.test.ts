import assert from 'node:assert/strict';
import { mergePackages, splitRequirements } from '../../src/session/installs/packages';
import { isRequirement } from '../../src/session/installs/references';

describe('a list of packages', () => {
  const typed: Record<string, string[]> = {
    six: ['six'],
    ' six  toolz ': ['six', 'toolz'],
    'six, toolz,rich': ['six', 'toolz', 'rich'],
    'numpy>=2,<3 six': ['numpy>=2,<3', 'six'],
    'numpy >= 2, < 3, six': ['numpy>=2,<3', 'six'],
    '"numpy >= 2" \'six\'': ['numpy>=2', 'six'],
    'pandas[excel, plot]==2.*, six': ['pandas[excel,plot]==2.*', 'six'],
    '%pip install six': ['six'],
    '!pip3 install six toolz': ['six', 'toolz'],
    'python -m pip install six': ['six'],
    '': [],
  };
  for (const [text, requirements] of Object.entries(typed)) {
    it(`that is typed as ${JSON.stringify(text)} is ${JSON.stringify(requirements)}`, () => {
      assert.deepEqual(splitRequirements(text), requirements);
      assert.ok(requirements.every(isRequirement));
    });
  }

  for (const text of ['-r x.txt', '--pre six', './six', 'git+https://x.example/y', 'six @ https://x.example']) {
    it(`with ${JSON.stringify(text)} has an invalid item`, () =>
      assert.ok(!splitRequirements(text).every(isRequirement)));
  }

  it('has a package once, in its first place, whatever its spelling', () => {
    assert.deepEqual(mergePackages(['numpy', 'Scikit_Learn>=1', 'six'], ['scikit-learn==1.7', 'toolz', 'toolz>=1']), [
      'numpy',
      'scikit-learn==1.7',
      'six',
      'toolz>=1',
    ]);
  });
});
