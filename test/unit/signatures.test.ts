import assert from 'node:assert/strict';
import type { Signature } from '../../src/protocol/messages';
import { signaturesOf } from '../../src/session/requests/signatures';

const F: Signature = { label: 'f(a, b=1)', parameters: ['a', 'b=1'], active: 1, documentation: 'Adds.' };
const shown = (...signatures: Signature[]): Signature[] => signaturesOf({ status: 'ok', signatures });

describe('the signatures of a reply', () => {
  it('are shown as they are', () => {
    assert.deepEqual(shown(F, { ...F, active: null }), [F, { ...F, active: null }]);
  });

  it('are bounded in number, and their documentation in length', () => {
    const many = shown(...Array.from({ length: 1_000 }, () => ({ ...F, documentation: 'd'.repeat(1_000_000) })));
    assert.deepEqual([many.length, many[0]?.documentation.length], [20, 20_000]);
  });

  it('are left out if a signature is empty or too long, or lacks one of its parameters', () => {
    assert.deepEqual(
      shown(
        { ...F, label: '' },
        { ...F, label: `f(a, b=1${' '.repeat(1_000_000)})` },
        { ...F, parameters: ['c'] },
        { ...F, parameters: Array.from({ length: 1_000 }, () => 'a') },
      ),
      [],
    );
  });
});
