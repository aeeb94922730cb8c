import type { Failure } from '../../protocol/messages';
import type { SandboxError } from '../../protocol/errors';
import type { SandboxSettings } from '../../session/settings';
import type { SandboxRecord } from './sandbox-record';

/** What the next cell reports if the sandbox was gone when its notebook was opened again. */
export function stateLossSinceLastWindow(
  { keepAlive: minutes, seen }: SandboxRecord,
  { params }: SandboxError,
): Failure {
  const isLease = params['reason'] === 'removed' && Date.now() - seen > minutes * 60_000;
  return { code: 'StateLost', params: isLease ? { reason: 'lease', minutes } : params };
}

/** What the next cell reports if the sandbox ended while no cell ran. */
export const stateLossBetweenCells = (
  { params }: SandboxError,
  { idleTimeout: minutes }: SandboxSettings,
): Failure => ({
  code: 'StateLost',
  params: params['reason'] === 'idle' ? { reason: 'idle', minutes } : params,
});
