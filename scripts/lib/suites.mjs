/**
 * The test suites, in the order in which they run. Each is a command whose last line on stdout is
 * `N passed, N failed, N skipped`; what it needs is made ready before, and its deadline ends it.
 *
 * @typedef {'engine' | 'bookworm' | 'all bases' | 'python' | 'networks' | 'podman' | 'code-server' | 'browser' | 'vsix'} Need
 * @typedef {{ args: readonly string[], needs: readonly Need[], minutes: number, beside?: string }} Suite `args` for Node;
 *   `beside`: runs at the same time as that suite, if both run: each mostly waits, together they keep two processors busy.
 */

/**
 * Mocha over `test/<name>/`, outside VS Code.
 * @param {string} name
 * @param {number} seconds for one test
 * @param {readonly string[]} more files of other folders, as `session/engine`
 */
const mocha = (name, seconds, more = []) => ['--enable-source-maps', 'scripts/lib/run-mocha.mjs', name, String(seconds), ...more];

/** @type {readonly Need[]} */
const WINDOW = ['engine', 'bookworm', 'code-server', 'browser', 'vsix'];

/** @type {Readonly<Record<string, Suite>>} */
export const SUITES = {
  unit: { args: mocha('unit', 10), needs: [], minutes: 3 },
  session: { args: mocha('session', 60), needs: ['engine', 'bookworm'], minutes: 20, beside: 'runner' },
  podman: {
    args: mocha('podman', 60, ['attach', 'badInput', 'comms', 'deaths', 'endpoints', 'engine', 'files', 'hardening', 'libraries', 'session', 'sessionSettings'].map((name) => `session/${name}`)),
    needs: ['podman', 'networks'],
    minutes: 15,
    beside: 'runner',
  },
  runner: { args: ['test/runner/run.mjs'], needs: ['engine', 'all bases', 'python'], minutes: 20 },
  silent: { args: mocha('silent', 240), needs: ['engine', 'bookworm'], minutes: 10 }, // wants the engine for itself
  extension: {
    args: ['--enable-source-maps', 'out/test/extension/launch.js'],
    needs: ['engine', 'bookworm', 'code-server', 'browser', 'python', 'vsix'], // the VSIX for the bundle that goes into it
    minutes: 15,
  },
  conformance: { args: mocha('conformance', 300), needs: ['engine', 'bookworm'], minutes: 15, beside: 'extension' },
  faults: { args: mocha('faults', 240), needs: ['engine', 'bookworm'], minutes: 15, beside: 'extension' }, // on an engine of its own
  window: { args: mocha('window', 180), needs: WINDOW, minutes: 12 },
  arrival: { args: mocha('arrival', 180), needs: WINDOW, minutes: 12, beside: 'window' }, // each on a server of its own
};
