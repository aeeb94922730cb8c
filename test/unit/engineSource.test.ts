import assert from 'node:assert/strict';
import type { Engine } from '../../src/engine/engine';
import { EngineSource } from '../../src/notebook/sandbox/engine-source';
import { SandboxError } from '../../src/protocol/errors';
import { FakeSandbox } from './sessionFakeSandbox';

/** An engine for which a test decides whether it is still there, and which records how it is used. */
class NotedEngine extends FakeSandbox {
  readonly became: string[] = [];
  there: () => Promise<boolean> = () => Promise.resolve(true);

  constructor(id: string, version = '28') {
    super();
    Object.assign(this.info, { id, version });
  }

  override isStillThere(): Promise<boolean> {
    return this.there();
  }
  override rest(): void {
    this.became.push('rests');
  }
  override dispose(): void {
    this.became.push('closed');
  }
}

describe('the source of the container engine', () => {
  /** Returns a source that finds these engines, one with each attempt. */
  const sourceOf = (...engines: (Engine | SandboxError)[]): EngineSource =>
    new EngineSource(() => {
      const next = engines.shift() ?? assert.fail('one more was looked for');
      return next instanceof SandboxError ? Promise.reject(next) : Promise.resolve(next);
    });

  it('looks for an engine once, even for several callers at the same time', async () => {
    const engine = new NotedEngine('a');
    const source = sourceOf(engine);
    assert.deepEqual(await Promise.all([source.get(), source.get()]), [engine, engine]);
    assert.equal(await source.get(), engine);
  });

  it('looks again after it has found none', async () => {
    const engine = new NotedEngine('a');
    const source = sourceOf(new SandboxError('EngineNotFound'), engine);
    await assert.rejects(source.get(), { code: 'EngineNotFound' });
    assert.equal(await source.get(), engine);
  });

  it('returns the engine that replaced the previous one, which rests from then on and stays open for its sessions', async () => {
    const [first, second] = [new NotedEngine('a'), new NotedEngine('b')];
    const source = sourceOf(first, second);
    await source.get();
    first.there = () => Promise.resolve(false);
    assert.deepEqual(await Promise.all([source.get(), source.get()]), [second, second]);
    assert.deepEqual([first.became, second.became], [['rests'], []]);
    source.dispose();
    assert.deepEqual([first.became, second.became], [['rests', 'closed'], ['closed']]);
  });

  it('looks for another engine if the previous one has gone, but not if it only does not answer', async () => {
    const [first, second] = [new NotedEngine('a'), new NotedEngine('b')];
    const source = sourceOf(first, second);
    await source.get();
    first.there = () => Promise.reject(new SandboxError('EngineSilent'));
    await assert.rejects(source.get(), { code: 'EngineSilent' });
    first.there = () => Promise.reject(new SandboxError('EngineNotFound'));
    assert.equal(await source.get(), second);
  });

  it('keeps one object for an engine that was forgotten and found again, and closes the other; an updated engine gets a new object', async () => {
    const [first, again, updated] = [new NotedEngine('a'), new NotedEngine('a'), new NotedEngine('a', '29')];
    const source = sourceOf(first, again, updated);
    await source.get();
    source.forget();
    assert.equal(await source.get(), first);
    assert.deepEqual([first.became, again.became], [[], ['closed']]);
    source.forget();
    assert.equal(await source.get(), updated);
    assert.deepEqual([first.became, updated.became], [['rests'], []]);
  });

  it('closes an engine that is found only after the source was disposed, and returns it to no caller', async () => {
    const [late, none] = [new NotedEngine('a'), new NotedEngine('b')];
    let connected!: () => void;
    const source = new EngineSource(
      () =>
        new Promise((resolve) => {
          connected = () => resolve(late);
        }),
    );
    const waiting = source.get();
    source.dispose();
    connected();
    await assert.rejects(waiting, { code: 'Cancelled' });
    assert.deepEqual(late.became, ['closed']);
    const over = sourceOf(none);
    over.dispose();
    await assert.rejects(over.get(), { code: 'Cancelled' });
    assert.deepEqual([over.lastKnown, none.became], [undefined, []]);
  });
});
