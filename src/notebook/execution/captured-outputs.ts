import type { Log } from '../../log';
import type { NotebookOutputs } from '../../outputs/notebook-outputs';
import { asSandboxError } from '../../session/failures';
import type { SandboxSession } from '../../session/types';

/** What `Output` widgets have captured only a front end knows: it is told to the kernel before the next cell, where `out.outputs` are read. */
export function sendCapturedOutputs(session: SandboxSession | undefined, outputs: NotebookOutputs, log: Log): void {
  if (session?.state.kind !== 'ready') {
    return;
  } // what is replayed now was told when it was new
  for (const { commId, outputs: captured } of outputs.takeCaptured()) {
    session
      .sendComm({
        type: 'comm_msg',
        commId,
        data: { method: 'update', state: { outputs: captured }, buffer_paths: [] },
      })
      .catch((error: unknown) =>
        log.debug(`an Output widget was not told what it holds: ${asSandboxError(error).message}`),
      );
  }
}
