import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { silentLog } from '../../../src/log';
import { readNetwork } from '../../../src/notebook/network-settings';
import { ProxyPassword } from '../../../src/notebook/proxy-password';
import { set, stub, until } from './support';

const WITHOUT = 'http://anna@proxy.example:3128';
const WITH = 'http://anna:settings-secret@proxy.example:3128';

/** Replaces VS Code's secret storage by one in memory. */
class Secrets {
  readonly kept = new Map<string, string>();
  failure: Error | undefined;
  get(key: string) {
    return this.failure === undefined ? Promise.resolve(this.kept.get(key)) : Promise.reject(this.failure);
  }
  store(key: string, value: string) {
    if (this.failure !== undefined) {
      return Promise.reject(this.failure);
    }
    this.kept.set(key, value);
    return Promise.resolve();
  }
  delete(key: string) {
    this.kept.delete(key);
    return Promise.resolve();
  }
}

describe('the password of the proxy', () => {
  let secrets: Secrets;
  let password: ProxyPassword;
  let said: string[];
  const state = new Map<string, unknown>();

  beforeEach(() => {
    secrets = new Secrets();
    said = [];
    state.clear();
    password = new ProxyPassword(
      secrets,
      {
        get: <T>(key: string) => state.get(key) as T,
        update: (key: string, value: unknown) => {
          state.set(key, value);
          return Promise.resolve();
        },
      },
      silentLog,
    );
  });
  afterEach(() => set('proxy', undefined));

  const inSettings = (): unknown => vscode.workspace.getConfiguration('sandboxedIPython').inspect('proxy')?.globalValue;
  /** Does `work` while the box gets this answer and this button is pressed on messages. */
  async function answering<T>(
    { typed, button }: { typed?: string; button?: string },
    work: () => Promise<T>,
  ): Promise<T> {
    const message = (text: string, ...buttons: unknown[]): Promise<unknown> => {
      said.push(text);
      return Promise.resolve(buttons.find((one) => one === button));
    };
    const box = (options: vscode.InputBoxOptions): Promise<string | undefined> => {
      assert.equal(options.password, true);
      return Promise.resolve(typed);
    };
    return stub('showInformationMessage', message, () =>
      stub('showWarningMessage', message, () =>
        stub('showErrorMessage', message, () => stub('showInputBox', box, work)),
      ),
    );
  }

  it('is stored by the command for this user at this proxy only, and removed by an empty answer', async () => {
    await set('proxy', WITHOUT);
    await answering({ typed: 'kept:secret' }, () => password.ask());
    assert.equal(inSettings(), WITHOUT);
    assert.equal(await password.complete(WITHOUT), 'http://anna:kept%3Asecret@proxy.example:3128');
    for (const other of [
      'http://anna@elsewhere.example:3128',
      'http://berta@proxy.example:3128',
      'https://anna@proxy.example:3128',
      'http://proxy.example:3128',
      'none',
      '',
    ]) {
      assert.equal(await password.complete(other), other);
    }
    await answering({}, () => password.ask()); // the box is closed without an answer
    assert.equal(secrets.kept.size, 1);
    await answering({ typed: '' }, () => password.ask());
    assert.deepEqual([secrets.kept.size, await password.complete(WITHOUT)], [0, WITHOUT]);
    assert.ok(!said.join().includes('secret@') && !said.join().includes('kept:secret'), said.join());
  });

  it('is part of the proxy that pip gets', async () => {
    await set('proxy', WITHOUT);
    await answering({ typed: 'kept:secret' }, () => password.ask());
    const { proxies } = await readNetwork(password, silentLog);
    for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'https_proxy']) {
      assert.equal(proxies[name], 'http://anna:kept%3Asecret@proxy.example:3128');
    }
  });

  it('needs a setting that names a user', async () => {
    await set('proxy', 'http://proxy.example:3128');
    await answering({ typed: 'kept:secret' }, () => password.ask());
    assert.match(said.join(), /^First name the proxy and your user name/);
    assert.equal(secrets.kept.size, 0);
  });

  it('works in the setting, and is moved if the user agrees, who is asked only once', async () => {
    await set('proxy', WITH);
    await answering({ button: 'Keep' }, () => password.complete(WITH));
    assert.equal(await answering({ button: 'Move' }, () => password.complete(WITH)), WITH);
    assert.deepEqual([said.length, inSettings(), secrets.kept.size], [1, WITH, 0]);
    state.clear();
    await answering({ button: 'Move' }, async () => {
      assert.equal(await password.complete(WITH), WITH);
      await until('the setting has no password', () => inSettings() === WITHOUT);
      await until('it is said', () => said.some((text) => /no longer in the setting/.test(text)));
    });
    assert.equal(await password.complete(WITHOUT), WITH);
    assert.ok(!said.join().includes('settings-secret'));
  });

  it('stays in the setting if the secret storage fails, and the user is told what to do', async () => {
    await set('proxy', WITH);
    secrets.failure = new Error('no keyring for settings-secret');
    await answering({}, () => password.ask());
    assert.equal(inSettings(), WITH);
    assert.match(
      said.join(),
      /secret storage could not keep the password: no keyring for \*\*\*\..*Set Proxy Password/,
    );
  });

  it('is reported once if it cannot be read, and the proxy is used without it', async () => {
    await set('proxy', WITHOUT);
    await answering({ typed: 'kept:secret' }, () => password.ask());
    said = [];
    secrets.failure = new Error('no keyring');
    for (let times = 0; times < 2; times += 1) {
      assert.equal(await answering({}, () => password.complete(WITHOUT)), WITHOUT);
    }
    assert.equal(said.length, 1);
    assert.match(said.join(), /cannot be read from VS Code's secret storage: no keyring\./);
  });

  it('is stored by the real secret storage of this VS Code', async () => {
    await set('proxy', WITHOUT);
    await answering({ typed: 'kept:secret' }, async () => {
      await vscode.commands.executeCommand('sandboxedIPython.setProxyPassword');
    });
    assert.match(said.join(), /The next installation sends this password to http:\/\/anna@proxy\.example:3128/);
    await answering({ typed: '' }, async () => {
      await vscode.commands.executeCommand('sandboxedIPython.setProxyPassword');
    });
    assert.match(said.at(-1) ?? '', /The proxy password was removed/);
  });
});
