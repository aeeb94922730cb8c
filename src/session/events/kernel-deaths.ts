import type { Failure, SandboxEvent } from '../../protocol/messages';
import { PerKernel } from '../../protocol/per-kernel';

/** Whether the failure of a cell reports that its kernel ended with it. */
const reportsKernelDeath = ({ code, params }: Failure): boolean =>
  code === 'KernelDied' || code === 'OutOfMemory' || params['killed'] === true;

/** What is known of the ends of one kernel. */
interface Deaths {
  /** The last generation whose end a cell has reported. */
  reportedGen: number;
  unreported: Failure | undefined;
}

/**
 * Finds kernels that ended while no cell ran (a thread crashed, memory ran out, a widget's callback ended it). The next cell that starts
 * reports it; otherwise the user would only see that a name is no longer defined.
 */
export class KernelDeaths {
  readonly #kernels = new PerKernel<Deaths>(() => ({ reportedGen: -1, unreported: undefined }));

  /** Call with each event of the log, in order. Gives the failure that the cell which starts with this event has to report. */
  hear({ kernel, gen, msg_type: type, content }: SandboxEvent): Failure | undefined {
    const deaths = this.#kernels.of(kernel);
    if (type === 'execute_reply') {
      if (content.failure !== undefined && reportsKernelDeath(content.failure)) {
        deaths.reportedGen = gen;
      }
    } else if (type === 'status') {
      const { execution_state: state, failure } = content;
      // whoever requested a reset or called exit() knows about it
      if (state === 'restarting' && failure?.code === 'Restarted') {
        deaths.unreported = failure.params['reason'] === 'died' && gen !== deaths.reportedGen ? failure : undefined;
      }
    } else if (type === 'execute_input') {
      const { unreported } = deaths;
      deaths.unreported = undefined;
      return unreported;
    }
    return undefined;
  }
}
