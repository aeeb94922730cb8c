import type { Log } from '../../log';
import type { NotebookOutputs } from '../../outputs/notebook-outputs';
import { asSandboxError } from '../../session/failures';
import type { SandboxSession } from '../../session/types';

/**
 * Sends the outputs that `Output` widgets have captured to the kernel. Only a front end knows them, and the next cell
 * may read them as `out.outputs`.
 */
export function sendCapturedOutputs(session: SandboxSession | undefined, outputs: NotebookOutputs, log: Log): void {
  if (session?.state.kind !== 'ready') {
    // Events that are replayed now had their captured outputs sent when they were new.
    return;
  }
  for (const { commId, outputs: captured } of outputs.takeCaptured()) {
    session
      .sendComm({
        type: 'comm_msg',
        commId,
        data: { method: 'update', state: { outputs: captured }, buffer_paths: [] },
      })
      .catch((error: unknown) =>
        log.debug(`captured outputs were not sent to an Output widget: ${asSandboxError(error).message}`),
      );
  }
}
