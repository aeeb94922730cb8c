import path from 'node:path';
import esbuild from 'esbuild';
import { ROOT } from './paths.mjs';

/** Native modules that `ssh2` tries to load but does not need; they cannot be part of a bundle for every platform. */
const OPTIONAL_NATIVE = ['cpu-features', '*.node'];

/** The options of all our bundles for Node 20, including VS Code's. */
const COMMON = /** @satisfies {esbuild.BuildOptions} */ ({
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  target: 'node20',
  logLevel: 'warning',
});

/** The engine's client is a separate file, which is loaded when an engine is first needed. @type {esbuild.Plugin} */
const CLIENT_APART = {
  name: 'client apart',
  setup: ({ onResolve }) => {
    onResolve({ filter: /^dockerode$/ }, () => ({ path: './dockerode.js', external: true }));
  },
};

/** @type {(production: boolean) => esbuild.BuildOptions} */
const shipped = (production) => ({
  ...COMMON,
  outdir: 'dist',
  format: 'cjs',
  external: ['vscode', ...OPTIONAL_NATIVE],
  supported: { 'dynamic-import': false }, // it becomes a `require` at that place
  minify: production,
});

/**
 * Returns the options of the bundle that VS Code loads. The runner's Python files are shipped beside it unchanged.
 * @param {{ production?: boolean }} [options] `production`: small, without a source map
 * @returns {esbuild.BuildOptions}
 */
export const extensionBundle = ({ production = false } = {}) => ({
  ...shipped(production),
  entryPoints: ['src/extension.ts'],
  plugins: [CLIENT_APART],
  sourcemap: production ? false : 'linked',
});

/** The server that agents start. @param {{ production?: boolean }} options */
const buildServer = ({ production = false }) =>
  esbuild.build({ ...shipped(production), entryPoints: { mcp: 'src/agents/mcp/main.ts' }, plugins: [CLIENT_APART] });

const buildClient = () => esbuild.build({ ...shipped(true), entryPoints: { dockerode: 'dockerode' } });

/** @param {{ production?: boolean }} [options] */
export async function buildExtension(options = {}) {
  await Promise.all([esbuild.build(extensionBundle(options)), buildServer(options), buildClient()]);
}

/** Builds again on every change of a source file, until the process ends. */
export async function watchExtension() {
  await buildClient();
  const context = await esbuild.context({ ...extensionBundle(), logLevel: 'info' });
  await context.watch();
}

/**
 * Loads one of our TypeScript modules into a plain Node script.
 * @param {string} file from the root of the checkout
 */
export async function importTypeScript(file) {
  const outfile = path.join(ROOT, 'out', 'scripts', `${path.basename(file, '.ts')}.mjs`);
  await esbuild.build({ ...COMMON, entryPoints: [file], outfile, format: 'esm', packages: 'external' });
  return import(outfile);
}
