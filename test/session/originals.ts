import { silentProgress } from '../../src/engine/progress';
import { describe, paragraph, untranslated } from '../../src/messages';
import { isSandboxError } from '../../src/protocol/errors';
import { connect, docker, imageRequest } from './engineTools';
import { namesOf } from './support/bases';
import { endSessions, startSession } from './support/sandboxes';

/**
 * `npm run test:images [-- image…]`: derives an image from each of these original images and runs a cell in it. `npm
 * test` uses images that resemble them in their layout. This test uses the real ones, and so needs an image registry.
 * It removes everything that it pulled and built.
 */
const ORIGINALS: readonly { image: string; refusal?: string }[] = [
  ...[
    'python:3.9-slim',
    'python:3.13-slim',
    'python:3.14-slim',
    'python:3.13',
    'python:3.13-alpine',
    'continuumio/miniconda3',
    'condaforge/miniforge3',
    'quay.io/jupyter/scipy-notebook',
  ].map((image) => ({ image })),
  ...['ubuntu:24.04', 'debian:13-slim'].map((image) => ({ image, refusal: 'noPython' })),
];
const CELL =
  'import IPython, sys; print("Python %d.%d.%d" % sys.version_info[:3] + ",", "IPython", IPython.__version__, "at", sys.executable)';
/** Matches the error of an engine that could not reach the registry. */
const UNREACHABLE =
  /dial tcp|no such host|i\/o timeout|connection refused|network is unreachable|no route to host|TLS handshake|x509|proxyconnect|no progress for|context deadline|Client\.Timeout/i;

type Outcome = 'ok' | 'failed' | 'unreachable';

async function main(named: readonly string[]): Promise<number> {
  const chosen =
    named.length === 0 ? ORIGINALS : named.map((image) => ORIGINALS.find((one) => one.image === image) ?? { image });
  const engine = await connect();
  const rows = [['image', 'result', 'seconds']];
  const outcomes: Outcome[] = [];
  const unreachable = new Map<string, string>();
  for (const { image, refusal } of chosen) {
    const registry = registryOf(image);
    const started = performance.now();
    const [outcome, result] = unreachable.has(registry)
      ? (['unreachable', 'not tried'] as const)
      : await tryOut(image, refusal);
    if (outcome === 'unreachable' && !unreachable.has(registry)) {
      unreachable.set(registry, result);
    }
    outcomes.push(outcome);
    rows.push([
      image,
      outcome === 'unreachable' ? 'not to be had' : `${outcome}: ${result}`,
      ((performance.now() - started) / 1000).toFixed(1),
    ]);
    console.log(`${image}: ${outcome}`);
  }
  engine.dispose();
  console.log(`\n${table(rows)}\n`);
  for (const [registry, reason] of unreachable) {
    console.log(`The engine cannot reach ${registry}. ${reason}`);
  }
  if (!outcomes.some((outcome) => outcome !== 'unreachable')) {
    console.log('No image could be had, so nothing was shown.');
  }
  return outcomes.includes('failed') || !outcomes.includes('ok') ? 1 : 0;

  async function tryOut(image: string, refusal: string | undefined): Promise<readonly [Outcome, string]> {
    const request = await imageRequest({ base: image });
    const isThere = (name: string): Promise<boolean> =>
      docker
        .getImage(name)
        .inspect()
        .then(
          () => true,
          () => false,
        );
    const before = new Set<string>();
    for (const name of [image, ...(await namesOf(request)).tags]) {
      if (await isThere(name)) {
        before.add(name);
      }
    }
    try {
      const sandbox = startSession(engine, await engine.ensureImage(request, silentProgress));
      const cell = await sandbox.run(CELL);
      if (refusal !== undefined) {
        return ['failed', `it was to be refused (${refusal})`];
      }
      return cell.reply.status === 'ok' ? ['ok', cell.text().trim()] : ['failed', cell.reply.evalue ?? ''];
    } catch (error) {
      if (!isSandboxError(error)) {
        throw error;
      }
      const text = paragraph(describe(error, { t: untranslated, platform: process.platform }));
      if (isSandboxError(error, 'BaseUnusable') && error.params['problem'] === refusal) {
        return ['ok', `refused. ${text}`];
      }
      const isPull = isSandboxError(error, 'ImageFailed') && error.params['step'] === 'pullingBase';
      return isPull && UNREACHABLE.test(String(error.params['reason']))
        ? ['unreachable', String(error.params['reason'])]
        : ['failed', text];
    } finally {
      await endSessions();
      const made = [image, ...(await namesOf(request)).tags].filter((name) => !before.has(name));
      for (const name of made.reverse()) {
        await docker
          .getImage(name)
          .remove({ force: true })
          .catch(() => undefined);
      }
    }
  }
}

/**
 * The first part of a reference is a host if it looks like one; otherwise the reference belongs to the engine's usual
 * registry.
 */
const registryOf = (image: string): string => /^([^/]*[.:][^/]*|localhost)\//.exec(image)?.[1] ?? 'its usual registry';

function table(rows: readonly string[][]): string {
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`);
  return [lines[0], `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...lines.slice(1)].join('\n');
}

void main(process.argv.slice(2)).then((code) => process.exit(code));
