import { type Params, type Translate } from './words';

/** What to do where the engine has no room; undefined: it does not say so. */
export const fullDisk = (reason: string, t: Translate): string | undefined =>
  /no space left on device/i.test(reason)
    ? t(
        'Make room on the disk where the engine keeps its data ("docker system df", "docker system prune"), then run the cell again.',
      )
    : undefined;

/** A registry that keeps an image from who is not known to it, or has none of that name: most do not say which. */
const REFUSED = /\bdenied\b|unauthorized|authentication required|no basic auth credentials|401\b|403\b/i;

/** What to do about an image that could not be made: not every step of it goes to the network. */
export function imageStep(params: Params, t: Translate): string {
  switch (params.text('step')) {
    case 'waitingForOther':
      return t(
        'Wait for the other window. If there is none, remove that container ("docker rm --force"). Then run the cell again.',
      );
    case 'startingContainer':
    case 'checkingBase':
    case 'copyingRunner':
    case 'testing':
    case 'committing':
      return t(
        'Run the cell again. If it fails again, restart the engine, or name another image in the setting sandboxedIPython.image.',
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
  const registry = path.length > 0 && /[.:]|^localhost$/.test(host) ? ` ${host}` : ''; // without one it is Docker's own
  return t(
    'The registry refused. Check the name in the setting sandboxedIPython.image. If it needs a login, run "docker login{0}" and "docker pull {1}" in a terminal, then the cell again.',
    registry,
    image,
  );
}

/** What to do about a network, by what stood in the way to the network (`src/engine/image/pip-output.ts`). */
export function networkStep(trouble: string, t: Translate): string {
  switch (trouble) {
    case 'certificate':
      return t(
        'If this network opens encrypted traffic, name its certificate authority, a PEM file, in the setting sandboxedIPython.caBundle, then run the cell again.',
      );
    case 'proxy':
      return t(
        'Check the proxy in the setting sandboxedIPython.proxy and its password ("Set Proxy Password…"), or http.proxy or HTTPS_PROXY, then run the cell again. Containers must reach the proxy, so it cannot be at localhost.',
      );
    case 'network':
      return t(
        'Check the network. If it needs a proxy, name it in the setting sandboxedIPython.proxy. Then run the cell again.',
      );
    default:
      return t(
        'Check the network and the settings sandboxedIPython.image and sandboxedIPython.packages, then run the cell again.',
      );
  }
}

/** What is wrong with a base image, see `src/engine/image/failures.ts`. */
export function baseProblem(params: Params, t: Translate): string {
  const reason = params.text('reason');
  switch (params.text('problem')) {
    case 'noPython':
      return /executable file not found|no such file/i.test(reason)
        ? t('it has no Python')
        : t('its Python does not start ({0})', reason);
    case 'noPip':
      return t('IPython cannot be installed in it: {0}', reason);
    case 'oldPython':
      return t('it has Python {0}', params.text('found'));
    case 'oldIPython':
      return t('it has IPython {0}, and at least {1} is needed', params.text('found'), params.text('needed'));
    case 'volumes':
      return t('it declares volumes ({0}), whose size no engine can bound', params.text('found'));
    default:
      return reason;
  }
}
