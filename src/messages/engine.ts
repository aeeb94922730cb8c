import { because, join, type Params, type Sentences, type Translate } from './words';

/**
 * Products that are recognized by the Docker context that they make current, or by their socket, and the command that starts each; '' if it
 * has none. `test/unit/engineEndpoint.test.ts` has the sources.
 */
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
/** Reasons for which an engine cannot be used although something may answer at its address. */
const UNUSABLE = ['ssh', 'tls', 'malformed', 'contextMissing', 'contextBroken', 'configBroken'];

/** Sentences about `DOCKER_HOST` or a Docker context that names an engine which cannot be used or does not answer. */
export function namedEngine(params: Params, t: Translate): Sentences {
  const [by, context, tried, reason] = [
    params.text('by'),
    params.text('context'),
    params.text('tried'),
    params.text('reason'),
  ];
  if (by !== 'DOCKER_HOST' && context === '') {
    return [
      t("Docker's configuration {0} cannot be used.", tried) + because(t, fileProblem(params, t)),
      t('Repair or remove that file, then run the cell again.'),
    ];
  }
  const product = UNUSABLE.includes(reason)
    ? undefined
    : PRODUCTS.find((one) => one.context.test(context) || one.socket.test(tried));
  const start = UNUSABLE.includes(reason)
    ? ''
    : product === undefined
      ? t('Start that engine, then run the cell again.')
      : startOf(product, context, t);
  if (by === 'DOCKER_HOST') {
    return [
      join(
        product === undefined
          ? t('DOCKER_HOST is {0}.', tried)
          : t('{0} is not running: DOCKER_HOST is {1}.', product.name, tried),
        addressProblem(reason, t),
      ),
      join(
        start,
        t(
          'To use another engine, unset DOCKER_HOST or set it to a socket such as unix:///var/run/docker.sock, and start VS Code again.',
        ),
      ),
    ];
  }
  return [
    contextProblem(params, product?.name, t),
    join(
      start,
      by === 'DOCKER_CONTEXT'
        ? t(
            'To use another engine, set DOCKER_CONTEXT to a context of an engine on this computer (see "docker context ls"), and start VS Code again.',
          )
        : t(
            'To use another engine, choose a context of an engine on this computer ("docker context ls", "docker context use default"), then run the cell again.',
          ),
    ),
  ];
}

function contextProblem(params: Params, product: string | undefined, t: Translate): string {
  const [context, tried, reason] = [params.text('context'), params.text('tried'), params.text('reason')];
  switch (reason) {
    case 'contextMissing':
      return t('The current Docker context "{0}" does not exist.', context);
    case 'contextBroken':
      return (
        t('The current Docker context "{0}" ({1}) cannot be used.', context, tried) + because(t, fileProblem(params, t))
      );
    default:
      return join(
        product === undefined
          ? t('The current Docker context "{0}" is {1}.', context, tried)
          : t('{0} is not running: the current Docker context "{1}" is {2}.', product, context, tried),
        addressProblem(reason, t),
      );
  }
}

/** How to start a product. Each profile of Colima has a context of its own. */
function startOf({ start }: (typeof PRODUCTS)[number], context: string, t: Translate): string {
  const profile = /^colima-(.+)$/.exec(context)?.[1];
  return start === ''
    ? t('Start it, then run the cell again.')
    : t('Start it ("{0}"), then run the cell again.', profile === undefined ? start : `${start} ${profile}`);
}

/** A sentence about what is wrong with the address of an engine. */
function addressProblem(reason: string, t: Translate): string {
  switch (reason) {
    case 'ssh':
      return t('Engines over SSH are not supported yet. Use an engine with a local socket.');
    case 'tls':
      return t('Engines over TLS are not supported yet. Use an engine with a local socket.');
    case 'malformed':
      return t('That is not the address of an engine.');
    default:
      return t('No engine answers there.');
  }
}

const fileProblem = (params: Params, t: Translate): string => params.text('detail') || t('The file cannot be read.');

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

/** Sentences about a limit of a sandbox that the engine did not apply, see `src/engine/limits.ts`. */
export function limitNotApplied(params: Params, t: Translate): Sentences {
  const limit = params.text('limit');
  const rootless = t('A rootless engine needs cgroup v2, with that limit delegated to its user.');
  const countMemory = t(
    'Linux must count it for containers: start the system with "cgroup_enable=memory swapaccount=1".',
  );
  const updateOtherwise = t('If that does not help, update the engine.');
  switch (limit) {
    case 'memory':
      return [
        t('The container engine did not apply the limit of memory, so the sandbox was not started.'),
        join(countMemory, rootless),
      ];
    case 'swap':
      return [
        t('The container engine did not apply the limit of swap, so the sandbox was not started.'),
        join(countMemory, rootless),
      ];
    case 'pids':
      return [
        t('The container engine did not apply the limit of processes, so the sandbox was not started.'),
        join(rootless, updateOtherwise),
      ];
    case 'cpus':
      return [
        t('The container engine did not apply the limit of processors, so the sandbox was not started.'),
        join(rootless, updateOtherwise),
      ];
    case 'seccomp':
      return [
        t('The container engine runs without its seccomp profile, so the sandbox was not started.'),
        t('Start the engine with its default profile, on a system that has seccomp, then run the cell again.'),
      ];
    case '':
      return [
        t('The container engine did not apply a limit, so the sandbox was not started.'),
        t('Update the engine, then run the cell again.'),
      ];
    default:
      return [
        t('The container engine did not apply a restriction of the sandbox ({0}), so it was not started.', limit),
        t('Update the engine, then run the cell again.'),
      ];
  }
}

/**
 * Sentences about a notebook whose sandbox is not on the engine in use. Parameters: `here` is the engine in use, if it is known; `minutes`
 * is how long the sandbox lives without a window, if that is known; `started` says that a new sandbox was started.
 */
export function otherEngine(params: Params, t: Translate): Sentences {
  const [engine, here, minutes] = [params.text('engine'), params.text('here'), params.number('minutes')];
  const back = t(
    'To go back to that sandbox, choose its engine again (Docker context or DOCKER_HOST) and reload the window.',
  );
  if (params.is('started')) {
    return [
      here === ''
        ? t('This is a new sandbox. The previous one, with its variables, is on another container engine: {0}.', engine)
        : t(
            'This is a new sandbox, on {0}. The previous one, with its variables, is on another container engine: {1}.',
            here,
            engine,
          ),
      join(back, t('It ends after {0} minutes without a window. Or run the cells above again.', minutes)),
    ];
  }
  return [
    here === ''
      ? t('The sandbox of this notebook is on {0}, but another container engine answers now.', engine)
      : t('The sandbox of this notebook is on another container engine: {0}. This window uses {1}.', engine, here),
    join(
      back,
      minutes > 0
        ? t(
            'A cell that you run here starts a new sandbox; the other one ends after {0} minutes without a window.',
            minutes,
          )
        : t('A cell that you run here starts a new sandbox.'),
    ),
  ];
}
