import { readFile } from 'node:fs/promises';
import { silentLog } from '../../log';

type Environment = Readonly<Record<string, string | undefined>>;

/** Files of additional certificate authorities, as pip, requests, OpenSSL and Node have them named, the most telling first. */
export const certificateFiles = (env: Environment): string[] =>
  ['PIP_CERT', 'REQUESTS_CA_BUNDLE', 'SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS'].flatMap((name) => env[name] || []);

/** PEM text of the first of them that can be read, for `ImageRequest.caBundle`; undefined = none. */
export async function machineCertificates(env: Environment, log = silentLog): Promise<string | undefined> {
  for (const file of certificateFiles(env)) {
    try {
      return await readFile(file, 'utf8');
    } catch { // the next one may be there
      log.warn(`a file of certificate authorities that the environment names cannot be read: ${file}`);
    }
  }
  return undefined;
}

const PROXY_NAMES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'];

/** The machine's proxies, in both spellings that programs read. */
export function proxyEnvironment(env: Environment): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of PROXY_NAMES) {
    const value = env[name.toLowerCase()] ?? env[name];
    if (value) Object.assign(found, { [name]: value, [name.toLowerCase()]: value });
  }
  return found;
}
