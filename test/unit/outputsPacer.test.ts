import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pacer } from '../../src/outputs/pacer';

/** A window that confirms a change on request, and records the states of outputs that it was sent. */
class Window {
  readonly sent: number[] = [];
  readonly #confirmations: (() => void)[] = [];
  state = 0;
  readonly pacer: Pacer<{ characters: number }>;

  constructor(deadline?: number) {
    this.pacer = new Pacer(({ characters }) => {
      this.sent.push(this.state);
      return {
        characters,
        confirmed: new Promise((resolve) => {
          this.#confirmations.push(resolve);
        }),
      };
    }, deadline);
  }

  /** Changes the output `times` times. */
  change(output: { characters: number }, times = 1): void {
    for (let i = 0; i < times; i += 1) {
      this.state += 1;
      this.pacer.ask(output);
    }
  }

  confirm(): void {
    for (const confirm of this.#confirmations.splice(0)) {
      confirm();
    }
  }

  async sends(count: number, deadline = 5_000): Promise<void> {
    for (const end = Date.now() + deadline; this.sent.length < count; await sleep(1)) {
      assert.ok(Date.now() < end, `sent ${this.sent.length} of ${count}`);
    }
  }
}

describe('the pace of changes to outputs', () => {
  const output = { characters: 10 };

  it('a change is sent at once', () => {
    const window = new Window();
    window.change(output);
    assert.deepEqual(window.sent, [1]);
  });

  it('a window that is too slow gets nothing more until it confirms, and then the latest state once', async () => {
    const window = new Window();
    window.change(output, 100);
    await sleep(50);
    window.change(output, 100);
    assert.deepEqual(window.sent, [1]);
    window.confirm();
    await window.sends(2);
    assert.deepEqual(window.sent, [1, 200]);
    await sleep(50);
    assert.equal(window.sent.length, 2);
  });

  it('the change after a slow confirmation waits as long as that confirmation took', async () => {
    const window = new Window();
    window.change(output);
    await sleep(100);
    window.change(output);
    const confirmed = performance.now();
    window.confirm();
    await window.sends(2);
    const waited = performance.now() - confirmed;
    assert.ok(waited >= 95, `sent again after ${waited} ms`);
  });

  it('the end of a run does not wait for a confirmation', () => {
    const window = new Window();
    window.change(output, 2);
    assert.equal(window.pacer.sendNow(output), output.characters);
    assert.deepEqual(window.sent, [1, 2]);
  });

  it('a window that never confirms delays the next change for a bounded time', async () => {
    const window = new Window(50);
    window.change(output, 2);
    await window.sends(2);
    assert.deepEqual(window.sent, [1, 2]);
    window.confirm(); // this confirmation is too late and has no effect
    await sleep(20);
    assert.equal(window.sent.length, 2);
  });
});
