import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { CellsStandIn, type Change } from './vscodeStandIn'; // must come before the imports that import VS Code
import { silentLog } from '../../src/log';
import { untranslated } from '../../src/messages';
import { Executions } from '../../src/notebook/execution/executions';
import { SandboxClock } from '../../src/notebook/execution/sandbox-clock';
import { Writer } from '../../src/notebook/execution/writer';
import { NotebookOutputs } from '../../src/outputs/notebook-outputs';
import type { EventContents, EventType } from '../../src/protocol/messages';
import { event } from './outputsModel';

const DEADLINE_MS = 30_000;

/** A running cell and the parts that show it. */
function shownCell(confirm: (kind: Change['kind']) => Promise<void>) {
  const changes: { kind: Change['kind']; text: string }[] = [];
  const cells = new CellsStandIn(({ kind, items }) => {
    changes.push({ kind, text: Buffer.concat(items.map(({ data }) => data)).toString() });
    return confirm(kind);
  });
  const executions = new Executions(cells.controller, silentLog);
  const writer = new Writer(executions, {
    clock: new SandboxClock(),
    messageContext: { t: untranslated, platform: 'linux' },
    targets: { cell: () => undefined, file: () => undefined },
    log: silentLog,
  });
  const outputs = new NotebookOutputs();
  const cell = cells.cell();
  const run = executions.begin(cell);
  assert.ok(run !== undefined);
  outputs.begin('r', 'cell');
  writer.bind('r', run);
  return {
    cell,
    changes,
    executions,
    run,
    writer,
    say: <T extends EventType>(type: T, content: EventContents[T]): void => {
      writer.write(outputs.fold(event('r', type, content)));
    },
  };
}

const print = (text: string): EventContents['stream'] => ({ name: 'stdout', text });

describe('a cell as VS Code is told to show it', function () {
  this.timeout(2 * DEADLINE_MS);

  it('shows a text even if VS Code never confirms its output and no more text follows', async () => {
    const { changes, say } = shownCell((kind) =>
      kind === 'append' ? new Promise(() => undefined) : Promise.resolve(),
    );
    say('stream', print('one '));
    say('stream', print('two'));
    assert.deepEqual(
      changes.filter(({ kind }) => kind !== 'clear'),
      [{ kind: 'append', text: 'one ' }],
    );
    for (const end = Date.now() + DEADLINE_MS; !changes.some(({ text }) => text === 'one two'); await sleep(10)) {
      assert.ok(Date.now() < end, JSON.stringify(changes));
    }
    assert.deepEqual(changes.at(-1), { kind: 'replaceItems', text: 'one two' });
  });

  it('appends a text only after VS Code has confirmed its output', async () => {
    let confirm!: () => void;
    const { changes, say } = shownCell((kind) =>
      kind === 'append'
        ? new Promise((resolve) => {
            confirm = resolve;
          })
        : Promise.resolve(),
    );
    say('stream', print('one '));
    say('stream', print('two'));
    confirm();
    for (const end = Date.now() + DEADLINE_MS; changes.at(-1)?.kind === 'append'; await sleep(1)) {
      assert.ok(Date.now() < end, JSON.stringify(changes));
    }
    assert.deepEqual(changes.at(-1), { kind: 'appendItems', text: 'two' });
  });

  it('counts as cleared by the user after our own clearing was confirmed, was refused or could not be requested', async () => {
    const refusals: (() => Promise<void>)[] = [
      () => Promise.resolve(),
      () => Promise.reject(new Error('gone')),
      () => {
        throw new Error('gone');
      },
    ];
    for (const refuse of refusals) {
      const { cell, writer, say } = shownCell((kind) => (kind === 'clear' ? refuse() : Promise.resolve()));
      say('stream', print('text'));
      say('clear_output', { wait: false });
      for (const end = Date.now() + DEADLINE_MS; writer.isClearing(cell); await sleep(1)) {
        assert.ok(Date.now() < end, String(refuse));
      }
    }
  });

  it('may have been cleared by us until our clearing is confirmed', () => {
    const { cell, writer, say } = shownCell((kind) =>
      kind === 'clear' ? new Promise(() => undefined) : Promise.resolve(),
    );
    say('stream', print('text'));
    assert.ok(!writer.isClearing(cell));
    say('clear_output', { wait: false });
    assert.ok(writer.isClearing(cell));
  });

  it('is cleared at the start of a run only if it shows something or has run before', () => {
    const clearings = (prepare: (shown: ReturnType<typeof shownCell>) => void): number => {
      const shown = shownCell(() => Promise.resolve());
      prepare(shown);
      shown.say('stream', print('text'));
      return shown.changes.filter(({ kind }) => kind === 'clear').length;
    };
    assert.equal(
      clearings(() => undefined),
      0,
    );
    assert.equal(
      clearings(({ cell }) => {
        (cell.outputs as unknown[]).push({});
      }),
      1,
    );
    assert.equal(
      clearings(({ executions, run, cell, writer }) => {
        run.end(true);
        const again = executions.begin(cell);
        assert.ok(again !== undefined);
        writer.bind('r', again);
      }),
      1,
    );
  });
});
