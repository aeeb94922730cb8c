import { accessSync, constants, existsSync } from 'node:fs';
import { Failure } from './failure.mjs';
import { findCommand } from './tools.mjs';

/** How each package manager installs an engine. */
const INSTALL = [
  ['apt-get', 'sudo apt-get install -y docker.io'],
  ['dnf', 'sudo dnf install -y podman-docker && systemctl --user enable --now podman.socket'],
  ['pacman', 'sudo pacman -S docker && sudo systemctl start docker'],
  ['zypper', 'sudo zypper install docker && sudo systemctl start docker'],
  ['brew', 'brew install colima docker && colima start'],
  ['winget', 'winget install Docker.DockerDesktop'],
];
/** What starts an engine that is installed. */
const START = [
  ['colima', 'colima start'],
  ['orb', 'orb start'],
  ['systemctl', 'sudo systemctl start docker', 'dockerd'],
];

/**
 * What is missing for an engine where these scripts install nothing themselves: words, and the one command to run.
 * @param {string} socket where the engine was looked for, as `unix:///var/run/docker.sock`
 * @returns {Failure}
 */
export function missingEngine(socket) {
  if (process.env.DOCKER_HOST) {
    return new Failure(`No container engine answers at ${socket}, which DOCKER_HOST names.`, { nextStep: 'unset DOCKER_HOST' });
  }
  const file = socket.replace(/^unix:\/\//, '');
  if (existsSync(file) && !mayUse(file)) {
    return new Failure(`You may not use the container engine at ${socket}.`, { nextStep: 'sudo usermod -aG docker "$USER" && newgrp docker' });
  }
  const installed = START.find(([command, , engine = command]) => findCommand(command) && findCommand(engine));
  const known = installed ?? INSTALL.find(([command]) => findCommand(command));
  return new Failure(`No container engine answers at ${socket}, and one is needed: Docker or Podman.`, {
    nextStep: known?.[1] ?? 'Install Docker or Podman and start it.',
  });
}

function mayUse(file) {
  try {
    accessSync(file, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
