import * as vscode from 'vscode';
import { proxyAccount, shownProxy, withPassword, type ProxyAccount } from '../engine/image/proxy';
import { redact } from '../engine/redact';
import type { Log } from '../log';
import { within } from '../session/time';
import { askForSecret } from '../ui/inputs';
import { showError, showInformation, showWarning } from '../ui/messages';
import { SECTION } from './configuration';

/** Key in VS Code's secret storage. The value is the JSON of a {@link StoredPassword}. */
const SECRET_KEY = 'proxyPassword';
/**
 * Key in VS Code's global state. It is set once the user was asked whether to move the password out of the settings.
 */
const OFFERED_KEY = 'proxyPasswordOffered';
/** Milliseconds to wait for the keyring, which may be asking the user to unlock it. */
const KEYRING_TIMEOUT_MS = 15_000;

/** The password of one user at one proxy. If the setting names another address, the password is not sent there. */
interface StoredPassword {
  address: string;
  password: string;
}

type Secrets = Pick<vscode.SecretStorage, 'get' | 'store' | 'delete'>;

/**
 * Keeps the password of the proxy in the setting `proxy`. It belongs into VS Code's secret storage, not into a
 * settings file.
 */
export class ProxyPassword {
  #isFailureReported = false;

  constructor(
    private readonly secrets: Secrets,
    private readonly state: Pick<vscode.Memento, 'get' | 'update'>,
    private readonly log: Log,
  ) {}

  /**
   * Returns the value of the setting with the stored password added. Never rejects: without its password, the proxy
   * itself reports an error.
   */
  async complete(proxy: string): Promise<string> {
    const account = proxyAccount(proxy);
    if (account === undefined || account.user === '') {
      return proxy;
    }
    if (account.password !== '') {
      this.#offerOnce().catch((error: unknown) =>
        this.log.error(`the proxy's password was not moved: ${redact(String(error))}`),
      );
      return proxy;
    }
    const kept = await this.#read();
    return kept?.address === account.address ? withPassword(account, kept.password) : proxy;
  }

  /** Asks the user for the password. A password in the setting is moved into the secret storage instead. */
  async ask(): Promise<void> {
    const account = proxyAccount(setting());
    if (account === undefined || account.user === '') {
      const open = vscode.l10n.t('Open Settings');
      const text = vscode.l10n.t(
        'First name the proxy and your user name in the setting {0}, such as http://user@proxy.example:3128.',
        `${SECTION}.proxy`,
      );
      if ((await showInformation(text, open)) === open) {
        await vscode.commands.executeCommand('workbench.action.openSettings', `${SECTION}.proxy`);
      }
      return;
    }
    if (account.password !== '') {
      await this.#move(account);
      return;
    }
    const { address } = account;
    const password = await askForSecret({
      title: vscode.l10n.t('Set Proxy Password'),
      prompt: vscode.l10n.t(
        'Password for {0}. VS Code keeps it in its secret storage. Leave the box empty to remove the stored password.',
        address,
      ),
    });
    if (password === undefined) {
      return;
    }
    if (!(await this.#store(password === '' ? undefined : { address, password }))) {
      return;
    }
    void showInformation(
      password === ''
        ? vscode.l10n.t('The proxy password was removed.')
        : vscode.l10n.t('The next installation sends this password to {0}.', address),
    );
  }

  async #offerOnce(): Promise<void> {
    if (this.state.get(OFFERED_KEY) === true) {
      return;
    }
    await this.state.update(OFFERED_KEY, true);
    const move = vscode.l10n.t('Move');
    const text = vscode.l10n.t(
      "The setting {0} has the password of your proxy in plain text. Move it into VS Code's secret storage?",
      `${SECTION}.proxy`,
    );
    if ((await showInformation(text, move, vscode.l10n.t('Keep'))) !== move) {
      return;
    }
    const account = proxyAccount(setting());
    if (account !== undefined && account.password !== '') {
      await this.#move(account);
    }
  }

  /** Removes the password from the setting, but only after it was stored. */
  async #move({ address, password }: ProxyAccount): Promise<void> {
    if (!(await this.#store({ address, password }))) {
      return;
    }
    try {
      await vscode.workspace.getConfiguration(SECTION).update('proxy', address, vscode.ConfigurationTarget.Global);
    } catch (error) {
      this.log.error(`the setting proxy was not changed: ${redact(String(error))}`);
    }
    if (proxyAccount(setting())?.password === '') {
      void showInformation(
        vscode.l10n.t(
          "The password is in VS Code's secret storage now, and no longer in the setting {0}.",
          `${SECTION}.proxy`,
        ),
      );
    } else {
      void showError(
        vscode.l10n.t(
          "The password is in VS Code's secret storage now, but the setting {0} could not be changed. Remove the password there by hand.",
          `${SECTION}.proxy`,
        ),
      );
    }
  }

  /** @returns whether the password was stored; if not, the user has been told */
  async #store(kept: StoredPassword | undefined): Promise<boolean> {
    try {
      await withinTimeout(
        kept === undefined ? this.secrets.delete(SECRET_KEY) : this.secrets.store(SECRET_KEY, JSON.stringify(kept)),
      );
      return true;
    } catch (error) {
      this.log.error(`the secret storage failed: ${redact(String(error))}`);
      void showError(
        vscode.l10n.t(
          "VS Code's secret storage could not keep the password: {0}. {1}",
          redact(reasonOf(error)),
          keyringHint(),
        ),
      );
      return false;
    }
  }

  async #read(): Promise<StoredPassword | undefined> {
    try {
      return parse(await withinTimeout(this.secrets.get(SECRET_KEY)));
    } catch (error) {
      this.log.warn(`the secret storage failed: ${redact(String(error))}`);
      if (!this.#isFailureReported) {
        this.#isFailureReported = true;
        void showWarning(
          vscode.l10n.t(
            "The password of the proxy {0} cannot be read from VS Code's secret storage: {1}. {2}",
            shownProxy(setting()),
            redact(reasonOf(error)),
            keyringHint(),
          ),
        );
      }
      return undefined;
    }
  }
}

/** Only the user's own value counts, because a workspace must not choose where a password is sent. */
function setting(): string {
  const value = vscode.workspace.getConfiguration(SECTION).inspect<unknown>('proxy')?.globalValue;
  return typeof value === 'string' ? value : '';
}

async function withinTimeout<T>(work: Thenable<T>): Promise<T> {
  const answer = await within(
    Promise.resolve(work).then((value) => ({ value })),
    KEYRING_TIMEOUT_MS,
    undefined,
  );
  if (answer === undefined) {
    throw new Error(`no answer within ${KEYRING_TIMEOUT_MS / 1000} s`);
  }
  return answer.value;
}

/** @throws Error if the value was not stored by {@link ProxyPassword} */
function parse(stored: string | undefined): StoredPassword | undefined {
  if (stored === undefined) {
    return undefined;
  }
  const { address, password } = (JSON.parse(stored) ?? {}) as Partial<Record<keyof StoredPassword, unknown>>;
  if (typeof address !== 'string' || typeof password !== 'string') {
    throw new Error('it is not what was stored');
  }
  return { address, password };
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const keyringHint = (): string =>
  process.platform === 'linux'
    ? vscode.l10n.t(
        'Unlock or install a keyring (such as gnome-keyring or KWallet), then run "Sandboxed IPython: Set Proxy Password…".',
      )
    : vscode.l10n.t('Unlock the keychain of your account, then run "Sandboxed IPython: Set Proxy Password…".');
