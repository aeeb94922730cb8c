import type { EntryKind } from './host-files';
import type { Excluded, Missing } from './left-out';
import { MAX_NAME_BYTES, MAX_PATH_BYTES } from './bounds';

/**
 * Names of files that hold keys, passwords and tokens. The patterns are broad on purpose: the log names a file that is left out, but a
 * secret that was copied cannot be taken back.
 */
const KEYS: readonly RegExp[] = [
  /\.(pem|key|p8|p12|pfx|pkcs12|der|jks|keystore|keytab|keyring|ppk|kdbx?|gpg|pgp|ovpn|agekey|tfstate|tfvars|kubeconfig)(\.(bak|backup|old|enc))?$/,
  /\.env(\..*)?$/,
  /^id_(rsa|dsa|ecdsa|ed25519)/,
  /^_netrc$/,
  /^\.?htpasswd$/,
  /^kubeconfig/,
  /^wallet\.dat$/,
  /^(.*[-_.])?credentials?([-_.].*)?\.(json|ya?ml|toml|ini|cfg|conf|csv|txt|xml)$/,
  /^credentials$/,
  /^(.*[-_.])?(client[-_]?secrets?|service[-_]?account|secrets?)([-_.].*)?\.(json|ya?ml|toml|ini|cfg|conf|txt|xml)$/,
  /^secrets?$/,
  /^(.*[-_.])?(access|api|auth|refresh)[-_]?(tokens?|keys?)\.(json|ya?ml|toml|ini|txt)$/,
  /^token\.(json|pickle|txt)$/,
  /^kaggle\.json$/,
];
/** Folders that tools generate. */
const GENERATED = new Set([
  'node_modules',
  '__pycache__',
  '__pypackages__',
  'site-packages',
  'bower_components',
  '$recycle.bin',
  'system volume information',
]);
/** A folder with one of these entries is a Python environment, whatever its name is. */
const ENVIRONMENT = new Set(['pyvenv.cfg', 'conda-meta']);

/** Why an entry with this name is never copied into a sandbox; undefined if it may be. */
export function excludedBy(name: string, kind: EntryKind): Excluded | undefined {
  const lower = name.toLowerCase();
  if (name.startsWith('.')) {
    return 'hidden';
  }
  if (kind === 'link' || kind === 'special') {
    return kind;
  }
  if (kind === 'folder' && GENERATED.has(lower)) {
    return 'generated';
  }
  return KEYS.some((pattern) => pattern.test(lower)) ? 'key' : undefined;
}

export const isEnvironment = (names: readonly string[]): boolean =>
  names.some((name) => ENVIRONMENT.has(name.toLowerCase()));

/** The reason `name` if a sandbox cannot have a file with this path, else undefined. */
export function invalidName(path: string): Missing | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  // Node replaces bytes that are not valid Unicode, and then the file cannot be found by that name
  const isText = !/[\0\uFFFD]|\p{Surrogate}/u.test(name);
  return isText && Buffer.byteLength(name) <= MAX_NAME_BYTES && Buffer.byteLength(path) <= MAX_PATH_BYTES
    ? undefined
    : 'name';
}

/** Bytes that encodings add to a text: byte order marks, and the zeros of UTF-16. */
// eslint-disable-next-line no-control-regex -- UTF-16's own
const MARKS = /^(?:\u00ef\u00bb\u00bf|\u00ff\u00fe|\u00fe\u00ff)|\u0000/g;

/** Whether a file starts as a private key, whatever its name is. */
export const isKey = (start: Buffer): boolean =>
  /^\s*(-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY( BLOCK)?-----|PuTTY-User-Key-File-|AGE-SECRET-KEY-)/.test(
    start.subarray(0, 1_024).toString('latin1').replace(MARKS, ''),
  );
