import { SandboxError, isSandboxError } from '../../protocol/errors';
import { redactUrls } from '../redact';
import { RUN } from '../exec';
import { engineReason } from '../request';
import type { ImageStep } from './context';

export type BaseProblem = 'noPython' | 'oldPython' | 'noPip' | 'oldIPython' | 'volumes' | 'selfTest';

/** `found` and `needed` are versions or paths; `reason` says it in the words of whoever found it. */
export function baseUnusable(image: string, problem: BaseProblem, reason: string, details: { found?: string; needed?: string } = {}): SandboxError {
  return new SandboxError('BaseUnusable', { image, problem, reason: redactUrls(reason), ...details }, { setting: 'image' });
}

export function imageFailed(image: string, step: ImageStep, reason: string, cause?: unknown): SandboxError {
  const setting = step === 'installingPackages' ? 'packages' : 'image';
  return new SandboxError('ImageFailed', { image, step, reason: redactUrls(reason) }, { cause, setting });
}

/** An engine's refusal within a step, as the step's failure; what concerns the engine as a whole stays what it is. */
export function asStepFailure(error: unknown, image: string, step: ImageStep): unknown {
  if (isSandboxError(error, 'EngineFailed') || isSandboxError(error, 'SandboxGone')) return imageFailed(image, step, engineReason(error), error);
  if (isSandboxError(error, 'EngineSilent') && String(error.params['request']).startsWith(RUN)) {
    return imageFailed(image, step, `no end within ${error.params['timeout']} s`, error);
  }
  return error;
}
