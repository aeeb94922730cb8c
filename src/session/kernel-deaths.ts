import { MAIN_KERNEL, type Failure, type SandboxEvent } from '../protocol/messages';

/** Whether the failure of a cell reports that its kernel ended with it. */
const reportsKernelDeath = ({ code, params }: Failure): boolean =>
  code === 'KernelDied' || code === 'OutOfMemory' || params['killed'] === true;

/**
 * Finds kernels that ended while no cell ran (a thread crashed, memory ran out, a widget's callback ended it). The next cell that starts
 * reports it; otherwise the user would only see that a name is no longer defined.
 */
export class KernelDeaths {
  /** Generation of the last kernel whose end a cell has reported. */
  #reportedGen = -1;
  #unreported: Failure | undefined;

  /** Call with each event of the log, in order. Gives the failure that the cell which starts with this event has to report. */
  hear({ kernel, gen, msg_type: type, content }: SandboxEvent): Failure | undefined {
    if (kernel !== MAIN_KERNEL) {
      return undefined;
    }
    if (type === 'execute_reply') {
      if (content.failure !== undefined && reportsKernelDeath(content.failure)) {
        this.#reportedGen = gen;
      }
    } else if (type === 'status') {
      const { execution_state: state, failure } = content;
      // whoever requested a reset or called exit() knows about it
      if (state === 'restarting' && failure?.code === 'Restarted') {
        this.#unreported = failure.params['reason'] === 'died' && gen !== this.#reportedGen ? failure : undefined;
      }
    } else if (type === 'execute_input') {
      const unreported = this.#unreported;
      this.#unreported = undefined;
      return unreported;
    }
    return undefined;
  }
}
