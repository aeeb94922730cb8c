import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { OneAtATime } from '../../src/session/folder-copy/one-at-a-time';
import { Semaphore } from '../../src/session/folder-copy/semaphore';

describe('file operations on a drive that does not answer', () => {
  it("use only their share of Node's threads, and later ones follow in order", async () => {
    const slots = new Semaphore(2);
    const begun: number[] = [];
    const answers: (() => void)[] = [];
    const done = [0, 1, 2, 3].map((i) =>
      slots.run(() => {
        begun.push(i);
        return i === 2
          ? Promise.reject(new Error('gone'))
          : new Promise<void>((resolve) => {
              answers.push(resolve);
            });
      }),
    );
    await sleep(5);
    assert.deepEqual(begun, [0, 1]);
    answers[0]?.();
    await done[0];
    await assert.rejects(done[2] ?? Promise.resolve(), /gone/);
    await sleep(5);
    assert.deepEqual(begun, [0, 1, 2, 3]);
    answers[1]?.();
    answers[2]?.();
    await Promise.all([done[1], done[3]]);
  });

  it('run one at a time: a late one is abandoned, and no other starts until it has returned', async () => {
    const looks = new OneAtATime();
    let answer: (value: string) => void = () => undefined;
    assert.equal(
      await looks.run(
        () =>
          new Promise<string>((resolve) => {
            answer = resolve;
          }),
        20,
      ),
      undefined,
    );
    assert.equal(await looks.run(() => Promise.resolve('second'), 1_000), undefined);
    answer('late');
    await sleep(5);
    assert.equal(await looks.run(() => Promise.resolve('third'), 1_000), 'third');
    await assert.rejects(
      looks.run(() => Promise.reject(new Error('denied')), 1_000),
      /denied/,
    );
    assert.equal(await looks.run(() => Promise.resolve('fourth'), 1_000), 'fourth');
  });
});
