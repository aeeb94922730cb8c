import { randomUUID } from 'node:crypto';
import {
  CHUNK_BYTES,
  COMMAND_CHANNEL,
  MAIN_KERNEL,
  type Command,
  type CommandChunk,
  type CommandContents,
  type CommandType,
} from './messages';

/** The supervisor refuses a longer command. */
export const MAX_COMMAND_BYTES = 16 * 1024 * 1024;

export interface CommandOptions<T extends CommandType = CommandType> {
  msgId?: string | undefined;
  /** The kernel that gets the command; default: the sandbox's first kernel. */
  kernel?: string | undefined;
  metadata?: Command<T>['metadata'] | undefined;
  buffers?: readonly Uint8Array[] | undefined;
}

/** Creates a command, with a new id unless `msgId` is given. */
export function command<T extends CommandType>(
  type: T,
  content: CommandContents[T],
  { msgId, kernel = MAIN_KERNEL, metadata, buffers = [] }: CommandOptions<T> = {},
): Command<T> {
  return {
    header: { msg_id: msgId ?? randomUUID(), msg_type: type },
    kernel,
    channel: COMMAND_CHANNEL[type],
    content,
    metadata: metadata ?? {},
    buffers: buffers.map((one) => Buffer.from(one.buffer, one.byteOffset, one.byteLength).toString('base64')),
  };
}

/** The lines of a command, each with its newline: one line, or several chunks of a long command. JSON never contains a raw newline. */
export const encodeCommand = (message: Command): string => toLines(message, JSON.stringify(message));

/** Like {@link encodeCommand}, for a command whose JSON is already known. */
export function toLines(message: Pick<Command, 'header' | 'kernel' | 'channel'>, text: string): string {
  if (Buffer.byteLength(text) <= CHUNK_BYTES) {
    return `${text}\n`;
  }
  const {
    header: { msg_id: id },
    kernel,
    channel,
  } = message;
  const lines: string[] = [];
  for (let at = 0; at < text.length;) {
    const start = at;
    at = Math.min(text.length, start + CHUNK_BYTES / 2);
    if (at < text.length && isHighSurrogate(text.charCodeAt(at - 1))) {
      at -= 1; // the halves of a surrogate pair in two chunks would not become one character again
    }
    const chunk: CommandChunk = {
      header: { msg_id: id, msg_type: 'chunk' },
      kernel,
      channel,
      content: { id, i: lines.length, last: at === text.length, data: text.slice(start, at) },
      metadata: {},
      buffers: [],
    };
    lines.push(`${JSON.stringify(chunk)}\n`);
  }
  return lines.join('');
}

const isHighSurrogate = (code: number): boolean => code >= 0xd800 && code <= 0xdbff;
