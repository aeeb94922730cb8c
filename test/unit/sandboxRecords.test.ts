import assert from 'node:assert/strict';
import type * as vscode from 'vscode';
import { silentLog } from '../../src/log';
import type { SandboxRecord } from '../../src/notebook/sandbox/sandbox-record';
import { SandboxRecords } from '../../src/notebook/sandbox/sandbox-records';
import { DEFAULT_SETTINGS } from '../../src/session/settings';

/** A memento like VS Code's, in memory. */
class Memory implements vscode.Memento {
  readonly values = new Map<string, unknown>();
  keys() {
    return [...this.values.keys()];
  }
  get<T>(key: string) {
    return this.values.get(key) as T;
  }
  update(key: string, value: unknown) {
    if (value === undefined) {
      this.values.delete(key);
    } else {
      this.values.set(key, value);
    }
    return Promise.resolve();
  }
}

const uri = (text: string) => ({ toString: () => text }) as vscode.Uri;
const [A, B] = [uri('file:///a.ipynb'), uri('file:///b.ipynb')];
const record = (sandboxId: string, keepAlive = 30): SandboxRecord => ({
  engine: 'engine-1',
  engineName: 'Docker',
  sandboxId,
  keepAlive,
  image: '',
  libraries: '',
  boot: '',
  seq: 0,
  host: '',
  settings: DEFAULT_SETTINGS,
  installed: [],
  seen: Date.now(),
});

describe("the record of a notebook's sandbox", () => {
  it('is known to a later window, unless the sandbox ends with this window', () => {
    const memory = new Memory();
    const records = new SandboxRecords(memory);
    records.set(A, record('a'));
    records.set(B, record('b', 0));
    const later = new SandboxRecords(memory);
    assert.deepEqual(
      [records, later].map((one) => [one.get(A)?.sandboxId, one.get(B)?.sandboxId]),
      [
        ['a', 'b'],
        ['a', undefined],
      ],
    );
  });

  it('is read as it was stored, with or without its optional fields', () => {
    const memory = new Memory();
    const whole: SandboxRecord = {
      ...record('a'),
      pid: 7,
      open: [{ msgId: 'm1', kernel: 'main', metadata: { cellId: 'x' } }],
      installed: ['numpy'],
      seq: 12,
      unused: true,
    };
    new SandboxRecords(memory).set(A, whole);
    assert.deepEqual(new SandboxRecords(memory).get(A), whole);
    const open = [{ msgId: 'm1', metadata: { cellId: 'x' } }]; // no kernel: earlier records name none
    memory.values.set('sandbox:file:///a.ipynb', { ...whole, open }); // stored by a build whose records had no version
    assert.deepEqual(new SandboxRecords(memory).get(A), whole);
  });

  it('counts as absent if it has another version or is broken, and the log names the field', () => {
    const whole = { version: 1, ...record('a'), open: [{ msgId: 'm1', metadata: {} }] };
    for (const [field, broken] of [
      ['version', { ...whole, version: 2 }],
      ['record', 'text'],
      ['sandboxId', { ...whole, sandboxId: '' }],
      ['seq', { ...whole, seq: -1 }],
      ['libraries', { ...whole, libraries: null }],
      ['maxMemory', { ...whole, settings: { maxMemory: 'much' } }],
      ['settings', { ...whole, settings: undefined }],
      ['installed', { ...whole, installed: [1] }],
      ['keepAlive', { ...whole, keepAlive: '30' }],
      ['seen', { ...whole, seen: undefined }],
      ['pid', { ...whole, pid: 1.5 }],
      ['msgId', { ...whole, open: [{ metadata: {} }] }],
    ] as const) {
      const memory = new Memory();
      memory.values.set('sandbox:file:///a.ipynb', broken);
      const said: string[] = [];
      const records = new SandboxRecords(memory, { ...silentLog, warn: (message) => said.push(message) });
      assert.deepEqual([records.get(A), memory.keys()], [undefined, []], field);
      assert.match(said.join(), new RegExp(`^the stored sandbox of file:///a.ipynb cannot be used: .*${field}`), field);
    }
  });

  it('exists once per engine, is used again with its engine, moves with the notebook, and is removed with its lease', () => {
    const memory = new Memory();
    const { elsewhere } = new SandboxRecords(memory);
    elsewhere.put(A, { ...record('older'), seen: Date.now() - 60_000 });
    elsewhere.put(A, { ...record('newer'), engine: 'engine-2' });
    elsewhere.put(B, { ...record('over', 1), seen: Date.now() - 3 * 60_000 });
    assert.deepEqual([elsewhere.newest(A)?.sandboxId, elsewhere.newest(B)], ['newer', undefined]);
    memory.values.set('elsewhere:file:///b.ipynb#engine-1', { version: 2 });
    const later = new SandboxRecords(memory);
    assert.equal(memory.keys().length, 2, 'a lease that is over, or a record of another version');
    later.move(uri('file:///a.ipynb'), uri('file:///c.ipynb'));
    assert.equal(later.elsewhere.newest(A), undefined);
    assert.deepEqual(
      ['engine-1', 'engine-1', 'engine-2', 'engine-3'].map(
        (engine) => later.elsewhere.take(uri('file:///c.ipynb'), engine)?.sandboxId,
      ),
      ['older', undefined, 'newer', undefined],
    );
    elsewhere.put(uri('file:///old/a.ipynb'), record('in a folder'));
    later.move(uri('file:///old'), uri('file:///new'));
    assert.equal(later.elsewhere.newest(uri('file:///new/a.ipynb'))?.sandboxId, 'in a folder');
  });

  it('names the other engines that may have sandboxes, except for unknown engines and expired leases', () => {
    const records = new SandboxRecords(new Memory());
    records.set(A, { ...record('here'), engine: 'engine-1' });
    records.set(B, { ...record('of an old version'), engine: '', engineName: '' });
    records.elsewhere.put(A, { ...record('there'), engine: 'engine-2', engineName: 'Podman' });
    records.elsewhere.put(B, { ...record('there too'), engine: 'engine-2', engineName: 'Podman' });
    records.elsewhere.put(B, {
      ...record('over', 1),
      engine: 'engine-3',
      engineName: 'Colima',
      seen: Date.now() - 3 * 60_000,
    });
    assert.deepEqual(
      ['engine-1', 'engine-2', 'engine-4'].map((engine) => records.enginesBeside(engine)),
      [['Podman'], ['Docker'], ['Docker', 'Podman']],
    );
  });

  it('is removed when its sandbox has ended, and no other record is', () => {
    const memory = new Memory();
    const records = new SandboxRecords(memory);
    for (const [notebook, id, keepAlive] of [
      [A, 'a', 30],
      [B, 'b', 30],
      [uri('file:///c.ipynb'), 'c', 0],
    ] as const) {
      records.set(notebook, record(id, keepAlive));
    }
    records.forget(new Set(['a', 'c', 'unknown']));
    assert.deepEqual(
      [records.get(A), records.get(B)?.sandboxId, records.get(uri('file:///c.ipynb')), memory.keys()],
      [undefined, 'b', undefined, ['sandbox:file:///b.ipynb']],
    );
  });

  it("moves to the notebook's new name, also when its folder is renamed", () => {
    for (const keepAlive of [30, 0]) {
      const records = new SandboxRecords(new Memory());
      records.set(uri('file:///old/a.ipynb'), record('a', keepAlive));
      records.set(uri('file:///older.ipynb'), record('c', keepAlive));
      records.move(uri('file:///old'), uri('file:///new'));
      assert.deepEqual(
        ['file:///old/a.ipynb', 'file:///new/a.ipynb', 'file:///older.ipynb'].map(
          (one) => records.get(uri(one))?.sandboxId,
        ),
        [undefined, 'a', 'c'],
      );
    }
  });

  it("is neither updated nor removed for a sandbox that is no longer the notebook's", () => {
    const records = new SandboxRecords(new Memory());
    records.set(A, record('new'));
    records.update(A, record('old'));
    records.remove(A, 'old');
    assert.equal(records.get(A)?.sandboxId, 'new');
  });

  it('is not found by the name of a closed notebook, but still moves to its new name', async () => {
    const memory = new Memory();
    const records = new SandboxRecords(memory);
    records.set(A, record('a'));
    const moved = records.awaitRename(A, record('a'), 1_000);
    assert.deepEqual([records.get(A), records.isAwaitingRename(A), memory.keys()], [undefined, true, []]);
    records.set(A, record('next')); // an untitled notebook that got the name
    records.move(A, B);
    assert.equal(await moved, true);
    assert.deepEqual(
      [records.get(A)?.sandboxId, records.get(B)?.sandboxId, records.isAwaitingRename(A)],
      ['next', 'a', false],
    );
  });

  it('is removed if the closed notebook does not open under another name in time, or the window closes', async () => {
    const records = new SandboxRecords(new Memory());
    records.set(A, record('a'));
    assert.equal(await records.awaitRename(A, record('a'), 1), false);
    const [first, second] = [records.awaitRename(A, record('a'), 60_000), records.awaitRename(B, record('b'), 60_000)];
    records.endAllRenameWaits();
    assert.deepEqual(await Promise.all([first, second]), [false, false]);
  });
});
