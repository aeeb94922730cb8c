import { networkStep } from './image';
import { because, type Params, type Sentences, type Translate } from './words';

/** What kept libraries from being installed, see `src/engine/installer.ts`. */
export function installFailure(params: Params, t: Translate): Sentences {
  const reason = params.text('reason');
  switch (params.text('problem')) {
    case 'noPip':
      return [
        t('The image of the sandbox has no pip.'),
        t('Add the packages to the setting sandboxedIPython.packages: the image is then made with them.'),
      ];
    case 'busy':
      return [t('Another installation into this sandbox is going on.'), t('Install again when it is over.')];
    case 'container':
      return [
        t('The installation could not be started.') + because(t, reason),
        t('Try again, and see the log: "Sandboxed IPython: Show Log".'),
      ];
    case 'memory':
    case 'time':
      return [
        t('The installation was ended, and nothing was installed.') + because(t, reason),
        t('Install fewer packages at once.'),
      ];
    default:
      return [
        t('The packages could not be installed.') + because(t, reason),
        params.text('trouble') === ''
          ? t(
              "Check names and versions. Only ready-built packages (wheels) for the sandbox's Python can be installed: to build others would run their code where there is a network.",
            )
          : networkStep(params.text('trouble'), t),
      ];
  }
}

/** What was asked for and is not done, see `src/session/installs.ts`. */
export function installRefusal(params: Params, t: Translate): Sentences {
  switch (params.text('problem')) {
    case 'requirement':
      return [
        t('"{0}" cannot be installed.', params.text('requirement')),
        t(
          'Name packages of the package index with extras and versions, such as pandas or numpy>=2,<3; no options, addresses or paths.',
        ),
      ];
    case 'none':
      return [t('No package was named.'), t('Name packages of the package index, such as pandas or numpy>=2,<3.')];
    case 'tooMany':
      return [
        t('More packages were named than one installation takes: {0}.', params.number('limit')),
        t('Install fewer at once.'),
      ];
    default:
      return [
        t('This sandbox has asked for too many installations.'),
        t('Use "Shut Down Sandbox", then run the cells again.'),
      ];
  }
}
