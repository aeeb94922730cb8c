import { readFile } from 'node:fs/promises';

type Environment = Readonly<Record<string, string | undefined>>;

/** The file of additional certificate authorities that this machine's environment names; undefined = none. */
export const certificateFile = (env: Environment): string | undefined =>
  [env['PIP_CERT'], env['SSL_CERT_FILE'], env['NODE_EXTRA_CA_CERTS'], env['REQUESTS_CA_BUNDLE']].find((file) => file !== undefined && file !== '');

/** Its PEM text, for `ImageRequest.caBundle`; undefined if none is named or it cannot be read. */
export async function machineCertificates(env: Environment): Promise<string | undefined> {
  const file = certificateFile(env);
  if (file === undefined) return undefined;
  try {
    return await readFile(file, 'utf8');
  } catch {
    return undefined;
  }
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
