import type { EntryKind } from './host-files';
import type { Excluded, Missing } from './left-out';
import { MAX_NAME_BYTES, MAX_PATH_BYTES } from './bounds';

/** Names of files that hold keys, passwords and tokens. Wide on purpose: a file that is missed is told by the log, one that got in cannot be called back. */
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
/** Folders that tools make and make again. */
const GENERATED = new Set([
  'node_modules',
  '__pycache__',
  '__pypackages__',
  'site-packages',
  'bower_components',
  '$recycle.bin',
  'system volume information',
]);
/** A folder that has one of these is an environment of Python's, under whatever name. */
const ENVIRONMENT = new Set(['pyvenv.cfg', 'conda-meta']);

/** Why something with this name never comes into a sandbox. */
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

/** Why a sandbox cannot have a file of this path. */
export function invalidName(path: string): Missing | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  // a name that is no Unicode comes with replacement characters, and is not found by them
  const isText = !/[\0\uFFFD]|\p{Surrogate}/u.test(name);
  return isText && Buffer.byteLength(name) <= MAX_NAME_BYTES && Buffer.byteLength(path) <= MAX_PATH_BYTES
    ? undefined
    : 'name';
}

/** What editors put before or between the letters of a text: byte order marks, and the zeros of UTF-16. */
// eslint-disable-next-line no-control-regex -- UTF-16's own
const MARKS = /^(?:\u00ef\u00bb\u00bf|\u00ff\u00fe|\u00fe\u00ff)|\u0000/g;

/** A private key says so in its first line, whatever it is called. */
export const isKey = (start: Buffer): boolean =>
  /^\s*(-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY( BLOCK)?-----|PuTTY-User-Key-File-|AGE-SECRET-KEY-)/.test(
    start.subarray(0, 1_024).toString('latin1').replace(MARKS, ''),
  );
