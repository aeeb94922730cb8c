import { silentLog } from '../../log';
import { SandboxError } from '../../protocol/errors';
import { keepSecret, redact } from '../redact';

type Environment = Readonly<Record<string, string | undefined>>;

/** Value of the setting `proxy` for no proxy, whatever the environment names. */
export const NO_PROXY_AT_ALL = 'none';

/** Settings that may name a proxy, in order of precedence. They come before the environment. '' = not set. */
export interface ProxySettings {
  /** Setting `proxy`. */
  proxy: string;
  /** VS Code's `http.proxy` and `http.noProxy`. */
  editorProxy: string;
  editorNoProxy: readonly string[];
}
const NOTHING_SET: ProxySettings = { proxy: '', editorProxy: '', editorNoProxy: [] };

/**
 * Environment variables that name the proxies for pip, in lower and upper case: from the settings, else from the environment.
 * @throws SandboxError `SettingInvalid` for an invalid setting `proxy`; other invalid sources are skipped with a warning
 */
export function proxyEnvironment(env: Environment, settings = NOTHING_SET, log = silentLog): Record<string, string> {
  const { proxy, editorProxy, editorNoProxy } = settings;
  const usable = (value: string, from: string): string | undefined => {
    const address = value === '' ? undefined : parseProxy(value);
    if (value !== '' && address === undefined) {
      log.warn(`the proxy that ${from} names is left out, as pip cannot use it: ${shownProxy(value)}`);
    }
    return address;
  };
  const named = (name: string): string => env[name.toLowerCase()] ?? env[name] ?? '';
  const variables = (name: string): string | undefined => usable(withScheme(named(name)), name);
  if (proxy.trim() === NO_PROXY_AT_ALL) {
    return {};
  }
  if (proxy.trim() !== '') {
    return spelled({ ...everywhere(checked(proxy)), NO_PROXY: named('NO_PROXY') });
  }
  const editor = usable(editorProxy.trim(), 'http.proxy');
  if (editor !== undefined) {
    return spelled({ ...everywhere(editor), NO_PROXY: editorNoProxy.join(',') || named('NO_PROXY') });
  }
  const pip = variables('PIP_PROXY');
  return spelled({
    ...(pip === undefined
      ? {
          HTTP_PROXY: variables('HTTP_PROXY'),
          HTTPS_PROXY: variables('HTTPS_PROXY'),
          ALL_PROXY: variables('ALL_PROXY'),
        }
      : everywhere(pip)),
    NO_PROXY: named('NO_PROXY'),
  });
}

/** The account with which a proxy is used. */
export interface ProxyAccount {
  /** The proxy with its user and without a password: `http://user@host:3128`. */
  readonly address: string;
  /** Decoded; '' = the address names none. */
  readonly user: string;
  /** Decoded; '' = the address has none. */
  readonly password: string;
}

/** The account of a proxy; undefined if the text is not a proxy. {@link redact} hides its password from now on. */
export function proxyAccount(text: string): ProxyAccount | undefined {
  const value = text.trim();
  keepPassword(value);
  const url = proxyUrl(value);
  if (url === undefined) {
    return undefined;
  }
  const [user, password] = [decoded(url.username), decoded(url.password)];
  url.password = '';
  return { address: url.href.slice(0, -1), user, password };
}

/** The address of an account with a password that is stored elsewhere. */
export function withPassword({ address }: Pick<ProxyAccount, 'address'>, password: string): string {
  keepSecret(password);
  const url = new URL(address);
  url.password = encodeURIComponent(password);
  return url.href.slice(0, -1);
}

/** The address of an HTTP proxy with the special characters of its password encoded; undefined if the text is not an HTTP proxy. */
export function parseProxy(text: string): string | undefined {
  const value = text.trim();
  keepPassword(value);
  const url = proxyUrl(value);
  if (url === undefined) {
    return undefined;
  }
  const [user, password] = [decoded(url.username), decoded(url.password)];
  for (const secret of [url.password || url.username, password || user]) {
    keepSecret(secret);
  }
  // in the form that it has in a request's header
  if (user !== '') {
    keepSecret(Buffer.from(`${user}:${password}`).toString('base64'));
  }
  return url.href.slice(0, -1);
}

function proxyUrl(value: string): URL | undefined {
  if (!/^https?:\/\/\S+$/i.test(value) || !URL.canParse(value)) {
    return undefined;
  }
  const url = new URL(value);
  return url.pathname === '/' && url.search === '' && url.hash === '' ? url : undefined;
}

/** An invalid proxy value for a message, without anything that may be a password. */
export function shownProxy(text: string): string {
  const [, scheme = '', credentials = '', place = ''] =
    /^([a-z][a-z0-9+.-]*:\/\/)?(.*@)?(.*)$/is.exec(text.trim()) ?? [];
  return redact(
    `${scheme}${credentials && '***@'}${/^(?:[\w.-]+|\[[\da-f:]+\])(?::\d+)?\/?$/i.test(place) ? place : '…'}`,
  );
}

function checked(proxy: string): string {
  const address = parseProxy(proxy);
  if (address !== undefined) {
    return address;
  }
  const allowed =
    'http:// or https://, a host and a port, with user@ before the host if needed (special characters as %40), or "none"; the command "Set Proxy Password…" keeps the password';
  throw new SandboxError(
    'SettingInvalid',
    { setting: 'proxy', value: shownProxy(proxy), allowed },
    { setting: 'proxy' },
  );
}

/** Makes {@link redact} hide the password of a value, also if the value is not a valid proxy. */
function keepPassword(value: string): void {
  const password = /^(?:[a-z][a-z0-9+.-]*:\/\/)?[^:@]*:(.*)@/is.exec(value)?.[1] ?? '';
  keepSecret(password);
  keepSecret(decoded(password));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // a % that encodes nothing is meant literally
    return text;
  }
}

const everywhere = (proxy: string): Record<string, string> => ({ HTTP_PROXY: proxy, HTTPS_PROXY: proxy });
/** Adds the scheme to a proxy without one, such as `proxy.example:3128`, which is common in environments. */
const withScheme = (value: string): string => (value === '' || value.includes('://') ? value : `http://${value}`);
const spelled = (variables: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) =>
      value
        ? [
            [name, value],
            [name.toLowerCase(), value],
          ]
        : [],
    ),
  );
