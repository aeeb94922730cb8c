import { MAIN_KERNEL, type Failure, type SandboxEvent } from '../protocol/messages';

/** With what a cell says that its kernel has ended with it. */
const saysIt = ({ code, params }: Failure): boolean =>
  code === 'KernelDied' || code === 'OutOfMemory' || params['killed'] === true;

/**
 * Kernels that ended while no cell ran (a thread crashed, memory ran out, a callback of a widget): no cell was there to say it, so
 * the next one that begins does. A name that is not defined any more would be all that one sees.
 */
export class KernelDeaths {
  /** Generation of the last kernel whose end a cell has said. */
  #said = -1;
  #untold: Failure | undefined;

  /** With each event of the log, in its order. What the cell that it begins has to say first. */
  hear({ kernel, gen, msg_type: type, content }: SandboxEvent): Failure | undefined {
    if (kernel !== MAIN_KERNEL) {
      return undefined;
    }
    if (type === 'execute_reply') {
      if (content.failure !== undefined && saysIt(content.failure)) {
        this.#said = gen;
      }
    } else if (type === 'status') {
      const { execution_state: state, failure } = content;
      // a reset, or the cell's own exit(), is known to who asked for it
      if (state === 'restarting' && failure?.code === 'Restarted') {
        this.#untold = failure.params['reason'] === 'died' && gen !== this.#said ? failure : undefined;
      }
    } else if (type === 'execute_input') {
      const untold = this.#untold;
      this.#untold = undefined;
      return untold;
    }
    return undefined;
  }
}
