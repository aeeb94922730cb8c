import type { WaitName } from '../engine/deadlines';
import type { Translate } from './words';

/** What the extension asked of an engine whose answer is late, in words for users. The log has the name of the request. */
export function requestText(request: string, t: Translate): string {
  return Object.hasOwn(REQUESTS, request) ? REQUESTS[request as WaitName](t) : t('a request of this extension');
}

const containerState = (t: Translate): string => t('read the state of the container');
const removal = (t: Translate): string => t('remove a container');
const program = (t: Translate): string => t('start a program in the container');
const volume = (t: Translate): string => t('prepare the volume for installed packages');
const anything = (t: Translate): string => t('a request of this extension');

/** The words for every request to an engine, by the name that the failure has in its parameter `request`. */
const REQUESTS: Readonly<Record<WaitName, (t: Translate) => string>> = {
  version: (t) => t('read the version of the engine'),
  info: (t) => t('read the description of the engine'),
  'inspect image': (t) => t('read the state of the image'),
  'list images': (t) => t('list the images'),
  'tag image': (t) => t('tag an image'),
  'remove image': (t) => t('remove an image'),
  pull: (t) => t('download the base image'),
  'pull progress': (t) => t('report the progress of a download'),
  commit: (t) => t('save the sandbox image'),
  'create build container': (t) => t('create the container that builds the image'),
  'start build container': (t) => t('start the container that builds the image'),
  'build container guard': program,
  'inspect build container': containerState,
  'build in another window': (t) => t('get the image that another window builds'),
  'run probe': (t) => t('check the base image'),
  'run ensurepip': (t) => t('install pip'),
  'run file preparation': (t) => t('copy the certificates for the package index'),
  'run pip': (t) => t('install packages'),
  'run compile': (t) => t('compile packages'),
  'run unpack': (t) => t('copy the kernel program'),
  'run self-test': (t) => t('test the image'),
  'list containers': (t) => t('list the containers'),
  'create container': (t) => t('create a container'),
  'start container': (t) => t('start the container'),
  'inspect container': containerState,
  'inspect container by Podman': containerState,
  'attach to output': (t) => t('read the output of the container'),
  logs: (t) => t('read the output of the container'),
  'update container': (t) => t('change the memory limit'),
  'create volume': volume,
  'inspect volume': volume,
  'list volumes': (t) => t('list the volumes'),
  'remove volume': (t) => t('remove a volume'),
  'create exec': program,
  'start exec': program,
  'inspect exec': (t) => t('read the result of a program in the container'),
  'run file copy': (t) => t('copy files'),
  'run installer': (t) => t('install packages'),
  'busy engine': anything,
  'busy stream': anything,
  events: (t) => t('report the events of containers'),
  'remove container': removal,
  'inspect removed container': removal,
  removal,
  'half removed container': removal,
  'clean up': removal,
};
