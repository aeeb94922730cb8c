import { accessSync, constants, existsSync } from 'node:fs';
import { Failure } from './failure.mjs';
import { findCommand } from './tools.mjs';

/** The command with which each package manager installs an engine. */
const INSTALL = [
  ['apt-get', 'sudo apt-get install -y docker.io'],
  ['dnf', 'sudo dnf install -y podman-docker && systemctl --user enable --now podman.socket'],
  ['pacman', 'sudo pacman -S docker && sudo systemctl start docker'],
  ['zypper', 'sudo zypper install docker && sudo systemctl start docker'],
  ['brew', 'brew install colima docker && colima start'],
  ['winget', 'winget install Docker.DockerDesktop'],
];
/** The commands that start an installed engine. */
const START = [
  ['colima', 'colima start'],
  ['orb', 'orb start'],
  ['systemctl', 'sudo systemctl start docker', 'dockerd'],
  ['systemctl', 'systemctl --user enable --now podman.socket', 'podman'],
  ...(process.platform === 'linux' ? [] : [['podman', 'podman machine start']]),
];
/** The commands that start the engine of a Docker context. */
const START_CONTEXT = [
  [/^colima$/, 'colima start'],
  [/^colima-./, (context) => `colima start ${context.slice('colima-'.length)}`],
  [/^orbstack$/, 'orb start'],
  [/^rancher-desktop$/, 'rdctl start'],
  [
    /^desktop-linux$/,
    () => (process.platform === 'linux' ? 'systemctl --user start docker-desktop' : 'docker desktop start'),
  ],
];

/**
 * Returns a failure that describes the missing engine, with the one command to run, where these scripts install nothing
 * themselves.
 * @param {readonly { label: string, socketPath?: string, named?: { by: string, context?: string } }[]} tried where the engine was looked for
 * @returns {Failure}
 */
export function missingEngine(tried) {
  const [{ label, named }] = tried;
  const denied = tried.find(
    ({ socketPath }) => socketPath !== undefined && existsSync(socketPath) && !mayUse(socketPath),
  );
  if (denied) {
    return new Failure(`You may not use the container engine at ${denied.label}.`, {
      nextStep: 'sudo usermod -aG docker "$USER" && newgrp docker',
    });
  }
  if (named?.by === 'DOCKER_HOST') {
    return new Failure(`No container engine answers at ${label}, which DOCKER_HOST names.`, {
      nextStep: 'unset DOCKER_HOST',
    });
  }
  if (named !== undefined) {
    const [, start] = START_CONTEXT.find(([context]) => context.test(named.context)) ?? [];
    return new Failure(
      `No container engine answers at ${label}, which the current Docker context "${named.context}" names.`,
      {
        nextStep: (typeof start === 'function' ? start(named.context) : start) ?? anotherContext(named.by),
      },
    );
  }
  const installed = START.find(([command, , engine = command]) => findCommand(command) && findCommand(engine));
  const known = installed ?? INSTALL.find(([command]) => findCommand(command));
  const elsewhere = tried.length > 1 ? ', nor at the other usual places' : '';
  return new Failure(`No container engine answers at ${label}${elsewhere}, and one is needed: Docker or Podman.`, {
    nextStep: known?.[1] ?? 'Install Docker or Podman and start it.',
  });
}

/**
 * Returns a failure about an address, or a Docker context, that names no usable engine.
 * @param {Error & { params?: { tried?: string, reason?: string, by?: string } }} error of `endpointCandidates`
 * @returns {Error}
 */
export function unusableEngine(error) {
  const { tried, reason, by } = error.params ?? {};
  return by === undefined
    ? error
    : new Failure(
        `${by === 'DOCKER_HOST' ? 'DOCKER_HOST' : 'The current Docker context'} names no engine that can be used: ${tried} (${reason}).`,
        {
          cause: error,
          nextStep: by === 'DOCKER_HOST' ? 'unset DOCKER_HOST' : anotherContext(by),
        },
      );
}

const anotherContext = (by) => (by === 'DOCKER_CONTEXT' ? 'unset DOCKER_CONTEXT' : 'docker context use default');

function mayUse(file) {
  try {
    accessSync(file, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
