import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { PlaceRecorder } from '../../src/notebook/sandbox/place-recorder';

describe('the place up to which a document is kept', () => {
  it('does not move while output flows, and is recorded when the document is quiet', async () => {
    let place = 0;
    const told: number[] = [];
    const recorder = new PlaceRecorder(
      0,
      () => place,
      (seq) => told.push(seq),
      200,
    );
    for (let i = 0; i < 20; i++) {
      place += 1;
      recorder.changed();
      await sleep(20);
    }
    assert.deepEqual(told, []);
    await sleep(400);
    assert.deepEqual(told, [20]);
    recorder.changed();
    await sleep(400);
    assert.deepEqual(told, [20], 'nothing new');
    place = 21;
    recorder.changed();
    recorder.recordNow();
    assert.deepEqual(told, [20, 20], 'never more than it keeps');
    recorder.stop();
    await sleep(400);
    assert.deepEqual(told, [20, 20]);
  });
});
