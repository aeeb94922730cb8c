import * as vscode from 'vscode';
import { bytes } from '../messages';
import { readSettings } from '../notebook/configuration';
import { imageRequest, type Installation } from '../notebook/sandbox/session-starter';
import { confirm, showInformation } from '../ui/messages';

/** Maximum number of images that the confirmation lists; more would not fit on a screen. */
const MAX_LISTED_IMAGES = 12;

/** Removes the sandbox images that no container uses and that the settings do not name, after a confirmation that shows their sizes. */
export async function removeUnusedImages(installation: Installation): Promise<void> {
  const { t } = vscode.l10n;
  const engine = await installation.engines.get();
  const unused = await engine.findUnusedImages(
    await imageRequest(installation, readSettings(undefined, installation.log)),
  );
  if (unused.length === 0) {
    void showInformation(t('There are no unused sandbox images.'));
    return;
  }
  const total = (ids: ReadonlySet<string>): string =>
    bytes(unused.reduce((sum, image) => sum + (ids.has(image.id) ? image.bytes : 0), 0));
  const list = unused
    .slice(0, MAX_LISTED_IMAGES)
    .map(({ name, base, bytes: size, lastUse }) =>
      t(
        '{0} ({1}, last used {2})',
        base === '' ? name : `${base}: ${name}`,
        bytes(size),
        new Date(lastUse).toLocaleDateString(),
      ),
    );
  const more = unused.length > MAX_LISTED_IMAGES ? [t('and {0} more', unused.length - MAX_LISTED_IMAGES)] : [];
  const detail = t(
    '{0}. An image that is needed again is rebuilt, which needs a network.',
    [...list, ...more].join('; '),
  );
  const all = new Set(unused.map(({ id }) => id));
  if (!(await confirm(t('Remove {0} sandbox images, up to {1}?', unused.length, total(all)), t('Remove'), detail))) {
    return;
  }
  const removed = new Set(await engine.removeImages([...all]));
  void showInformation(
    removed.size === all.size
      ? t('{0} sandbox images were removed, up to {1}.', removed.size, total(removed))
      : t(
          '{0} of {1} sandbox images were removed, up to {2}. The others are in use now, or the engine kept them. See the log for the reasons.',
          removed.size,
          all.size,
          total(removed),
        ),
  );
}
