import { existsSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { connect } from './engine.mjs';
import { Failure } from './failure.mjs';
import { step } from './log.mjs';
import { cacheDir } from './paths.mjs';
import { debianMirror, ensureSystemPackages, mayInstall } from './system-packages.mjs';
import { run } from './tools.mjs';
import { within } from './waiting.mjs';

/**
 * The base images from which tests derive theirs: one Debian suite for each Python that matters, the oldest first. They
 * are built from Debian's own packages if possible, so that no image registry is needed; otherwise the official image
 * with the same Python is used.
 */
export const SUITES = {
  bullseye: { python: '3.9', official: 'python:3.9-slim' },
  bookworm: { python: '3.11', official: 'python:3.11-slim' },
  trixie: { python: '3.13', official: 'python:3.13-slim' },
  forky: { python: '3.14', official: 'python:3.14-slim' },
};

/** @typedef {keyof typeof SUITES} Suite */

const REPOSITORY = 'sandboxed-ipython-base';
const PACKAGES = 'python3,python3-venv,python3-pip,ca-certificates';

/** @param {Suite} suite */
export const baseImage = (suite) => `${REPOSITORY}:${suite}`;

/** Whether the engine has an image of this name. */
export async function hasImage(name) {
  try {
    await connect().getImage(name).inspect();
    return true;
  } catch (error) {
    if (error.statusCode === 404) {
      return false;
    }
    throw error;
  }
}

/** Whether base images can be built here from Debian's packages. */
export const canBuildBases = () => process.platform === 'linux' && mayInstall();

/**
 * Makes the base image of a suite unless the engine already has it.
 * @param {Suite} suite
 */
export async function ensureBaseImage(suite) {
  const tag = baseImage(suite);
  if (await hasImage(tag)) {
    return;
  }
  if (canBuildBases()) {
    const file = await ensureRootFs(suite);
    await step(`imported ${tag}`, () => importRootFs(file, suite));
  } else {
    await step(`pulled ${SUITES[suite].official} as ${tag}`, () => pull(SUITES[suite].official, suite));
  }
}

/**
 * Makes a root file system with a suite's Python, as a tarball that is kept in the cache. Requires `canBuildBases`.
 * @param {Suite} suite
 * @returns {Promise<string>} the tarball
 */
export async function ensureRootFs(suite) {
  const file = path.join(cacheDir('base-images'), `${suite}.tar`);
  if (existsSync(file)) {
    return file;
  }
  await ensureSystemPackages(['base images']);
  const unfinished = path.join(path.dirname(file), `.${suite}-${process.pid}.tar`);
  const options = ['--variant=minbase', `--include=${PACKAGES}`, '--aptopt=Acquire::Check-Valid-Until "false"'];
  const mirror = await debianMirror();
  try {
    await step(`made a root file system of Debian ${suite}`, () =>
      run('mmdebstrap', [...options, suite, unfinished, ...(mirror ? [mirror] : [])], { deadline: 600_000 }),
    );
    renameSync(unfinished, file);
  } finally {
    rmSync(unfinished, { force: true });
  }
  return file;
}

async function importRootFs(file, suite) {
  await followed(await connect().importImage(file, { repo: REPOSITORY, tag: suite }), `Importing ${file}`);
}

async function pull(name, suite) {
  await followed(await connect().pull(name), `Pulling ${name}`);
  await connect().getImage(name).tag({ repo: REPOSITORY, tag: suite });
}

/** Waits for the end of a progress stream of the engine, in which errors are ordinary lines. */
async function followed(stream, what) {
  const { modem } = connect();
  const lines = await within(
    new Promise((resolve, reject) =>
      modem.followProgress(stream, (error, all) => (error ? reject(error) : resolve(all))),
    ),
    600_000,
    what,
  );
  const failed = lines.find((line) => line.error);
  if (failed) {
    throw new Failure(`${what} failed: ${failed.error}`);
  }
}
