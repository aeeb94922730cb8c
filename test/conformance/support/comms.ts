import { createHash } from 'node:crypto';
import type { JsonObject, JsonValue, SandboxEvent } from '../../../src/protocol/messages';

/** A message that a host sends to a comm once its cell has ended. */
export interface HostMessage {
  type: 'comm_open' | 'comm_msg' | 'comm_close';
  comm: string;
  /** Only in a `comm_open`. */
  target?: string;
  data?: JsonObject;
  metadata?: JsonObject;
  /** Encoded in Base64. */
  buffers?: readonly string[];
}

/** A message in the form of both kernels: of a comm, or an output of its callback. */
export interface KernelMessage {
  msg_type: string;
  content: JsonObject;
  metadata: JsonObject;
  buffers: string[];
}

/**
 * Everything that came while a message of the host was handled: messages of comms in their order, the text of each
 * stream, all other outputs.
 */
export interface Heard {
  comms: string[];
  stdout: string;
  stderr: string;
  shown: JsonValue[];
}

const SHOWN = ['display_data', 'update_display_data', 'execute_result', 'error', 'clear_output'];

export const isComm = ({ msg_type: type }: Pick<KernelMessage, 'msg_type'>): boolean =>
  ['comm_open', 'comm_msg', 'comm_close'].includes(type);

export function kernelMessage({ msg_type, content, metadata, buffers }: SandboxEvent): KernelMessage {
  return { msg_type, content: content as unknown as JsonObject, metadata, buffers };
}

/**
 * A message of a comm in a comparable form: complete, or, for a widget, only what it changes, because the state of a
 * widget has random ids and times.
 */
export function commLine({ msg_type: type, content, metadata, buffers }: KernelMessage): string {
  const { comm_id: id, target_name: target, data } = content;
  const { state, method } = objectOf(data);
  const isWidget = target === 'jupyter.widget' || typeof method === 'string';
  const what = isWidget
    ? [target ?? method, objectOf(state)['_model_name'] ?? Object.keys(objectOf(state)).sort()]
    : [id, target ?? '', data];
  return JSON.stringify([type, ...what, metadata, buffers.map((one) => digest(Buffer.from(one, 'base64')))]);
}

/** Removes repeated updates: the number of updates of a progress bar depends on time. */
export const oftenAsOnce = (lines: readonly string[]): string[] =>
  lines.filter((line, index) => !line.startsWith('["comm_msg","update"') || lines.indexOf(line) === index);

export function heard(messages: readonly KernelMessage[]): Heard {
  const text = (name: string): string =>
    messages
      .map(({ msg_type: type, content: { name: its, text: said } }) =>
        type === 'stream' && its === name && typeof said === 'string' ? said : '',
      )
      .join('');
  const shown = messages
    .filter(({ msg_type: type }) => SHOWN.includes(type))
    .map(({ msg_type: type, content }): JsonValue => [
      type,
      content['data'] ?? [content['ename'] ?? null, content['evalue'] ?? null, content['wait'] ?? null],
    ]);
  return { comms: messages.filter(isComm).map(commLine), stdout: text('stdout'), stderr: text('stderr'), shown };
}

const digest = (bytes: Buffer): string =>
  `${bytes.length} bytes ${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}`;
const objectOf = (value: JsonValue | undefined): JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
