import { randomUUID } from 'node:crypto';
import { COMMAND_CHANNEL, MAIN_KERNEL, type AnswerMetadata, type CellMetadata, type Command, type CommandContents, type CommandType } from './messages';

/** The supervisor refuses a longer line, without knowing whose it is. */
export const MAX_COMMAND_BYTES = 64 * 1024 * 1024;

/** A command for the main kernel, under a fresh id unless the caller has one. */
export function command<T extends CommandType>(type: T, content: CommandContents[T], options: { msgId?: string; metadata?: CellMetadata | AnswerMetadata } = {}): Command<T> {
  return {
    header: { msg_id: options.msgId ?? randomUUID(), msg_type: type }, kernel: MAIN_KERNEL, channel: COMMAND_CHANNEL[type],
    content, metadata: options.metadata ?? {}, buffers: [],
  };
}

/** The line that says it, its newline included. JSON has no raw newline, whatever the code holds. */
export const encodeCommand = (message: Command): string => `${JSON.stringify(message)}\n`;
