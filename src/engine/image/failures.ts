import { SandboxError, isSandboxError } from '../../protocol/errors';
import { redact } from '../redact';
import { isProcess } from '../deadlines';
import { engineReason } from '../request';
import type { ImageStep } from './context';
import { networkTrouble } from './pip-output';

export type BaseProblem = 'noPython' | 'oldPython' | 'noPip' | 'oldIPython' | 'volumes' | 'selfTest';

/** @param details `found` and `needed` are versions or paths @param reason a technical description of the problem */
export function baseUnusable(
  image: string,
  problem: BaseProblem,
  reason: string,
  details: { found?: string; needed?: string } = {},
): SandboxError {
  return new SandboxError('BaseUnusable', { image, problem, reason: redact(reason), ...details }, { setting: 'image' });
}

/** The setting that helps with each kind of network problem. */
export const SETTING_FOR = { certificate: 'caBundle', proxy: 'proxy', network: 'proxy' } as const;

export function imageFailed(image: string, step: ImageStep, reason: string, cause?: unknown): SandboxError {
  const isPip = step === 'installingPackages';
  const trouble = isPip ? networkTrouble(reason) : undefined;
  return new SandboxError(
    'ImageFailed',
    { image, step, reason: redact(reason), ...(trouble && { trouble }) },
    {
      cause,
      ...(step !== 'waitingForOther' && { setting: trouble ? SETTING_FOR[trouble] : isPip ? 'packages' : 'image' }),
    },
  );
}

/** Turns an engine's refusal within a step into a failure of that step. Failures of the engine as a whole stay as they are. */
export function asStepFailure(error: unknown, image: string, step: ImageStep): unknown {
  if (isSandboxError(error, 'EngineFailed') || isSandboxError(error, 'SandboxGone')) {
    return imageFailed(image, step, engineReason(error), error);
  }
  if (isSandboxError(error, 'EngineSilent') && isProcess(error.params['request'])) {
    return imageFailed(image, step, `no end within ${error.params['timeout']} s`, error);
  }
  return error;
}
