import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { OpenNotebook, containerOf, engine, set, stub, until, useTestBase } from './support';

/** The answers of the user to messages and pickers. */
interface Answers {
  input?: string;
  button?: string;
  unpick?: string;
}

describe('libraries', () => {
  before(useTestBase);
  let notebook: OpenNotebook;
  afterEach(async () => {
    await notebook.close();
    await set('pids', undefined);
    await useTestBase();
  });

  /** Runs a command while messages are answered. Returns the messages. */
  async function answering({ input, button, unpick }: Answers, work: () => Thenable<unknown>): Promise<string[]> {
    const said: string[] = [];
    const message = (text: string, ...buttons: string[]): Promise<string | undefined> => {
      said.push(text);
      return Promise.resolve(buttons.find((one) => one === button));
    };
    const pick = (items: { label: string; picked?: boolean }[]) =>
      Promise.resolve(items.filter(({ label, picked }) => picked && label !== unpick));
    await stub(
      'showInputBox',
      () => Promise.resolve(input),
      () =>
        stub('showQuickPick', pick, () =>
          stub('showInformationMessage', message, () =>
            stub('showErrorMessage', message, async () => {
              await work();
            }),
          ),
        ),
    );
    return said;
  }
  const command = (name: string, ...more: unknown[]) =>
    vscode.commands.executeCommand(`sandboxedIPython.${name}`, ...more);
  const volumeOf = async (one: OpenNotebook): Promise<string> => {
    const { Mounts } =
      (await engine<{ Mounts: { Name: string }[] }>('GET', `/containers/${await containerOf(one)}/json`)) ??
      assert.fail();
    const volume = Mounts[0]?.Name ?? '';
    assert.match(volume, /^sandboxed-ipython-libraries-/);
    return volume;
  };
  const isRemoved = async (volume: string): Promise<void> => {
    const names = async () =>
      (await engine<{ Volumes: { Name: string }[] | null }>('GET', '/volumes'))?.Volumes?.map(({ Name }) => Name) ?? [];
    for (const end = Date.now() + 15_000; (await names()).includes(volume);) {
      assert.ok(Date.now() < end, 'the volume is still there');
    }
  };
  const packages = () => vscode.workspace.getConfiguration('sandboxedIPython').get<string[]>('packages');

  it('with a name that VS Code would read as a link are named as text, during the installation and when they are refused', async () => {
    notebook = await OpenNotebook.of('1');
    const titles: (string | undefined)[] = [];
    const progress = (options: vscode.ProgressOptions, work: (...given: unknown[]) => Promise<unknown>) => {
      titles.push(options.title);
      return work({ report: () => undefined }, new vscode.CancellationTokenSource().token);
    };
    const said = await answering({}, () =>
      stub('withProgress', progress, async () => {
        await command('installPackages', notebook.document.uri, ['[press](command:workbench.view.search)', '$(zap)']);
      }),
    );
    assert.deepEqual(titles.slice(0, 1), ['Installing [press]\u2060(command:workbench.view.search), $\u2060(zap)']);
    assert.match(said.at(-1) ?? '', /^"\[press\]\u2060\(command:workbench\.view\.search\)" cannot be installed\./);
  });

  it('are installed by %pip in a cell, can be imported at once, survive a restart and a reset, and are removed with the notebook', async () => {
    notebook = await OpenNotebook.of(
      '%pip install six\nimport six; print("version", six.__version__)',
      'import six; six.__name__',
      '%pip install no-such-package-of-sandboxed-ipython',
      '%pip list',
    );
    await notebook.run(0);
    assert.match(notebook.text(0), /Collecting six[^]*Successfully installed six-[\d.]+\nversion 1/);
    await command('restartKernel');
    await notebook.run(1);
    assert.equal(notebook.text(1), "'six'");
    const before = await containerOf(notebook);
    await set('pids', 300);
    await command('resetSandboxState');
    await notebook.run(1);
    assert.equal(notebook.text(1), "'six'");
    assert.notEqual(await containerOf(notebook), before);
    await notebook.run(2);
    assert.match(
      notebook.text(2),
      /InstallFailed: The packages could not be installed\. Reason: .*No matching distribution found for no-such-package-of-sandboxed-ipython/,
    );
    assert.equal(notebook.success(2), false);
    await notebook.run(3);
    assert.match(notebook.text(3), /six +1/);
    const volume = await volumeOf(notebook);
    await notebook.close();
    await isRemoved(volume);
    notebook = await OpenNotebook.of('1');
  });

  it('are removed with their notebook even if somebody has removed its sandbox', async () => {
    notebook = await OpenNotebook.of('1');
    await notebook.run(0);
    const [container, volume] = [await containerOf(notebook), await volumeOf(notebook)];
    const told: string[] = [];
    await stub(
      'showWarningMessage',
      (text: string) => {
        told.push(text);
        return Promise.resolve(undefined);
      },
      async () => {
        await engine('DELETE', `/containers/${container}?force=true`);
        await until('the end is told', () => told.length > 0);
      },
    );
    await notebook.close();
    await isRemoved(volume);
    notebook = await OpenNotebook.of('1');
  });

  it('are installed by the command, which starts the sandbox, and "Add to Image" adds them to the setting', async () => {
    notebook = await OpenNotebook.of(
      'import toolz; toolz.__name__',
      'import importlib.util as u; [u.find_spec(n) is not None for n in ("toolz", "six")]',
    );
    const steps: string[] = [];
    const titles: (string | undefined)[] = [];
    const watched = (
      options: vscode.ProgressOptions,
      task: (progress: vscode.Progress<{ message?: string }>, token: vscode.CancellationToken) => Thenable<void>,
    ) => {
      titles.push(options.title);
      return task(
        {
          report: ({ message = '' }) => {
            steps.push(message);
          },
        },
        new vscode.CancellationTokenSource().token,
      );
    };
    let said = await stub('withProgress', watched, () =>
      answering({ input: 'toolz, six' }, () => command('installPackages')),
    );
    assert.ok(titles.includes('Installing toolz, six'), titles.join());
    for (const step of [
      /^Collecting toolz/,
      /^Downloading six-[\d.]+/,
      /^Installing collected packages \(2, [\d.]+ MB\)$/,
      /^Successfully installed$/,
    ]) {
      assert.ok(
        steps.some((one) => step.test(one)),
        steps.join('\n'),
      );
    }
    assert.match(said.join('\n'), /toolz, six is installed and can be imported\./);
    await notebook.run(0);
    assert.equal(notebook.text(0), "'toolz'");
    said = await answering({ button: 'Reset Sandbox State', unpick: 'six' }, () => command('addToImage'));
    assert.match(said.join('\n'), /The image is rebuilt for the next sandbox/);
    assert.deepEqual(packages(), ['toolz']);
    const told = await answering({}, () => notebook.run(1));
    assert.equal(notebook.text(1), '[True, False]');
    assert.match(told.join('\n'), /the new sandbox has another image and lacks six\./);
  });

  it("that cannot be installed are reported with pip's reason, and invalid names are refused", async () => {
    notebook = await OpenNotebook.of('1');
    let said = await answering({ input: 'no-such-package-of-sandboxed-ipython' }, () => command('installPackages'));
    assert.match(said.join('\n'), /No matching distribution found for no-such-package-of-sandboxed-ipython/);
    said = await answering({}, () => command('installPackages', notebook.document.uri, ['--pre']));
    assert.match(said.join('\n'), /"--pre" cannot be installed/);
    said = await answering({}, () => command('addToImage'));
    assert.match(said.join('\n'), /Nothing was installed in the sandbox of this notebook/);
  });

  it('of an interrupted installation are not there, and the notebook can be used further', async () => {
    notebook = await OpenNotebook.of('%pip install scipy', '"next"');
    notebook.start(0, 1);
    await until('pip is at it', () => notebook.text(0).includes('Collecting'));
    await vscode.commands.executeCommand('notebook.cancelExecution', {
      ranges: [{ start: 0, end: 1 }],
      document: notebook.document.uri,
    });
    await notebook.ended(0);
    assert.match(notebook.text(0), /KeyboardInterrupt/);
    await notebook.run(1);
    assert.equal(notebook.text(1), "'next'");
  });
});
