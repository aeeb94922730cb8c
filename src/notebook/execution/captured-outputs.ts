import type { Log } from '../../log';
import type { NotebookOutputs } from '../../outputs/notebook-outputs';
import type { SandboxEvent } from '../../protocol/messages';
import { asSandboxError } from '../../session/failures';
import type { NotebookEventSource, NotebookState } from '../notebook-events';

/**
 * Sends the outputs that `Output` widgets have captured to the kernel, each time that the kernel has handled a message.
 * Only a front end knows them, and the next cell may read them as `out.outputs`.
 */
export function sendCapturedOutputs(
  events: NotebookEventSource,
  state: Pick<NotebookState, 'session'>,
  outputs: NotebookOutputs,
  log: Log,
): void {
  events.on('didShow', (event) => {
    const { session } = state;
    // Events that are replayed now had their captured outputs sent when they were new.
    if (!isEnd(event) || session?.state.kind !== 'ready') {
      return;
    }
    for (const { kernel, commId, outputs: captured } of outputs.takeCaptured()) {
      session
        .kernel(kernel)
        .sendComm({
          type: 'comm_msg',
          commId,
          data: { method: 'update', state: { outputs: captured }, buffer_paths: [] },
        })
        .catch((error: unknown) =>
          log.debug(`captured outputs were not sent to an Output widget: ${asSandboxError(error).message}`),
        );
    }
  });
}

const isEnd = (event: SandboxEvent): boolean =>
  event.msg_type === 'execute_reply' || (event.msg_type === 'status' && event.content.execution_state === 'idle');
