import { silentLog } from '../../log';
import { machineCertificates, settingsCertificates } from './certificates';
import { proxyEnvironment, type ProxySettings } from './proxy';

/**
 * How a container that installs gets to the package index: what this computer lends to pip for as long as it runs. It goes into the
 * environment of that one process and a tmpfs, never into a container's `Env`, a label, an image, a sandbox or a log.
 */
export interface InstallNetwork {
  /** Proxies as variables, credentials included. */
  readonly proxies: Readonly<Record<string, string>>;
  /** PEM text of certificate authorities beside those that pip brings; undefined = none. */
  readonly certificates: string | undefined;
}

export interface NetworkSettings extends ProxySettings {
  /** Setting `caBundle`; empty = the environment's. */
  caBundle: string;
}

/**
 * What settings and environment say of the network, read anew for every start.
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

/** A tmpfs that every container has: nothing in it is ever committed. */
export const LENT_FOLDER = '/dev/shm/sandboxed-ipython';
const CA_FILE = `${LENT_FOLDER}/ca.pem`;

/** Python for the container, run by the pip that will read it: makes the folder, and from the authorities on stdin the file. */
export const LEND = `
import os, sys
os.makedirs("${LENT_FOLDER}", 0o700, exist_ok=True)
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

/** What {@link LEND} reads. */
export const lentInput = ({ certificates }: InstallNetwork): Buffer[] =>
  certificates ? [Buffer.from(certificates)] : [];

/** Environment of the one process that is pip. */
export const pipNetwork = ({ proxies, certificates }: InstallNetwork): Record<string, string> => ({
  ...proxies,
  ...(certificates ? { PIP_CERT: CA_FILE, SSL_CERT_FILE: CA_FILE } : {}),
});
