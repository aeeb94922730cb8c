import { networkStep } from './image';
import { because, type Params, type Sentences, type Translate } from './words';

/** Sentences about an installation that failed, see `src/engine/installer.ts`. */
export function installFailure(params: Params, t: Translate): Sentences {
  const reason = params.text('reason');
  switch (params.text('problem')) {
    case 'noPip':
      return [
        t('The image of the sandbox has no pip.'),
        t('Add the packages to the setting sandboxedIPython.packages, so that the image contains them.'),
      ];
    case 'busy':
      return [t('Another installation into this sandbox is in progress.'), t('Try again when it has finished.')];
    case 'container':
      return [
        t('The installation could not be started.') + because(t, reason),
        t('Try again. If it fails again, see the log: "Sandboxed IPython: Show Log".'),
      ];
    case 'memory':
    case 'time':
      return [
        t('The installation was stopped, and nothing was installed.') + because(t, reason),
        t('Install fewer packages at once.'),
      ];
    case 'source':
      return [
        t(
          "{0} has no wheel for the sandbox's Python, and none could be built from its source distribution.",
          params.text('requirement'),
        ) + because(t, reason),
        t(
          'Choose a version that has a wheel, or set sandboxedIPython.image to an image that has the package. A build has no network, and no compiler unless the image has one.',
        ),
      ];
    default:
      return [
        t('The packages could not be installed.') + because(t, reason),
        params.text('trouble') === ''
          ? t(
              "Check names and versions. A package needs a wheel for the sandbox's Python, or a source distribution that can be built without a network and a compiler.",
            )
          : networkStep(params.text('trouble'), t),
      ];
  }
}

/** Sentences about an installation that is not attempted, see `src/session/installs/installs.ts`. */
export function installRefusal(params: Params, t: Translate): Sentences {
  switch (params.text('problem')) {
    case 'requirement':
      return [
        t('"{0}" cannot be installed.', params.text('requirement')),
        t(
          'Use names from the package index, optionally with extras and versions, such as pandas or numpy>=2,<3. Options, URLs and paths are not allowed.',
        ),
      ];
    case 'none':
      return [t('No package was given.'), t('Use names from the package index, such as pandas or numpy>=2,<3.')];
    case 'tooMany':
      return [
        t('One installation can have at most {0} packages.', params.number('limit')),
        t('Install fewer packages at once.'),
      ];
    default:
      return [
        t('This sandbox has requested too many installations.'),
        t('Use "Shut Down Sandbox", then run the cells again.'),
      ];
  }
}
