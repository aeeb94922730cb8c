import { SUITES as BASES } from './base-images.mjs';

/**
 * The test suites. Each is a command whose last line on stdout is `N passed, N failed, N skipped`. Its needs are
 * prepared before it runs, and it is ended at its deadline.
 *
 * @typedef {import('./base-images.mjs').Suite} Base
 * @typedef {'engine' | Base | 'python' | 'networks' | 'podman' | 'code-server' | 'browser' | 'vsix'} Need
 * @typedef {{ args: readonly string[], needs: readonly Need[], minutes: number }} Suite `args` for Node
 */

/**
 * Mocha over `test/<name>/`, outside VS Code.
 * @param {string} name
 * @param {number} seconds for one test
 * @param {readonly string[]} more files of other folders, as `session/engine`
 */
const mocha = (name, seconds, more = []) => [
  '--enable-source-maps',
  'scripts/lib/run-mocha.mjs',
  name,
  String(seconds),
  ...more,
];

/**
 * The runner's tests in the image that is derived from a base.
 * @param {Base} base
 * @param {string} marks of pytest; empty: all tests
 * @returns {Suite}
 */
const runner = (base, marks) => ({
  args: ['test/runner/run.mjs', BASES[base].python, marks],
  needs: ['engine', base, 'python'],
  minutes: 30,
});

/** @type {readonly Need[]} */
const WINDOW = ['engine', 'bookworm', 'code-server', 'browser', 'vsix'];

/** @type {Readonly<Record<string, Suite>>} */
export const SUITES = {
  unit: { args: mocha('unit', 10), needs: [], minutes: 8 },
  session: { args: mocha('session', 60), needs: ['engine', 'bookworm'], minutes: 30 },
  podman: {
    args: mocha(
      'podman',
      60,
      [
        'attach',
        'badInput',
        'comms',
        'deaths',
        'endpoints',
        'engine',
        'files',
        'hardening',
        'libraries',
        'session',
        'sessionSettings',
      ].map((name) => `session/${name}`),
    ),
    needs: ['podman', 'networks'],
    minutes: 20,
  },
  // The Python of a base limits the IPython versions: 3.9 has 8 at most, 3.14 needs 9 at least.
  'runner-3.9': runner('bullseye', 'not alone'),
  'runner-3.11': runner('bookworm', 'smoke'),
  'runner-3.13': runner('trixie', 'smoke'),
  'runner-3.14': runner('forky', 'not alone'),
  'runner-alone': runner('forky', 'alone'),
  silent: { args: mocha('silent', 240), needs: ['engine', 'bookworm'], minutes: 10 },
  faults: { args: mocha('faults', 240), needs: ['engine', 'bookworm'], minutes: 15 },
  extension: {
    args: ['--enable-source-maps', 'out/test/extension/launch.js'],
    needs: ['engine', 'bookworm', 'code-server', 'browser', 'python', 'vsix'], // needed for the bundle in it
    minutes: 25,
  },
  conformance: { args: mocha('conformance', 300), needs: ['engine', 'bookworm'], minutes: 15 },
  window: { args: mocha('window', 180), needs: WINDOW, minutes: 18 },
  arrival: { args: mocha('arrival', 180), needs: WINDOW, minutes: 18 },
};

/**
 * The order of the suites: phases run one after the other; the lanes of a phase run at the same time; the suites of a
 * lane run in turn. More lanes would slow each other down on two processors, and fewer would leave the processors idle,
 * because most suites mostly wait. Suites of the same phase share the machine's engine, except `podman` and `faults`,
 * which have their own; `silent` needs the machine's engine for itself, and `runner-alone` needs the whole machine.
 */
export const PHASES = [
  [['unit']],
  [['session'], ['runner-3.14', 'runner-3.13'], ['runner-3.9', 'runner-3.11']],
  [['runner-alone']],
  [['silent'], ['faults']],
  [['extension'], ['conformance', 'arrival']],
  [['window'], ['podman']],
];

/**
 * @param {readonly string[]} asked suites, or the first part of their names, as `runner`; none means all
 * @returns {string[][][]} the phases with what is left of them
 */
export function chosenPhases(asked) {
  const isChosen = (name) => asked.length === 0 || asked.some((one) => isCalled(name, one));
  const lanes = (phase) => phase.map((lane) => lane.filter(isChosen)).filter((lane) => lane.length > 0);
  return PHASES.map(lanes).filter((phase) => phase.length > 0);
}

/** Returns the requested names that match no suite. */
export const unknownAmong = (asked) => asked.filter((one) => !Object.keys(SUITES).some((name) => isCalled(name, one)));

const isCalled = (name, asked) => name === asked || name.startsWith(`${asked}-`);
