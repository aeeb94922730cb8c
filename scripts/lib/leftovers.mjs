import { connect } from './engine.mjs';

/**
 * Ends the sandboxes of notebooks below a folder and removes their volumes. A sandbox outlives its window, for a later one
 * to find; when the folder goes, none will.
 * @param {string} folder
 * @returns {Promise<void>}
 */
export async function removeSandboxesBelow(folder) {
  const docker = connect();
  const all = await docker.listContainers({ all: true, filters: { label: ['sandboxed-ipython.notebook'] } });
  const wanted = plain(folder);
  await Promise.all(all.filter(({ Labels }) => plain(decodeURIComponent(Labels['sandboxed-ipython.notebook'])).includes(`${wanted}/`)).map(async ({ Id, Mounts }) => {
    await unlessGone(docker.getContainer(Id).remove({ force: true }));
    for (const { Type, Name } of Mounts) {
      if (Type === 'volume') {
        await unlessGone(docker.getVolume(Name).remove());
      }
    }
  }));
}

/** Windows writes one path in several ways. */
const plain = (path) => path.replaceAll('\\', '/').toLowerCase();

/** The window, or the sandbox itself, may be faster. */
async function unlessGone(removal) {
  try {
    await removal;
  } catch (error) {
    if (![404, 409].includes(error.statusCode)) { // not there, or being removed
      throw error;
    }
  }
}
