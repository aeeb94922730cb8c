import * as vscode from 'vscode';
import type { Engine, ImageRequest } from '../../engine/engine';
import type { Progress } from '../../engine/progress';
import { progressText } from '../../messages';
import { SandboxError } from '../../protocol/errors';
import { withProgressNotification } from '../../ui/progress';

interface PendingImage {
  readonly image: Promise<string>;
  readonly abort: AbortController;
  /** How many callers wait for the image. */
  waiters: number;
}

/**
 * Makes the images of this window and shows a notification with a Cancel button meanwhile. All callers that ask for
 * the same image wait for the same build.
 */
export class ImageMaker {
  readonly #pending = new Map<string, PendingImage>();

  /**
   * Returns the name of the image and makes the image if it does not exist; see `Engine.ensureImage`. Rejects with a
   * SandboxError.
   * @param signal stops waiting; the build is cancelled when its last caller stops waiting
   */
  async ensure(engine: Engine, request: ImageRequest, signal: AbortSignal): Promise<string> {
    if (signal.aborted) {
      throw new SandboxError('Cancelled');
    }
    const key = JSON.stringify([engine.info.id, request]);
    const making = this.#pending.get(key) ?? this.#begin(key, engine, request);
    making.waiters += 1;
    let giveUp!: () => void;
    const givenUp = new Promise<undefined>((resolve) => {
      giveUp = () => resolve(undefined);
    });
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      const image = await Promise.race([making.image, givenUp]);
      if (image !== undefined) {
        return image;
      }
    } finally {
      signal.removeEventListener('abort', giveUp);
      making.waiters -= 1;
    }
    if (making.waiters === 0) {
      this.#forget(key, making);
      making.abort.abort();
      await making.image.catch(() => undefined); // by then the engine has removed what the build had created
    }
    throw new SandboxError('Cancelled');
  }

  /** Rebuilds the image; see `Engine.rebuildImage`. Rejects with a SandboxError. */
  async rebuild(engine: Engine, request: ImageRequest, signal: AbortSignal): Promise<void> {
    await withProgress((progress, stop) => engine.rebuildImage(request, progress, stop), signal);
  }

  #begin(key: string, engine: Engine, request: ImageRequest): PendingImage {
    const abort = new AbortController();
    // Later callers start a new build instead of waiting for one that is ending.
    const over = (): void => this.#forget(key, making);
    const image = withProgress(
      (progress, stop) => engine.ensureImage(request, progress, stop),
      abort.signal,
      over,
    ).finally(over);
    const making: PendingImage = { abort, image, waiters: 0 };
    this.#pending.set(key, making);
    return making;
  }

  #forget(key: string, making: PendingImage): void {
    if (this.#pending.get(key) === making) {
      this.#pending.delete(key);
    }
  }
}

/**
 * Shows the steps in a notification with a Cancel button. It appears with the first step, because most starts find the
 * image ready.
 */
async function withProgress<T>(
  work: (progress: Progress, signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
  onCancel?: () => void,
): Promise<T> {
  const cancelled = new AbortController();
  cancelled.signal.addEventListener('abort', () => onCancel?.());
  let report: ((step: string) => void) | undefined;
  let done: (() => void) | undefined;
  const open = (first: string): void => {
    void withProgressNotification(vscode.l10n.t('Preparing the sandbox image (once)'), (tell, token) => {
      token.onCancellationRequested(() => cancelled.abort());
      report = tell;
      tell(first);
      return new Promise<void>((resolve) => {
        done = resolve;
      });
    });
  };
  const step = (code: string, detail?: string): void => {
    const text = progressText(code, detail, vscode.l10n.t);
    if (report === undefined) {
      open(text);
    } else {
      report(text);
    }
  };
  try {
    return await work({ step }, AbortSignal.any([signal, cancelled.signal]));
  } catch (error) {
    if (cancelled.signal.aborted) {
      throw new SandboxError('Cancelled', {}, { cause: error });
    }
    throw error;
  } finally {
    done?.();
  }
}
