import { count, fields, id, key, list, number, text } from '../../protocol/check';
import type { OpenCell } from '../../session/types';
import { parseSettings } from '../../session/settings';
import type { SandboxRecord } from './sandbox-records';

/** Version of what is stored. A change that an older window would misread gets the next number. */
const VERSION = 1;

/** A record as VS Code keeps it from window to window, also for another version of this extension. */
export const toStored = (record: SandboxRecord): object => ({ version: VERSION, ...record });

/**
 * The record that was stored. What has no version was stored by a build before there was one, and has the fields of version 1.
 * @throws Error that names the field which cannot be used (`Invalid`, or `SettingInvalid` for one of the settings)
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
    // builds before 0.1 did not tell engines from each other
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
  const { msgId, metadata } = fields(value, field);
  return {
    msgId: id(msgId, `${field}.msgId`),
    metadata: fields(metadata, `${field}.metadata`) as OpenCell['metadata'],
  };
}
