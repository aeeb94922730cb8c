import { command, toLines } from '../../protocol/encode';
import { SandboxError } from '../../protocol/errors';
import { MAX_COMM_BYTES, MESSAGE_ID, type CommandContents, type CommType } from '../../protocol/messages';
import type { Timing } from '../time';
import type { PendingCommands } from './pending-commands';
import type { CommMessage } from '../types';

/** Bounds for all messages that wait for acceptance. An honest front end stays far below them. */
const MAX_WAITING_MESSAGES = 1_000;
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** Maximum length of comm ids and target names. */
const MAX_NAME_CHARACTERS = 256;

/** Sends comm messages within bounds, because an output that the sandbox itself produced may request them. */
export class Comms {
  #waiting = 0;
  #waitingBytes = 0;

  /** @param timeout seconds that the kernel may take for one message; 0 = no limit */
  constructor(
    private readonly commands: PendingCommands,
    private readonly timing: Timing,
    private readonly timeout: number,
  ) {}

  /**
   * Resolves with the message's id once the sandbox has accepted it. The kernel handles it once, after the cells that were sent earlier.
   * A `status` idle event with that id as its parent reports that it was handled; the output of callbacks has the same parent.
   * @throws SandboxError `CommRefused` or `ProtocolViolation` if the message is not handled; `SandboxSilent` or `Cancelled` if it may
   * still be handled; else the reason why the sandbox is gone
   */
  async send(kernel: string, message: CommMessage, signal?: AbortSignal): Promise<string> {
    const { type, commId, targetName = '', data = {}, metadata = {}, buffers = [], msgId } = message;
    const names = type === 'comm_open' ? [commId, targetName] : [commId];
    if (
      names.some((name) => name === '' || name.length > MAX_NAME_CHARACTERS) ||
      (msgId !== undefined && !MESSAGE_ID.test(msgId))
    ) {
      throw refused('name');
    }
    // checked before they are encoded as text, which is longer
    if (buffers.reduce((sum, one) => sum + one.byteLength, 0) > MAX_COMM_BYTES) {
      throw refused('tooLong', MAX_COMM_BYTES);
    }
    const content = {
      comm_id: commId,
      ...(type === 'comm_open' && { target_name: targetName }),
      data,
      timeout: this.timeout,
    };
    // the content has the fields of each type
    const order = command(type, content as CommandContents[CommType], { msgId, kernel, metadata, buffers });
    const text = asJson(order);
    const size = Buffer.byteLength(text);
    if (size > MAX_COMM_BYTES) {
      throw refused('tooLong', MAX_COMM_BYTES);
    }
    if (this.#waiting >= MAX_WAITING_MESSAGES || this.#waitingBytes + size > MAX_WAITING_BYTES) {
      throw refused('tooMany', MAX_WAITING_BYTES);
    }
    const id = order.header.msg_id;
    this.#waiting += 1;
    this.#waitingBytes += size;
    try {
      await this.commands.deliver(id, toLines(order, text), { operation: 'comm', deadline: this.timing.comm, signal });
      return id;
    } finally {
      this.#waiting -= 1;
      this.#waitingBytes -= size;
    }
  }
}

function asJson(value: object): string {
  try {
    return JSON.stringify(value);
  } catch {
    // the data is circular or too deeply nested
    throw refused('data');
  }
}

const refused = (problem: 'name' | 'data' | 'tooLong' | 'tooMany', limit = 0): SandboxError =>
  new SandboxError('CommRefused', { problem, limit });
