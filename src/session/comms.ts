import { command, toLines } from '../protocol/encode';
import { SandboxError } from '../protocol/errors';
import { MAX_COMM_BYTES, MESSAGE_ID, type CommandContents, type CommType, type JsonObject } from '../protocol/messages';
import type { Timing } from './time';
import type { PendingCommands } from './pending-commands';

/** What may wait to be accepted, all messages together; no honest front end comes near. */
const MAX_WAITING_MESSAGES = 1_000;
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** Ids and names of targets, characters. */
const MAX_NAME_CHARACTERS = 256;

/** A message of a comm, as a front end sends it. The comm may have been opened by a cell, by this session, or by another before it. */
export interface CommMessage {
  type: CommType;
  commId: string;
  /** Of `comm_open`: the name under which a cell has registered who answers. */
  targetName?: string;
  data?: JsonObject;
  metadata?: JsonObject;
  buffers?: readonly Uint8Array[];
  /** Its id, for who needs to know it before; default: a fresh one. A known id is not handled again. */
  msgId?: string;
}

/** Sends messages of comms, bounded: what asks for it may be an output that the sandbox itself has made. */
export class Comms {
  #waiting = 0;
  #waitingBytes = 0;

  /** @param timeout seconds that the kernel may take for one; 0 = no limit */
  constructor(
    private readonly commands: PendingCommands,
    private readonly timing: Timing,
    private readonly timeout: number,
  ) {}

  /**
   * Resolves with the message's id once the sandbox has it, and will handle it once: after the cells that were sent before.
   * `status` idle with that id as its parent says that it was handled; what callbacks show has the same parent.
   * @throws SandboxError `CommRefused`, `ProtocolViolation` (it is not handled); `SandboxSilent`, `Cancelled` (it may be handled); why the sandbox is gone
   */
  async send(message: CommMessage, signal?: AbortSignal): Promise<string> {
    const { type, commId, targetName = '', data = {}, metadata = {}, buffers = [], msgId } = message;
    const names = type === 'comm_open' ? [commId, targetName] : [commId];
    if (
      names.some((name) => name === '' || name.length > MAX_NAME_CHARACTERS) ||
      (msgId !== undefined && !MESSAGE_ID.test(msgId))
    ) {
      throw refused('name');
    }
    // before they are copied as text, which is longer
    if (buffers.reduce((sum, one) => sum + one.byteLength, 0) > MAX_COMM_BYTES) {
      throw refused('tooLong', MAX_COMM_BYTES);
    }
    const content = {
      comm_id: commId,
      ...(type === 'comm_open' && { target_name: targetName }),
      data,
      timeout: this.timeout,
    };
    const order = command(type, content as CommandContents[CommType], { msgId, metadata, buffers }); // each type has what it needs of these
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
    // circular, or nested deeper than can be written
    throw refused('data');
  }
}

const refused = (problem: 'name' | 'data' | 'tooLong' | 'tooMany', limit = 0): SandboxError =>
  new SandboxError('CommRefused', { problem, limit });
