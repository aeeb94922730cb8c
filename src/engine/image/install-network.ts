import { silentLog } from '../../log';
import { machineCertificates, settingsCertificates } from './certificates';
import { proxyEnvironment, type ProxySettings } from './proxy';

/**
 * The proxies and certificates with which a container reaches the package index. They are put only into the environment of the pip process
 * and into a tmpfs, never into a container's `Env`, a label, an image, a sandbox or a log.
 */
export interface InstallNetwork {
  /** Environment variables for the proxies, including credentials. */
  readonly proxies: Readonly<Record<string, string>>;
  /** PEM text of certificate authorities in addition to those of pip; undefined = none. */
  readonly certificates: string | undefined;
}

export interface NetworkSettings extends ProxySettings {
  /** Setting `caBundle`; '' = use the files in the environment. */
  caBundle: string;
}

/**
 * Reads the network configuration from settings and environment. It is read again for every start.
 * @throws SandboxError `SettingInvalid` for `proxy` or `caBundle`
 */
export async function installNetwork(
  env: Readonly<Record<string, string | undefined>>,
  settings?: NetworkSettings,
  log = silentLog,
): Promise<InstallNetwork> {
  return {
    proxies: proxyEnvironment(env, settings, log),
    certificates: settings?.caBundle
      ? await settingsCertificates(settings.caBundle)
      : await machineCertificates(env, log),
  };
}

/** A folder on a tmpfs that every container has. Nothing in it is ever committed to an image. */
export const PIP_FILES_FOLDER = '/dev/shm/sandboxed-ipython';
const CA_FILE = `${PIP_FILES_FOLDER}/ca.pem`;

/** Python program that creates the folder and writes the certificate authorities from stdin, together with pip's own, to the file. */
export const WRITE_CERTIFICATES = `
import os, sys
os.makedirs("${PIP_FILES_FOLDER}", 0o700, exist_ok=True)
certificates = sys.stdin.buffer.read()
if certificates:
    try:
        from pip._vendor import certifi
        with open(certifi.where(), "rb") as file:
            certificates += b"\\n" + file.read()
    except (ImportError, OSError):
        pass
    with open("${CA_FILE}", "wb") as file:
        file.write(certificates)
`;

/** The input of {@link WRITE_CERTIFICATES}. */
export const certificatesInput = ({ certificates }: InstallNetwork): Buffer[] =>
  certificates ? [Buffer.from(certificates)] : [];

/** Environment variables for the pip process. */
export const pipEnvironment = ({ proxies, certificates }: InstallNetwork): Record<string, string> => ({
  ...proxies,
  ...(certificates ? { PIP_CERT: CA_FILE, SSL_CERT_FILE: CA_FILE } : {}),
});
