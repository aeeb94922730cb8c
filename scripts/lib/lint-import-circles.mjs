import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/** A relative import or re-export, also one of types only. */
const IMPORT = /^\s*(?:import|export)\b[^;'"]*\bfrom\s+'(\.[^']*)'/gm;

/** The TypeScript files that each file imports. ESLint checks many files in one process, so each file is read once. */
const known = new Map();

function isFile(file) {
  return statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

/** The file that `specifier` names in `file`; undefined if it is no TypeScript file. */
function target(file, specifier) {
  const base = path.resolve(path.dirname(file), specifier);
  return [`${base}.ts`, path.join(base, 'index.ts')].find(isFile);
}

function importsOf(file) {
  if (!known.has(file)) {
    const specifiers = [...readFileSync(file, 'utf8').matchAll(IMPORT)].map(([, specifier]) => specifier);
    known.set(
      file,
      specifiers.flatMap((specifier) => target(file, specifier) ?? []),
    );
  }
  return known.get(file);
}

/** The shortest chain of imports from `from` to `to`, both included; undefined if there is none. */
function chain(from, to) {
  const before = new Map([[from, undefined]]);
  for (const file of before.keys()) {
    if (file === to) {
      const files = [];
      for (let at = file; at !== undefined; at = before.get(at)) {
        files.unshift(at);
      }
      return files;
    }
    for (const next of importsOf(file)) {
      if (!before.has(next)) {
        before.set(next, file);
      }
    }
  }
  return undefined;
}

/** An ESLint rule: no file may import itself through others, not even for its types. */
export const noImportCircle = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const file = context.filename;
    const check = ({ source }) => {
      const imported = source?.value.startsWith('.') ? target(file, source.value) : undefined;
      const circle = imported && chain(imported, file);
      if (circle !== undefined) {
        const names = [file, ...circle].map((one) => path.relative(context.cwd, one));
        context.report({ node: source, message: `Circle of imports: ${names.join(' → ')}` });
      }
    };
    return { ImportDeclaration: check, ExportNamedDeclaration: check, ExportAllDeclaration: check };
  },
};
