import { silentLog } from '../../log';
import { SandboxError } from '../../protocol/errors';
import { readSmallFile } from '../small-file';

/** All public certificate authorities together have 300 KB. */
const MAX_BUNDLE_BYTES = 16 * 1024 * 1024;

type Environment = Readonly<Record<string, string | undefined>>;

/** Files of additional certificate authorities, from the variables of pip, requests, OpenSSL and Node, the most specific first. */
export const certificateFiles = (env: Environment): string[] =>
  ['PIP_CERT', 'REQUESTS_CA_BUNDLE', 'SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS'].flatMap((name) => env[name] || []);

/** PEM text of the first of these files that can be read; undefined = none. */
export async function machineCertificates(env: Environment, log = silentLog): Promise<string | undefined> {
  for (const file of certificateFiles(env)) {
    try {
      return await readCertificates(file);
    } catch {
      // the next file may be readable
      log.warn(`a file of certificate authorities that the environment names cannot be read, or has none: ${file}`);
    }
  }
  return undefined;
}

/**
 * PEM text of the file in the setting `caBundle`.
 * @throws SandboxError `SettingInvalid`
 */
export async function settingsCertificates(file: string): Promise<string> {
  try {
    return await readCertificates(file);
  } catch (cause) {
    throw new SandboxError(
      'SettingInvalid',
      { setting: 'caBundle', value: file, allowed: 'a PEM file that can be read, with at least one certificate' },
      { cause, setting: 'caBundle' },
    );
  }
}

/** Reads a file of certificates. Pip would accept a file without any certificate, and then fail without a clear reason. */
async function readCertificates(file: string): Promise<string> {
  const text = await readSmallFile(file, MAX_BUNDLE_BYTES);
  if (text === undefined) {
    throw new Error('there is no such file');
  }
  if (!/-----BEGIN (TRUSTED )?CERTIFICATE-----/.test(text)) {
    throw new Error('there is no certificate in it');
  }
  return text;
}
