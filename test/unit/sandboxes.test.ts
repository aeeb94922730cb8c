import assert from 'node:assert/strict';
import type * as vscode from 'vscode';
import { unfailingLog, silentLog } from '../../src/log';
import type { NotebookKernel } from '../../src/notebook/notebook-kernel';
import { Sandboxes } from '../../src/notebook/sandboxes';
import { removeWithRetries } from '../../src/session/life/removal';

describe('the sandboxes of a window that closes', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((name) => ({ name }) as unknown as vscode.NotebookDocument);

  it('are all left at once, and all awaited even if one of them fails', async () => {
    const told: unknown[] = [];
    let left = 0;
    let release!: () => void;
    const slow = new Promise<void>((resolve) => {
      release = resolve;
    });
    const leave = (notebook: vscode.NotebookDocument) => async (): Promise<void> => {
      told.push(notebook);
      if (notebook === a) {
        throw new Error('object is disposed');
      }
      await slow;
      left += 1;
    };
    const sandboxes = new Sandboxes(
      (notebook) => ({ leave: leave(notebook), close: leave(notebook) }) as unknown as NotebookKernel,
    );
    for (const notebook of [a, b, c]) {
      sandboxes.of(notebook as vscode.NotebookDocument);
    }
    const ending = sandboxes.close(c as vscode.NotebookDocument);
    const all = sandboxes.leaveAll();
    assert.deepEqual(told, [c, a, b]);
    await Promise.resolve();
    release();
    assert.deepEqual([(await all).map(String), left], [['Error: object is disposed'], 2]);
    await ending;
  });
});

describe('a log whose channel is closed', () => {
  const closed = (): never => {
    throw new Error('Channel has been closed');
  };
  const log = unfailingLog({ trace: closed, debug: closed, info: closed, warn: closed, error: closed });

  it('loses its lines and throws nothing', () => {
    for (const level of Object.keys(silentLog) as (keyof typeof silentLog)[]) {
      log[level]('a line');
    }
  });

  it('does not stop retries', async () => {
    let tries = 0;
    await removeWithRetries(
      'a container',
      () => {
        tries += 1;
        return tries < 3 ? Promise.reject(new Error('not yet')) : Promise.resolve();
      },
      log,
      { awaited: [1, 1, 1], later: [] },
    );
    assert.equal(tries, 3);
  });
});
