import { connect } from './engine.mjs';
import { Failure } from './failure.mjs';
import { within } from './waiting.mjs';

const MEMORY = 96 * 1024 * 1024;
const PIDS = 24;
/** Prints the limits of the container itself, with either cgroup version. */
const SHOW = `cd /sys/fs/cgroup
cat memory.max memory/memory.limit_in_bytes 2>/dev/null
cat pids.max pids/pids.max 2>/dev/null`;

/**
 * Refuses an engine that accepts limits and does not apply them. There, a runaway cell of a test could use up the whole
 * machine.
 * @param {string} image any image with a shell
 */
export async function checkLimits(image) {
  const container = await connect().createContainer({
    Image: image,
    Cmd: ['/bin/sh', '-c', SHOW],
    Tty: true,
    HostConfig: { Memory: MEMORY, MemorySwap: MEMORY, PidsLimit: PIDS, NetworkMode: 'none' },
  });
  try {
    await container.start();
    await within(container.wait(), 30_000, 'A container that prints its limits');
    const shown = (await container.logs({ stdout: true })).toString().split(/\s+/).filter(Boolean);
    if (!shown.includes(String(MEMORY)) || !shown.includes(String(PIDS))) {
      throw new Failure(
        `The container engine does not apply limits: asked for ${MEMORY} bytes and ${PIDS} processes, ` +
          `a container shows ${shown.join(' and ') || 'none'}.`,
        {
          nextStep: 'Use an engine that runs as root, or a host with cgroup v2 and delegated controllers.',
        },
      );
    }
  } finally {
    await container.remove({ force: true, v: true });
  }
}
