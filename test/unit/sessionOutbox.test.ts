import assert from 'node:assert/strict';
import { Outbox } from '../../src/session/stream/outbox';

/**
 * One step in the life of command `a`. Each row has the steps, what they send, and the number of commands that are
 * left.
 */
type Step = 'add' | 'attached' | 'cut' | 'accepted';

describe('the outbox', () => {
  const table: [steps: Step[], written: string[], left: number][] = [
    [['add'], [], 1],
    [['add', 'attached'], ['a'], 1],
    [['attached', 'add'], ['a'], 1],
    [['attached', 'add', 'accepted'], ['a'], 0],
    [['attached', 'add', 'cut'], ['a'], 1],
    [['attached', 'add', 'cut', 'attached'], ['a', 'a'], 1],
    [['attached', 'add', 'accepted', 'cut', 'attached'], ['a'], 0],
    [['attached', 'add', 'cut', 'accepted', 'attached'], ['a'], 0], // the replay showed that the command had arrived
    [['attached', 'add', 'cut', 'attached', 'cut', 'attached', 'accepted', 'cut', 'attached'], ['a', 'a', 'a'], 0],
    [['attached', 'cut', 'add'], [], 1],
    [['attached', 'cut', 'add', 'attached'], ['a'], 1],
  ];
  for (const [steps, expected, left] of table) {
    it(`${steps.join(', ')}: written ${expected.length} times, ${left === 0 ? 'done' : 'waiting'}`, () => {
      const written: string[] = [];
      const outbox = new Outbox((line) => {
        written.push(line);
      });
      for (const step of steps) {
        if (step === 'add') {
          outbox.add('a', 'a');
        } else if (step === 'accepted') {
          outbox.accepted('a');
        } else {
          outbox[step]();
        }
      }
      assert.deepEqual([written, outbox.size], [expected, left]);
    });
  }

  it('sends only unaccepted commands again, in the order in which they were added', () => {
    const written: string[] = [];
    const outbox = new Outbox((line) => {
      written.push(line);
    });
    outbox.attached();
    for (const one of ['a', 'b', 'c', 'd']) {
      outbox.add(one, one);
    }
    outbox.accepted('b');
    outbox.cut();
    outbox.add('e', 'e');
    outbox.attached();
    assert.deepEqual(written, ['a', 'b', 'c', 'd', 'a', 'c', 'd', 'e']);
  });

  it('tells the state of a withdrawn command', () => {
    const outbox = new Outbox(() => undefined);
    outbox.add('a', 'a');
    assert.equal(outbox.isUnsent('a'), true);
    assert.equal(outbox.withdraw('a'), 'unsent');
    assert.equal(outbox.withdraw('a'), 'absent');
    outbox.attached();
    outbox.add('b', 'b');
    outbox.cut();
    assert.deepEqual([outbox.isUnsent('b'), outbox.withdraw('b'), outbox.isUnsent('b')], [false, 'sent', false]);
  });
});
