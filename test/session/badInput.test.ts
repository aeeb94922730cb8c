import assert from 'node:assert/strict';
import type { Engine } from '../../src/engine/engine';
import { describe as describeProblem, paragraph, untranslated } from '../../src/messages';
import { EventBatcher } from '../../src/outputs/batcher';
import { MAX_NOTICES, MAX_OUTPUTS } from '../../src/outputs/bounds';
import { NotebookOutputs } from '../../src/outputs/notebook-outputs';
import { connect, derivedImage, endSessions, startSession, type RanCell, type TestSession } from './support/sandboxes';

const MB = 2 ** 20;

/**
 * Returns the highest memory use in bytes so far of the supervisor, which is process 1 and lives as long as its
 * sandbox.
 */
async function peak(sandbox: TestSession): Promise<number> {
  const { result } = await sandbox.run(
    "next(int(line.split()[1]) for line in open('/proc/1/status') if line.startswith('VmHWM'))",
  );
  return Number(result) * 1024;
}

const noticesOf = (cell: RanCell): string =>
  cell
    .of('notice')
    .map((notice) => paragraph(describeProblem(notice, { t: untranslated, platform: 'linux' })))
    .join('\n');

describe('output that a cell should not produce', function () {
  this.timeout(120_000);
  let engine: Engine;
  let sandbox: TestSession;
  before(async () => {
    engine = await connect();
    sandbox = startSession(engine, await derivedImage(engine));
    await sandbox.session.started;
    await sandbox.run('kept = "kept"');
  });
  after(async () => {
    await endSessions();
    engine.dispose();
  });
  afterEach('the kernel lives', async () => {
    assert.equal((await sandbox.run('kept')).result, "'kept'");
  });

  for (const [what, code] of [
    ['one print of 50 MB', "print('x' * 52_428_799)"],
    ['a million prints of 50 bytes', "for _ in range(1_048_576): print('x' * 49)"],
    ['50 MB of a child process', "import subprocess; subprocess.run(['head', '-c', '52428800', '/dev/zero']);"],
  ] as const) {
    it(`${what}: the first 10 MB are shown, all of it is counted, and neither side keeps the rest in memory`, async () => {
      const [heap, supervisor] = [process.memoryUsage().heapUsed, await peak(sandbox)];
      const cell = await sandbox.run(code);
      const shown = Buffer.byteLength(cell.text());
      assert.ok(shown > 9.5 * MB && shown <= 10 * MB, `${shown} bytes`);
      const dropped = { code: 'OutputDropped', params: { bytes: 50 * MB - shown, total: 50 * MB, limit: 10 * MB } };
      assert.deepEqual(cell.of('notice'), [{ code: 'OutputDropped', params: { limit: 10 * MB } }, dropped]);
      assert.match(
        noticesOf(cell),
        /This cell printed 50 MB\. Of this, .* \([\d,]+ of 52,428,800 bytes\) are left out, because a cell may show 10 MB\. .*sandboxedIPython\.maxOutput/,
      );
      assert.ok(process.memoryUsage().heapUsed - heap < 200 * MB, 'the host');
      assert.ok((await peak(sandbox)) - supervisor < 30 * MB, 'the supervisor');
    });
  }

  for (const [what, step] of [
    ['of prints to both outputs in turn', 'print(1); print(2, file=sys.stderr)'],
    ['of empty displays', "display({'text/plain': ''}, raw=True)"],
    ['of displays with much metadata', "display({'text/plain': ''}, metadata={'x': 'A' * 100_000}, raw=True)"],
    [
      'of displays with much that is transient',
      "display({'text/plain': ''}, transient={'x': 'A' * 100_000}, raw=True)",
    ],
    ['of plots that are cleared', "clear_output(); display({'text/plain': 'A' * 1_000_000}, raw=True)"],
    ['that ends with a long error', "raise ValueError('A' * 10_000_000)"],
  ] as const) {
    it(`a flood ${what} is reduced to a cell that a window can hold, and the window keeps none of it in memory`, async () => {
      const outputs = new NotebookOutputs();
      const shown = new Map<number, number>();
      const batcher = new EventBatcher((event) => {
        for (const { edit } of outputs.fold(event)) {
          if (edit.kind === 'clear' || edit.kind === 'replaceAll') {
            shown.clear();
          }
          if (edit.kind === 'append' || edit.kind === 'replaceAll') {
            shown.set(edit.id, edit.output.output_type === 'error' ? JSON.stringify(edit.output).length : 0);
          }
        }
      });
      const listening = sandbox.session.onEvent((event) => {
        sandbox.events.length = 0; // otherwise this list keeps every event in memory
        batcher.add(event);
      });
      const heap = process.memoryUsage().heapUsed;
      const { msgId, reply } = sandbox.session.execute(
        `import sys, time\nfrom IPython.display import clear_output\nend = time.monotonic() + 1\nwhile time.monotonic() < end:\n    ${step}`,
      );
      outputs.begin(msgId, 'cell');
      try {
        await reply;
        batcher.flush();
        assert.ok(shown.size > 0 && shown.size <= MAX_OUTPUTS + MAX_NOTICES + 2, `${shown.size} outputs`);
        assert.ok([...shown.values()].reduce((all, one) => all + one, 0) < 2 * MB, 'the errors');
        assert.ok(
          process.memoryUsage().heapUsed - heap < 200 * MB,
          `${Math.round((process.memoryUsage().heapUsed - heap) / MB)} MB`,
        );
      } finally {
        listening.dispose();
      }
    });
  }

  it('a value of 100 MB is counted and is not sent', async () => {
    const supervisor = await peak(sandbox);
    for (const code of ["'x' * 104_857_600", "display({'text/html': 'x' * 104_857_600}, raw=True)"]) {
      const cell = await sandbox.run(code);
      assert.equal(cell.reply.status, 'ok');
      assert.match(noticesOf(cell), /^This cell printed 100 MB\. Of this, 100 MB/m);
    }
    assert.ok((await peak(sandbox)) - supervisor < 30 * MB, 'the supervisor');
  });

  it('circular values and values that JSON cannot represent are errors at the line in the cell', async () => {
    for (const [value, ename, evalue] of [
      [
        '(circle := {}).update(c=circle) or circle',
        'RecursionError',
        /application\/json of a display refers to itself/,
      ],
      ['{"a": object()}', 'ValueError', /application\/json of a display holds a value of type object/],
    ] as const) {
      const cell = await sandbox.run(`display({'application/json': ${value}, 'text/plain': 'x'}, raw=True)`);
      const [error] = cell.of('error');
      assert.equal(error?.ename, ename);
      assert.match(error.evalue, evalue);
      assert.doesNotMatch(error.traceback.join('\n'), /sandboxed_ipython/);
    }
  });

  it('a part of a MIME bundle that cannot be shown is left out with a notice', async () => {
    const cell = await sandbox.run("display({'text/plain': 'shown', 'nonsense': 1, 'text/html': None}, raw=True)");
    assert.match(
      cell.text('stderr'),
      /'nonsense' is left out of a display: it is no mime type\.[^]*text\/html is left out of a display: its value is None\./,
    );
    assert.deepEqual(
      cell.of('display_data').map(({ data }) => data),
      [{ 'text/plain': 'shown' }],
    );
  });

  it('a repr that raises is reported, and the rest of the cell runs', async () => {
    const cell = await sandbox.run(
      "class Bad:\n    def __repr__(self): raise RuntimeError('no repr')\ndisplay(Bad())\nprint('goes on')",
    );
    assert.deepEqual(
      [cell.of('error').map(({ ename, evalue }) => `${ename}: ${evalue}`), cell.text()],
      [['RuntimeError: no repr'], 'goes on\n'],
    );
  });

  it('a repr that hangs is ended by an interrupt and by the time limit', async () => {
    const code = "class Hangs:\n    def __repr__(self):\n        print('begun')\n        while True: pass\nHangs()";
    const { msgId, reply } = sandbox.session.execute(code);
    await sandbox.printed(msgId, 'begun');
    await sandbox.session.interrupt(msgId);
    assert.equal((await reply).ename, 'KeyboardInterrupt');
    assert.deepEqual((await sandbox.run(code, { timeout: 0.5 })).reply.failure, {
      code: 'TimedOut',
      params: { timeout: 0.5, killed: false },
    });
  });

  it('an invalid message is reported as left out once per cell, and the sandbox continues', async () => {
    const cell = await sandbox.run(
      "channel = get_ipython().sandbox.channel\nfor _ in range(5): channel.send('display_data', {'data': 5}, get_ipython().sandbox.running)\nprint('goes on')",
    );
    assert.equal(
      noticesOf(cell),
      'Some output of this cell could not be read and is left out. Reason: data. For details, see the log: "Sandboxed IPython: Show Log".',
    );
    assert.equal(cell.text(), 'goes on\n');
  });

  it('a program that reads standard input gets end of file, and the cell reports that', async () => {
    for (const code of [
      '!cat',
      '%%bash\nread x\necho "got:$x"',
      "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'input()'])",
    ]) {
      const cell = await sandbox.run(code);
      assert.equal(cell.reply.status, 'ok');
      assert.match(
        noticesOf(cell),
        /read standard input\. Standard input is empty here, so the read returned end-of-file at once\. .*input\(/,
      );
    }
  });
});
