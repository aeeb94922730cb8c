import type { WaitName } from '../engine/deadlines';
import type { Translate } from './words';

/** What an engine was asked for when its answer was late, for people. The log has the name of the request. */
export function requestText(request: string, t: Translate): string {
  return Object.hasOwn(REQUESTS, request) ? REQUESTS[request as WaitName](t) : t('what it was asked for');
}

const looking = {
  containers: (t: Translate) => t('the list of containers'),
  images: (t: Translate) => t('the state of the image'),
  container: (t: Translate) => t('the state of the container'),
};
const removing = (t: Translate): string => t('the removal of a container');
const running = (t: Translate): string => t('the start of a program in the container');
const libraries = (t: Translate): string => t('the volume with the installed packages');

/** Every wait for an engine, by the name that a failure's parameter `request` has. */
const REQUESTS: Readonly<Record<WaitName, (t: Translate) => string>> = {
  version: (t) => t('its version'),
  info: (t) => t('a description of itself'),
  'inspect image': looking.images,
  'list images': (t) => t('the list of images'),
  'tag image': (t) => t('a mark on an image'),
  'remove image': (t) => t('the removal of an image'),
  pull: (t) => t('the download of the base image'),
  'word of a pull': (t) => t('the progress of a download'),
  commit: (t) => t('saving the sandbox image'),
  'create build container': (t) => t('a container in which the image is made'),
  'start build container': (t) => t('the start of the container in which the image is made'),
  'guard of the build container': running,
  'inspect build container': looking.container,
  'other build': (t) => t('the image that another window makes'),
  'run probe': (t) => t('the check of the base image'),
  'run ensurepip': (t) => t('the installation of pip'),
  'run lend': (t) => t('the certificates for the package index'),
  'run pip': (t) => t('the installation of packages'),
  'run compile': (t) => t('the compilation of packages'),
  'run unpack': (t) => t('the copy of the runner'),
  'run self-test': (t) => t('the test of the image'),
  'list containers': looking.containers,
  'create container': (t) => t('a new container'),
  'start container': (t) => t('the start of the container'),
  'inspect container': looking.container,
  'inspect container by Podman': looking.container,
  'attach to output': (t) => t('the output of the container'),
  logs: (t) => t('the output of the container'),
  'update container': (t) => t('another memory limit'),
  'create volume': libraries,
  'inspect volume': libraries,
  'list volumes': (t) => t('the list of volumes'),
  'remove volume': (t) => t('the removal of a volume'),
  'create exec': running,
  'start exec': running,
  'inspect exec': (t) => t('the end of a program in the container'),
  'run file copy': (t) => t('the copy of files'),
  'run installer': (t) => t('the installation of packages'),
  'busy engine': (t) => t('what it was asked for'),
  'busy stream': (t) => t('what it was asked for'),
  events: (t) => t('what happens to containers'),
  'remove container': removing,
  'inspect removed container': removing,
  removal: removing,
  'half removed container': removing,
  'clean up': removing,
};
