import { because, type Params, type Translate } from './words';

/** What to do when the engine's disk is full; undefined if the reason does not say that it is. */
export const fullDisk = (reason: string, t: Translate): string | undefined =>
  /no space left on device/i.test(reason)
    ? t(
        'Make room on the disk where the engine keeps its data ("docker system df", "docker system prune"), then run the cell again.',
      )
    : undefined;

/** The answer of a registry that denies access to an image or has no image of that name; most registries do not say which. */
const REFUSED = /\bdenied\b|unauthorized|authentication required|no basic auth credentials|401\b|403\b/i;

/** What to do about an image that could not be built. Not every step of the build needs the network. */
export function imageStep(params: Params, t: Translate): string {
  switch (params.text('step')) {
    case 'waitingForOther':
      return t(
        'Wait for the other window. If there is no other window, remove that container ("docker rm --force"). Then run the cell again.',
      );
    case 'startingContainer':
    case 'checkingBase':
    case 'copyingRunner':
    case 'testing':
    case 'committing':
      return t(
        'Run the cell again. If it fails again, restart the engine, or choose another image in the setting sandboxedIPython.image.',
      );
    case 'pullingBase':
      if (params.text('image') !== '' && REFUSED.test(params.text('reason'))) {
        return loginStep(params.text('image'), t);
      }
  }
  return networkStep(params.text('trouble'), t);
}

function loginStep(image: string, t: Translate): string {
  const [host = '', ...path] = image.split('/');
  const login = path.length > 0 && /[.:]|^localhost$/.test(host) ? `docker login ${host}` : 'docker login'; // Docker Hub
  return t(
    'The registry denied access. Check the name in the setting sandboxedIPython.image. If the image needs a login, run "{0}" and "{1}" in a terminal, then run the cell again.',
    login,
    `docker pull ${image}`,
  );
}

/** What to do about the network. `trouble` is what kept pip from reaching the package index (`src/engine/image/pip-output.ts`). */
export function networkStep(trouble: string, t: Translate): string {
  switch (trouble) {
    case 'certificate':
      return t(
        'If this network inspects encrypted traffic, set sandboxedIPython.caBundle to a PEM file with its certificate authority, then run the cell again.',
      );
    case 'proxy':
      return t(
        'Check the proxy in the setting sandboxedIPython.proxy and its password ("Set Proxy Password…"), or http.proxy or HTTPS_PROXY, then run the cell again. A proxy on localhost cannot be reached from containers.',
      );
    case 'network':
      return t(
        'Check the network. If it needs a proxy, enter the proxy in the setting sandboxedIPython.proxy. Then run the cell again.',
      );
    default:
      return t(
        'Check the network and the settings sandboxedIPython.image and sandboxedIPython.packages, then run the cell again.',
      );
  }
}

/** A sentence about what is wrong with a base image, see `src/engine/image/failures.ts`. */
export function baseProblem(params: Params, t: Translate): string {
  const reason = params.text('reason');
  switch (params.text('problem')) {
    case 'noPython':
      return /executable file not found|no such file/i.test(reason)
        ? t('It has no Python.')
        : t('Its Python does not start.') + because(t, reason);
    case 'noPip':
      return t('IPython cannot be installed in it.') + because(t, reason);
    case 'oldPython':
      return t('It has Python {0}, which is too old.', params.text('found'));
    case 'oldIPython':
      return t('It has IPython {0}; version {1} or later is required.', params.text('found'), params.text('needed'));
    case 'volumes':
      return t('It declares volumes ({0}), whose size no engine can limit.', params.text('found'));
    default:
      return because(t, reason).trimStart();
  }
}
