import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { connect } from './engine.mjs';

/** The file with the id that labels everything that a window has on an engine, below the folder of the user's data. */
const OWNER_FILE = path.join('globalStorage', 'sandboxed-ipython.sandboxed-ipython', 'owner');

/**
 * Ends the sandboxes of all windows whose data is below a folder, wherever their notebooks are, and removes their
 * volumes. A sandbox outlives its window so that a later window can find it, but no later window can find it once the
 * folder is removed.
 * @param {string} folder
 * @returns {Promise<void>}
 */
export async function removeSandboxesOfWindowsBelow(folder) {
  const owners = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(path.sep + OWNER_FILE))
    .map((name) => readFileSync(path.join(folder, name), 'utf8').trim())
    .filter(Boolean);
  const docker = connect();
  for (const owner of new Set(owners)) {
    const filters = { label: [`sandboxed-ipython.owner=${owner}`] };
    const containers = await docker.listContainers({ all: true, filters });
    await Promise.all(containers.map(({ Id }) => unlessGone(docker.getContainer(Id).remove({ force: true, v: true }))));
    const { Volumes } = await docker.listVolumes({ filters });
    await Promise.all((Volumes ?? []).map(({ Name }) => unlessGone(docker.getVolume(Name).remove())));
  }
}

/** The window, or the sandbox itself, may remove it first. */
async function unlessGone(removal) {
  try {
    await removal;
  } catch (error) {
    if (![404, 409].includes(error.statusCode)) {
      // it does not exist, or is being removed
      throw error;
    }
  }
}
