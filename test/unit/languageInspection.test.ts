import assert from 'node:assert/strict';
import { pageOf } from '../../src/notebook/language/inspection';

const page =
  '\u001b[31mSignature:\u001b[39m f(a, /, b=(1, 2), *rest, key=",", **more)\n\u001b[31mDocstring:\u001b[39m\nAdds.\n\nMuch.\n\u001b[31mFile:\u001b[39m /tmp/x.py\n\u001b[31mType:\u001b[39m function\n';

describe("IPython's documentation of a name", () => {
  it('is shown without terminal colours and up to a maximum length', () => {
    assert.match(pageOf({ 'text/plain': page }), /^Signature: f\(a/);
    assert.equal(pageOf({ 'text/plain': 'x'.repeat(1_000_000) }).length, 20_000);
    assert.equal(pageOf({ 'text/html': '<b>' }), '');
  });
});
