import { count, fields, id, key, list, number, text } from '../../protocol/check';
import { MAIN_KERNEL } from '../../protocol/messages';
import type { OpenCell } from '../../session/types';
import { parseSettings } from '../../session/settings';
import type { SandboxRecord } from './sandbox-record';

/** Version of the stored format. A change that an older window would misread needs the next number. */
const VERSION = 1;

/** The record in the form in which VS Code stores it between windows, also for other versions of this extension. */
export const toStored = (record: SandboxRecord): object => ({ version: VERSION, ...record });

/**
 * Reads a stored record. A record without a version is older than the versions and has the fields of version 1.
 * @throws Error that names the unusable field (`Invalid`, or `SettingInvalid` for a setting)
 */
export function fromStored(stored: unknown): SandboxRecord {
  const { version = VERSION, pid, open, unused, engine, engineName, ...raw } = fields(stored, 'record');
  if (version !== VERSION) {
    throw new Error(`version ${String(version)} is not ${VERSION}`);
  }
  return {
    sandboxId: key(raw['sandboxId'], 'sandboxId'),
    image: text(raw['image'], 'image'),
    libraries: text(raw['libraries'], 'libraries'),
    boot: text(raw['boot'], 'boot'),
    seq: count(raw['seq'], 'seq'),
    host: text(raw['host'], 'host'),
    settings: parseSettings(fields(raw['settings'], 'settings')),
    // Builds before 0.1 did not distinguish engines.
    engine: text(engine ?? '', 'engine'),
    engineName: text(engineName ?? '', 'engineName'),
    installed: list(raw['installed'], 'installed', text),
    keepAlive: number(raw['keepAlive'], 'keepAlive'),
    seen: number(raw['seen'], 'seen'),
    ...(pid === undefined ? {} : { pid: count(pid, 'pid') }),
    ...(open === undefined ? {} : { open: list(open, 'open', openCell) }),
    ...(unused === true ? { unused } : {}),
  };
}

function openCell(value: unknown, field: string): OpenCell {
  // Records of earlier versions name no kernel.
  const { msgId, kernel = MAIN_KERNEL, metadata } = fields(value, field);
  return {
    msgId: id(msgId, `${field}.msgId`),
    kernel: id(kernel, `${field}.kernel`),
    metadata: fields(metadata, `${field}.metadata`) as OpenCell['metadata'],
  };
}
