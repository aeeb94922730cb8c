import * as vscode from 'vscode';
import { describe, join, paragraph } from '../messages';
import { asSandboxError } from '../session/failures';
import { confirm, showError, showInformation } from '../ui/messages';
import type { CommandDependencies } from './dependencies';

/**
 * Ends every sandbox of this installation on the engine in use, including those of other windows, and removes the packages that were
 * installed into them. The record of a sandbox is removed only when the engine no longer lists the sandbox, so that a notebook finds a
 * sandbox again that could not be ended.
 */
export async function shutDownAllSandboxes({
  controller,
  installation: { engines, owner, log },
  records,
  messageContext,
}: CommandDependencies): Promise<void> {
  const [engine, mine] = [await engines.get(), await owner()];
  const all = await engine.findSandboxes(mine);
  const here = new Set(
    controller.sandboxes.notebooks.map((notebook) => controller.sandboxes.get(notebook)?.session?.id),
  );
  const others = all.filter(({ sandboxId }) => !here.has(sandboxId)).length;
  if (others > 0) {
    const end = vscode.l10n.t('Shut Down All');
    const text = vscode.l10n.t('Shut down {0} sandboxes?', all.length);
    const detail = vscode.l10n.t(
      '{0} of them belong to agents, or to notebooks that are closed or open in other windows. Their variables and files are lost.',
      others,
    );
    if (!(await confirm(text, end, detail))) {
      return;
    }
  }
  for (const failure of await controller.sandboxes.closeAll()) {
    log.warn(`a notebook did not end its sandbox: ${String(failure)}`);
  } // the engine removes it below
  const failure = await engine.removeAll(mine).then(() => undefined, asSandboxError);
  const living = await livingOf(
    all.map(({ sandboxId }) => sandboxId),
    () => engine.findSandboxes(mine),
    failure,
  );
  records.forget(new Set(all.flatMap(({ sandboxId }) => (living.has(sandboxId) ? [] : sandboxId))));
  const ended = all.length - living.size;
  const otherEngines = notReached(records.enginesBeside(engine.info.id));
  if (failure === undefined && living.size === 0) {
    void showInformation(join(vscode.l10n.t('{0} sandboxes were shut down.', ended), otherEngines));
    return;
  }
  const reason = failure === undefined ? '' : paragraph(describe(failure, messageContext));
  log.error(`of ${all.length} sandboxes ${living.size} may still run: ${failure?.message ?? 'the engine lists them'}`);
  void showError(
    join(
      vscode.l10n.t(
        '{0} of {1} sandboxes were shut down. Run "Shut Down All Sandboxes" again for the others.',
        ended,
        all.length,
      ),
      reason,
      otherEngines,
    ),
  );
}

/** A sentence that sandboxes on other engines were not shut down; '' if there are none. @param engines other engines with sandboxes of this workspace */
const notReached = (engines: readonly string[]): string =>
  engines.length === 0
    ? ''
    : vscode.l10n.t(
        'Sandboxes on other container engines were not shut down: {0}. They end when no window has used them for the time in the setting sandboxedIPython.keepAlive.',
        engines.join(', '),
      );

/** The ids of the sandboxes that still live; all of them if `failure` is set and the engine does not answer. */
async function livingOf(
  sandboxIds: readonly string[],
  find: () => Promise<readonly { sandboxId: string }[]>,
  failure: unknown,
): Promise<ReadonlySet<string>> {
  try {
    const found = new Set((await find()).map(({ sandboxId }) => sandboxId));
    return new Set(sandboxIds.filter((sandboxId) => found.has(sandboxId)));
  } catch (error) {
    if (failure === undefined) {
      throw error;
    }
    return new Set(sandboxIds);
  }
}
