import { existsSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { Failure } from './failure.mjs';
import { step } from './log.mjs';
import { findCommand, run } from './tools.mjs';

/** The browser for window tests: `$CHROMIUM`, otherwise an installed one that Playwright can control. */
export const findBrowser = () =>
  process.env.CHROMIUM || findCommand('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable');

const hasFonts = () => process.platform !== 'linux' || existsSync('/usr/share/fonts/truetype');
const hasVenv = () => spawnSync('python3', ['-c', 'import venv, ensurepip']).status === 0;

/** The Debian packages of each ability, and how to detect it. */
const NEEDS = {
  engine: [
    { name: 'docker.io', present: () => findCommand('dockerd') },
    { name: 'iptables', present: () => findCommand('iptables') },
  ],
  'base images': [{ name: 'mmdebstrap', present: () => findCommand('mmdebstrap') }],
  browser: [
    { name: 'chromium', present: () => findBrowser() },
    { name: 'fonts-dejavu-core', present: hasFonts },
  ],
  podman: [
    { name: 'podman', present: () => findCommand('podman') },
    { name: 'runc', present: () => findCommand('runc') },
    { name: 'containernetworking-plugins', present: () => findCommand('netavark') || existsSync('/usr/lib/cni') },
    { name: 'iptables', present: () => findCommand('iptables') },
  ],
  networks: [{ name: 'iproute2', present: () => process.platform !== 'linux' || findCommand('ip') }],
  python: [
    { name: 'python3', present: () => findCommand('python3') },
    { name: 'python3-venv', present: hasVenv },
  ],
};

/** Whether this script may install system packages: it is root on a machine with apt. */
export const mayInstall = () => process.getuid?.() === 0 && findCommand('apt-get') !== undefined;

/**
 * Installs the missing packages of these abilities in one call of apt, because two calls would wait for each other's
 * lock. If this script may not install packages, it reports what is missing and how to install it.
 * @param {readonly (keyof typeof NEEDS)[]} abilities
 */
export async function ensureSystemPackages(abilities) {
  const missing = abilities
    .flatMap((ability) => NEEDS[ability])
    .filter((need) => !need.present())
    .map((need) => need.name);
  if (missing.length === 0) {
    return;
  }
  if (!mayInstall()) {
    throw new Failure(`These packages are missing: ${missing.join(', ')}.`, {
      nextStep: findCommand('apt-get')
        ? `sudo apt-get install -y --no-install-recommends ${missing.join(' ')}`
        : `Install them with your system's package manager (Debian's names: ${missing.join(' ')}).`,
    });
  }
  await step(`installed ${missing.join(', ')}`, () => install(missing));
}

/** Updates Debian's package lists, once per process. */
let updated = false;

async function install(names) {
  const wait = ['-o', 'DPkg::Lock::Timeout=300'];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args) => run('apt-get', [...wait, ...args], { deadline: 600_000, env });
  if (!updated) {
    await apt('update');
    updated = true;
  }
  await apt('install', '-y', '--no-install-recommends', ...names);
}

/**
 * Returns the Debian mirror of this machine's own apt, or undefined if it has none (Ubuntu, macOS).
 * @returns {Promise<string | undefined>}
 */
export async function debianMirror() {
  if (!findCommand('apt-get')) {
    return undefined;
  }
  const format = '$(REPO_URI)|$(COMPONENT)|$(ORIGIN)|$(LABEL)';
  const targets = await run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], {
    deadline: 30_000,
  });
  const main = targets.split('\n').find((line) => line.endsWith('|main|Debian|Debian'));
  return main?.split('|')[0];
}
