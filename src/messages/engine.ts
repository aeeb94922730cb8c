import { type Params, type Sentences, type Translate } from './words';

/** Products that are known by the context that they make current, or by their socket (test/unit/engineEndpoint.test.ts has the sources), and the command that starts each. */
const PRODUCTS: readonly { name: string; context: RegExp; socket: RegExp; start: string }[] = [
  {
    name: 'Docker Desktop',
    context: /^desktop-(linux|windows)$/,
    socket: /\/\.docker\/(run|desktop)\/docker\.sock$|dockerDesktopLinuxEngine$/,
    start: '',
  },
  { name: 'Colima', context: /^colima(-.+)?$/, socket: /\/\.?colima\/[^/]+\/docker\.sock$/, start: 'colima start' },
  { name: 'OrbStack', context: /^orbstack$/, socket: /\/\.orbstack\/run\/docker\.sock$/, start: 'orb start' },
  { name: 'Rancher Desktop', context: /^rancher-desktop$/, socket: /\/\.rd\/docker\.sock$/, start: '' },
];
/** Reasons other than that nothing answers. */
const UNUSABLE = ['ssh', 'tls', 'malformed', 'contextMissing', 'contextBroken', 'configBroken'];

/** `DOCKER_HOST` or a Docker context names an engine that cannot be used or is not there. */
export function namedEngine(params: Params, t: Translate): Sentences {
  const [by, context, tried, reason] = [
    params.text('by'),
    params.text('context'),
    params.text('tried'),
    params.text('reason'),
  ];
  const problem = engineProblem(reason, params.text('detail'), t);
  const product = UNUSABLE.includes(reason)
    ? undefined
    : PRODUCTS.find((one) => one.context.test(context) || one.socket.test(tried));
  const start = UNUSABLE.includes(reason)
    ? ''
    : (product === undefined ? t('Start that engine, then run the cell again.') : startOf(product, context, t)) +
      ' ' +
      t('Or use another engine: ');
  if (by === 'DOCKER_HOST') {
    return [
      product === undefined
        ? t('DOCKER_HOST is {0}, and {1}.', tried, problem)
        : t('{0} is not running: DOCKER_HOST is {1}, and {2}.', product.name, tried, problem),
      start +
        t('Unset DOCKER_HOST or set it to a socket such as unix:///var/run/docker.sock, and start VS Code again.'),
    ];
  }
  if (context === '') {
    return [
      t("Docker's configuration {0} cannot be used: {1}.", tried, problem),
      t('Repair or remove that file, then run the cell again.'),
    ];
  }
  return [
    reason === 'contextMissing'
      ? t('The current Docker context "{0}" does not exist.', context)
      : reason === 'contextBroken'
        ? t('The current Docker context "{0}" cannot be used: {2} ({1}).', context, tried, problem)
        : product !== undefined
          ? t(
              '{0} is not running: the current Docker context "{1}" is {2}, and {3}.',
              product.name,
              context,
              tried,
              problem,
            )
          : t('The current Docker context "{0}" is {1}, and {2}.', context, tried, problem),
    start +
      (by === 'DOCKER_CONTEXT'
        ? t(
            'Set DOCKER_CONTEXT to a context of an engine on this computer (see "docker context ls"), and start VS Code again.',
          )
        : t(
            'Choose a context of an engine on this computer ("docker context ls", "docker context use default"), then run the cell again.',
          )),
  ];
}

/** A profile of Colima's has a context of its own. */
function startOf({ start }: (typeof PRODUCTS)[number], context: string, t: Translate): string {
  const profile = /^colima-(.+)$/.exec(context)?.[1];
  return start === ''
    ? t('Start it, then run the cell again.')
    : t('Start it ("{0}"), then run the cell again.', profile === undefined ? start : `${start} ${profile}`);
}

function engineProblem(reason: string, detail: string, t: Translate): string {
  switch (reason) {
    case 'ssh':
      return t('engines over SSH are not supported yet, those behind a local socket are');
    case 'tls':
      return t('engines over TLS are not supported yet, those behind a local socket are');
    case 'malformed':
      return t('that is no address of an engine');
    case 'contextBroken':
    case 'configBroken':
      return detail === '' ? t('its file cannot be read') : detail;
    default:
      return t('no engine answers there');
  }
}

export function installHint(t: Translate, platform: NodeJS.Platform): string {
  switch (platform) {
    case 'darwin':
      return t('Start Docker Desktop, OrbStack, Colima or Podman Desktop (or install one), then run the cell again.');
    case 'win32':
      return t(
        'Start Docker Desktop or Podman Desktop (or install one), or open the folder in WSL, then run the cell again.',
      );
    default:
      return t(
        'Start Docker ("sudo systemctl start docker") or Podman\'s socket ("systemctl --user enable --now podman.socket"), or install one of them, then run the cell again.',
      );
  }
}

/** What an engine did not confine a sandbox by, see `src/engine/limits.ts`. */
export function limitNotApplied(params: Params, t: Translate): Sentences {
  const limit = params.text('limit');
  const message = (what: string): string =>
    t('The container engine did not apply {0}, so the sandbox was not started.', what);
  const rootless = t('A rootless engine needs cgroup v2, with that limit delegated to its user.');
  switch (limit) {
    case 'memory':
    case 'swap':
      return [
        message(limit === 'memory' ? t('the limit of memory') : t('the limit of swap')),
        t('Linux must count it for containers: start the system with "cgroup_enable=memory swapaccount=1".') +
          ' ' +
          rootless,
      ];
    case 'pids':
      return [message(t('the limit of processes')), rootless + ' ' + t('Else update the engine.')];
    case 'cpus':
      return [message(t('the limit of processors')), rootless + ' ' + t('Else update the engine.')];
    case 'seccomp':
      return [
        t('The container engine runs without its seccomp profile, so the sandbox was not started.'),
        t('Start the engine with its default profile, on a system that has seccomp, then run the cell again.'),
      ];
    case '':
      return [message(t('a limit')), t('Update the engine, then run the cell again.')];
    default:
      return [message(t('what confines a sandbox ({0})', limit)), t('Update the engine, then run the cell again.')];
  }
}

/**
 * The notebook's sandbox is on an engine that is not the one in use. `here`: the one in use, where it is known; `minutes`: how long the sandbox lives
 * without a window, where that is known; `started`: a new one was started.
 */
export function otherEngine(params: Params, t: Translate): Sentences {
  const [engine, here, minutes] = [params.text('engine'), params.text('here'), params.number('minutes')];
  const back = t('To go back to it, choose its engine again (Docker context or DOCKER_HOST) and reload the window.');
  if (params.is('started')) {
    return [
      here === ''
        ? t('This is a new sandbox. The one before, with its variables, is on another container engine: {0}.', engine)
        : t(
            'This is a new sandbox, on {0}. The one before, with its variables, is on another container engine: {1}.',
            here,
            engine,
          ),
      back + ' ' + t('Without a window it ends after {0} minutes. Or run the cells above again.', minutes),
    ];
  }
  return [
    here === ''
      ? t('The sandbox of this notebook is on {0}, and another container engine answers now in its place.', engine)
      : t('The sandbox of this notebook is on another container engine: {0}. This window uses {1}.', engine, here),
    back +
      ' ' +
      (minutes > 0
        ? t(
            'A cell that you run here starts a new sandbox; the other one ends by itself after {0} minutes without a window.',
            minutes,
          )
        : t('A cell that you run here starts a new sandbox.')),
  ];
}
