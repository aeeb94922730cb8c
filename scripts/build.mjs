// Bundles the extension into dist/. `--watch` builds again on every change, `--minify` builds the published form.
import { parseArgs } from 'node:util';
import { buildExtension, watchExtension } from './lib/bundle.mjs';

const { values } = parseArgs({ options: { watch: { type: 'boolean' }, minify: { type: 'boolean' } } });
try {
  await (values.watch ? watchExtension() : buildExtension({ production: values.minify }));
} catch {
  process.exitCode = 1; // esbuild has already printed the errors
}
