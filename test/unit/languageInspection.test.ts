import assert from 'node:assert/strict';
import { pageOf, parameterFor, signatureOf } from '../../src/notebook/language/inspection';

const page =
  '\u001b[31mSignature:\u001b[39m f(a, /, b=(1, 2), *rest, key=",", **more)\n\u001b[31mDocstring:\u001b[39m\nAdds.\n\nMuch.\n\u001b[31mFile:\u001b[39m /tmp/x.py\n\u001b[31mType:\u001b[39m function\n';

describe("IPython's documentation of a name", () => {
  it('is shown without terminal colours and up to a maximum length', () => {
    assert.match(pageOf({ 'text/plain': page }), /^Signature: f\(a/);
    assert.equal(pageOf({ 'text/plain': 'x'.repeat(1_000_000) }).length, 20_000);
    assert.equal(pageOf({ 'text/html': '<b>' }), '');
  });

  it('contains a signature with its parameters and documentation', () => {
    assert.deepEqual(signatureOf(pageOf({ 'text/plain': page })), {
      label: 'f(a, /, b=(1, 2), *rest, key=",", **more)',
      parameters: ['a', '/', 'b=(1, 2)', '*rest', 'key=","', '**more'],
      documentation: 'Adds.\n\nMuch.',
    });
  });

  it('may contain a signature on several lines, or the one of a class', () => {
    assert.equal(signatureOf('Init signature:\nC(\n    a,\n    b,\n)\nDocstring: D\n')?.label, 'C(a, b)');
  });

  it('may contain no signature', () => {
    assert.equal(signatureOf('Type: int\nString form: 1\n'), undefined);
  });

  it('tells which parameter an argument fills', () => {
    const signature = signatureOf(pageOf({ 'text/plain': page }));
    assert.ok(signature);
    const filled = (argument: number, keyword?: string): string | undefined =>
      signature.parameters[parameterFor(signature, argument, keyword) ?? -1];
    assert.deepEqual(
      [filled(0), filled(1), filled(2), filled(7), filled(1, 'key'), filled(1, 'other')],
      ['a', 'b=(1, 2)', '*rest', '*rest', 'key=","', '**more'],
    );
  });
});
