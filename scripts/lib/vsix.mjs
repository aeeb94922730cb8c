import { readFileSync } from 'node:fs';
import path from 'node:path';
import { buildExtension } from './bundle.mjs';
import { Failure } from './failure.mjs';
import { ROOT } from './paths.mjs';
import { run, tail } from './tools.mjs';

/** The extension's own manifest. */
export const manifest = () => JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));

/**
 * Builds the extension as it is published and packs it; `.vscodeignore` lists the files to include.
 * @param {string} [file] where to
 * @returns {Promise<string>} the VSIX
 */
export async function packageExtension(file = path.join(ROOT, `${manifest().name}-${manifest().version}.vsix`)) {
  await buildExtension({ production: true });
  // The command and not the API of vsce, because the API prints and checks for secrets differently.
  const said = await run(
    process.execPath,
    [
      path.join(ROOT, 'node_modules/@vscode/vsce/vsce'),
      'package',
      '--no-dependencies',
      '--allow-missing-repository',
      '--no-rewrite-relative-links',
      '--out',
      file,
    ],
    { deadline: 120_000 },
  );
  if (/\bWARNING\b/.test(said)) {
    throw new Failure(`vsce warns:\n${tail(said)}`);
  }
  return file;
}
