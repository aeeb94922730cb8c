import { FAILURE_CODES, SandboxError, type FailureCode, type FailureParams } from './protocol/errors';
import type { Failure } from './protocol/messages';

/** What the user reads: `name` and `message` as an error has them, then what to do. No other file has sentences about failures. */
export interface Message { name: string; message: string; nextStep: string }
/** `vscode.l10n.t`: `{0}` is the first argument. */
export type Translate = (message: string, ...args: (string | number)[]) => string;
export interface Surroundings { t: Translate; platform: NodeJS.Platform }

export const untranslated: Translate = (message, ...args) => message.replace(/\{(\d)\}/g, (whole, index: string) => String(args[Number(index)] ?? whole));

/** What is told and is no failure, by the runner for the most part. */
export const NOTICE_CODES = [
  'StateLost', 'OutputDropped', 'OutputLost', 'ChildKilled', 'DiskFull', 'PidsExhausted', 'OutOfReach', 'StdinRead', 'Restarted', 'InputTooLong',
] as const;
type Code = FailureCode | (typeof NOTICE_CODES)[number];
const CODES: ReadonlySet<string> = new Set([...FAILURE_CODES, ...NOTICE_CODES]);
const isCode = (code: string): code is Code => CODES.has(code);

/** A failure's sentence. What comes from a sandbox may be anything: an unknown code is named, not believed. */
export function describe(problem: Failure | SandboxError, { t, platform }: Surroundings): Message {
  const { code, params } = problem;
  const name = isCode(code) ? code : t('UnknownFailure');
  const [message, nextStep] = isCode(code)
    ? sentences(code, new Params(params), t, platform)
    : [t('The sandbox reported "{0}".', clean(code)), t('See the log for details.')];
  const setting = problem instanceof SandboxError ? problem.setting : undefined;
  const names = setting === undefined || `${message} ${nextStep}`.includes(settingName(setting));
  return { name, message, nextStep: names ? nextStep : join(nextStep, t('Setting: {0}.', settingName(setting))) };
}

/** One short paragraph. */
export const paragraph = ({ message, nextStep }: Message): string => join(message, nextStep);

export const settingName = (setting: string): string => (setting.startsWith('sandboxedIPython.') ? setting : `sandboxedIPython.${setting}`);

/** As `1 GB`, `512 MB`: binary units, as in the settings. */
export function bytes(count: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) { value /= 1024; }
  return `${Number(value.toFixed(value < 10 ? 1 : 0))} ${units[unit]}`;
}

type Sentences = readonly [message: string, nextStep: string];

function sentences(code: Code, params: Params, t: Translate, platform: NodeJS.Platform): Sentences {
  const reason = params.text('reason');
  switch (code) {
    case 'EngineNotFound':
      return params.text('by') !== '' ? namedEngine(params, t) : [
        t('No container engine is running on this computer. Notebooks run in a container, so Docker or Podman is needed.'), installHint(t, platform)];
    case 'EngineDenied':
      return [
        t('You may not use the container engine{0}.', at(t, params)),
        platform === 'linux'
          ? t('Run "sudo usermod -aG docker $USER", sign out and in again, then run the cell again. Or use rootless Podman or Docker.')
          : t('Check that your account may use it, then run the cell again.')];
    case 'EngineTooOld':
      return [
        params.text('apiVersion') === '' ? t('The container engine is too old.')
          : t('The container engine{0} is too old: it is version {1} with API {2}, at least API {3} is needed.',
            at(t, params), params.text('version'), params.text('apiVersion'), params.text('required')),
        t('Update Docker to 19.03 or later, or Podman to 4 or later, then run the cell again.')];
    case 'EngineSilent':
      return [
        t('The container engine{0} does not answer.', at(t, params)),
        t('Restart it (Docker Desktop: "Restart"; Linux: "sudo systemctl restart docker"), then run the cell again.')];
    case 'EngineFailed':
      return [t('The container engine could not do what was asked.') + because(t, reason), fullDisk(reason, t) ?? t('Run the cell again. If it fails again, restart the engine.')];
    case 'ImageFailed':
      return [
        params.text('step') === '' ? t('The sandbox image could not be made.') + because(t, reason)
          : t('The sandbox image could not be made ({0}).', stepText(params.text('step'), undefined, t)) + because(t, reason),
        fullDisk(reason, t) ?? networkStep(params.text('trouble'), t)];
    case 'BaseUnusable':
      return [
        t('The base image {0} cannot be used.', params.text('image')) + because(t, baseProblem(params, t)),
        t('Set sandboxedIPython.image to an image with Python 3.9 or later and pip, such as python:3.13-slim.')];
    case 'LimitNotApplied':
      return [
        params.text('limit') === '' ? t('The container engine did not apply a limit, so the sandbox was not started.')
          : t('The container engine did not apply the limit "{0}", so the sandbox was not started.', params.text('limit')),
        t('Use Docker, or Podman on a system with cgroup v2, so that a cell cannot take the whole computer.')];
    case 'StartFailed':
      return [t('The sandbox could not be started.') + because(t, reason), fullDisk(reason, t) ?? t('Run the cell again. If it fails again, see the log: "Sandboxed IPython: Show Log".')];
    case 'KernelDied':
      if (params.text('path') !== '') return noRoomForMapping(params, t);
      return [
        params.text('signal') !== '' ? t('Python was ended by {0}.', params.text('signal'))
          : t('Python ended{0}.', params.number('exitcode') > 0 ? t(' with exit code {0}', params.number('exitcode')) : '') + because(t, reason),
        t('Its variables are lost; files are kept. Run the cells above again: the next cell starts a fresh kernel.')];
    case 'OutOfMemory':
      return [
        t('The cell ran out of memory: the limit is {0}.', bytes(params.number('limit'))) + (params.number('tmpfs') > params.number('limit') / 10
          ? ' ' + t('Files in the sandbox take {0} of it.', bytes(params.number('tmpfs'))) : ''),
        t('Variables are lost. Use less data, or raise the setting sandboxedIPython.maxMemory.')];
    case 'TimedOut':
      return [
        params.is('killed')
          ? t('The cell ran longer than {0} s and did not react to an interrupt, so its kernel was ended and its variables are lost.', params.number('timeout'))
          : t('The cell ran longer than {0} s and was interrupted. Variables are kept.', params.number('timeout')),
        t('For longer work raise the setting sandboxedIPython.timeout (0 = no limit).')];
    case 'Interrupted':
      return params.is('killed')
        ? [t('The cell did not react to the interrupt, so its kernel was ended and its variables are lost.'), t('The next cell starts a fresh kernel.')]
        : [t('The cell was interrupted.'), t('Variables are kept.')];
    case 'Aborted':
      return aborted(reason, t);
    case 'SandboxGone':
      return [
        t('The sandbox ended{0}; its variables and files are lost.', whyGone(params, t)),
        t('Run the cells again from the top: the next cell starts a new sandbox.')];
    case 'InUse':
      return [t('Another window uses the sandbox of this notebook.'), t('Close the notebook there, or run the cell again and choose "Use Here".')];
    case 'StateLost':
      return [t('This is a new sandbox: the one before ended{0}. Its variables and files are lost.', whyGone(params, t)), t('Run the cells above again.')];
    case 'SandboxPaused':
      return [t('The sandbox\'s container is paused.'), t('Cells go on when it is unpaused ("docker unpause").')];
    case 'SandboxSilent':
      return [
        params.number('seconds') > 0 ? t('The sandbox did not answer within {0} s.', params.number('seconds')) : t('The sandbox does not answer.'),
        t('It may be overloaded: interrupt the cell, or use "Reset Sandbox State".')];
    case 'ProtocolViolation':
      if (params.text('problem') === 'output') return [t('Output of this cell could not be read, and is left out.') + because(t, reason), t('The log has more: "Sandboxed IPython: Show Log".')];
      return [t('The sandbox sent or was sent something that is not allowed.') + because(t, reason), t('Use "Reset Sandbox State", then run the cell again.')];
    case 'SettingInvalid':
      return [
        params.text('setting') === '' ? t('A setting has a value that cannot be used.') : t('The setting {0} cannot be "{1}".', settingName(params.text('setting')), params.text('value')),
        params.text('allowed') !== '' ? t('Allowed: {0}. Change it and run the cell again.', params.text('allowed')) : t('Change it and run the cell again.')];
    case 'InstallFailed':
      return installFailure(params, t);
    case 'InstallTooLarge':
      return [
        t('The packages need more than {0}, so nothing was installed.', bytes(params.number('limit'))),
        t('Install fewer, or set sandboxedIPython.image to an image that has them.')];
    case 'InstallRefused':
      return installRefusal(params, t);
    case 'CommRefused':
      return commRefusal(params, t);
    case 'Cancelled':
      if (params.text('operation') === 'install') return [t('The installation was cancelled.'), t('Nothing was installed.')];
      return [t('The start of the sandbox was cancelled.'), t('Run the cell again to start it.')];
    case 'FilesNotCopied':
      return [
        t('The files beside the notebook are not in the sandbox.') + because(t, reason),
        t('Cells run without them. "Restart Kernel" copies them with the next cell.')];
    case 'FilesLeftOut':
      return filesLeftOut(params, t);
    case 'OutputDropped':
      return [
        params.number('total') > 0
          ? t('{0} of {1} of output ({2} of {3} bytes) were dropped: a cell may show {4}.', bytes(params.number('bytes')), bytes(params.number('total')),
            params.number('bytes').toLocaleString('en-US'), params.number('total').toLocaleString('en-US'), bytes(params.number('limit')))
          : t('{0} of output were dropped: a cell may show {1}.', bytes(params.number('bytes')), bytes(params.number('limit'))),
        t('Show less, or raise the setting sandboxedIPython.maxOutput.')];
    case 'OutputLost':
      return [
        t('{0} of output were lost while the window was not connected: the sandbox keeps the last {1}.', bytes(params.number('bytes')), bytes(params.number('limit'))),
        t('To keep more, raise the setting sandboxedIPython.logBudget.')];
    case 'ChildKilled':
      return [
        t('A process that the cell started was ended because the sandbox ran out of memory: the limit is {0}.', bytes(params.number('limit'))),
        t('Variables are kept. Use less data, or raise the setting sandboxedIPython.maxMemory.')];
    case 'InputTooLong':
      return [
        t('The cell asked to put {0} characters into the notebook; a cell is given {1} at most.', params.number('characters'), params.number('limit')),
        t('Load a part of them, such as "%load -r 1-500 file.py".')];
    case 'StdinRead':
      return [
        t('A program of this cell, or the cell itself, read standard input. It is empty here, so it got end-of-file at once.'),
        t('To ask somebody use input("Name? "); give a program its input from a file or by a pipe.')];
    case 'DiskFull':
      return [
        params.text('path') === '' ? t('A file did not fit into the sandbox, whose places for files are /sandbox, /tmp and /dev/shm.')
          : t('{0} is full: it holds {1}.', params.text('path'), bytes(params.number('limit'))),
        t('The cell goes on. Remove files, or raise the setting sandboxedIPython.maxMemory: /sandbox has half of it, /tmp and /dev/shm a quarter each.')];
    case 'PidsExhausted':
      return [
        t('The sandbox has no room for more processes and threads{0}.', params.number('limit') > 0 ? t(': the limit is {0}', params.number('limit')) : ''),
        t('The cell goes on. Start fewer, or raise the setting sandboxedIPython.pids.')];
    case 'OutOfReach':
      return outOfReach(params, t);
    case 'Restarted':
      return [t('A fresh kernel was started.'), reason === 'reset' ? '' : t('Variables are lost; run the cells above again.')];
  }
}

/** What to do where the engine has no room; undefined: it does not say so. */
const fullDisk = (reason: string, t: Translate): string | undefined => (/no space left on device/i.test(reason)
  ? t('Make room on the disk where the engine keeps its data ("docker system df", "docker system prune"), then run the cell again.') : undefined);

/** A condition of a cell that goes on, see `src/session/conditions.ts`; with `seconds` it is over. */
function outOfReach(params: Params, t: Translate): Sentences {
  const [cause, over, seconds] = [params.text('cause'), params.has('seconds'), params.number('seconds')];
  const goesOn = t('The cell goes on, and its output comes when there is an answer again.');
  if (cause === 'SandboxPaused') {
    return over ? [t('The sandbox\'s container was paused for {0} s.', seconds), '']
      : [t('The sandbox\'s container is paused.'), t('The cell goes on when it is unpaused ("docker unpause").')];
  }
  if (cause.startsWith('Engine') && cause !== 'EngineFailed') {
    return over ? [t('The container engine did not answer for {0} s.', seconds), '']
      : [t('The container engine does not answer.'), join(goesOn, t('Start the engine, or restart it.'))];
  }
  return over ? [t('The sandbox did not answer for {0} s.', seconds), '']
    : [t('The sandbox does not answer.') + because(t, params.text('reason')), join(goesOn, t('If it does not come: interrupt the cell, or "Restart Kernel".'))];
}

/** A file that is mapped, or shared memory, has no other way to say that its place is full. */
const noRoomForMapping = (params: Params, t: Translate): Sentences => [
  t('Python was ended by {0}: shared memory or a mapped file found no room, probably in {1}, which holds {2}.', params.text('signal'), params.text('path'), bytes(params.number('limit'))),
  t('Its variables are lost; files are kept. Use less of it, or raise the setting sandboxedIPython.maxMemory: /sandbox has half of it, /tmp and /dev/shm a quarter each.')];

/** What kept libraries from being installed, see `src/engine/installer.ts`. */
function installFailure(params: Params, t: Translate): Sentences {
  const reason = params.text('reason');
  switch (params.text('problem')) {
    case 'noPip': return [t('The image of the sandbox has no pip.'), t('Add the packages to the setting sandboxedIPython.packages: the image is then made with them.')];
    case 'busy': return [t('Another installation into this sandbox is going on.'), t('Install again when it is over.')];
    case 'container': return [t('The installation could not be started.') + because(t, reason), t('Try again, and see the log: "Sandboxed IPython: Show Log".')];
    case 'memory': case 'time': return [t('The installation was ended, and nothing was installed.') + because(t, reason), t('Install fewer packages at once.')];
    default: return [t('The packages could not be installed.') + because(t, reason), params.text('trouble') === '' ? t('Check names and versions. Only wheels for this Python are taken.') : networkStep(params.text('trouble'), t)];
  }
}

/** What was asked for and is not done, see `src/session/installs.ts`. */
function installRefusal(params: Params, t: Translate): Sentences {
  switch (params.text('problem')) {
    case 'requirement':
      return [
        t('"{0}" cannot be installed.', params.text('requirement')),
        t('Name packages of the package index with extras and versions, such as pandas or numpy>=2,<3; no options, addresses or paths.')];
    case 'none': return [t('No package was named.'), t('Name packages of the package index, such as pandas or numpy>=2,<3.')];
    case 'tooMany': return [t('More packages were named than one installation takes: {0}.', params.number('limit')), t('Install fewer at once.')];
    default: return [t('This sandbox has asked for too many installations.'), t('Close the notebook and open it again for a fresh sandbox.')];
  }
}

function whyGone(params: Params, t: Translate): string {
  const minutes = params.number('minutes');
  switch (params.text('reason')) {
    case 'removed': return t(' because its container was removed');
    case 'restarted': return t(' because its container was restarted');
    case 'stopped': return t(' because its container was stopped');
    case 'silent': return t(' because it did not answer the reset');
    case 'noKernel': return t(' because Python did not start in it any more');
    case 'idle': return minutes > 0 ? t(' because it was not used for {0} minutes (setting sandboxedIPython.idleTimeout)', minutes) : t(' because it was not used (setting sandboxedIPython.idleTimeout)');
    case 'lease': return minutes > 0 ? t(' because no window had the notebook open for {0} minutes (setting sandboxedIPython.keepAlive)', minutes) : t(' because no window had the notebook open (setting sandboxedIPython.keepAlive)');
    default: return params.number('exitCode') > 0 ? t(' (exit code {0})', params.number('exitCode')) : '';
  }
}

/** A widget's message that was not sent, see `src/session/comms.ts`. */
function commRefusal(params: Params, t: Translate): Sentences {
  switch (params.text('problem')) {
    case 'tooLong': return [t('A widget\'s message was not sent: it is over {0}.', bytes(params.number('limit'))), t('Send less at once.')];
    case 'tooMany': return [t('A widget\'s message was not sent: too many wait for the kernel.'), t('Wait for the running cell, or interrupt it.')];
    default: return [t('A widget\'s message was not sent: it is not made as one.'), t('Run the cell that shows the widget again.')];
  }
}

function aborted(reason: string, t: Translate): Sentences {
  switch (reason) {
    case 'error': return [t('Not run, because a cell before it failed.'), t('Run it again when the error is mended.')];
    case 'interrupt': return [t('Not run, because the run was interrupted.'), t('Run it again.')];
    case 'reset': return [t('Ended, because the kernel was restarted.'), t('Run it again.')];
    case 'died': return [t('Not run, because the kernel ended.'), t('Run the cells again from the top.')];
    case 'detached': return [t('This window left the sandbox while the cell ran.'), t('Open the notebook again to see its output.')];
    default: return [t('Ended, because the sandbox was closed.'), t('Run it again.')];
  }
}

/** What to do about an image that could not be made, by what stood in the way to the network (`src/engine/image/pip-output.ts`). */
function networkStep(trouble: string, t: Translate): string {
  switch (trouble) {
    case 'certificate':
      return t('If this network opens encrypted traffic, name its certificate authority, a PEM file, in the setting sandboxedIPython.caBundle, then run the cell again.');
    case 'proxy':
      return t('Check the proxy and its password in the setting sandboxedIPython.proxy, in http.proxy or in HTTPS_PROXY, then run the cell again. Containers must reach it: a proxy at localhost they do not.');
    case 'network':
      return t('Check the network. If it needs a proxy, name it in the setting sandboxedIPython.proxy. Then run the cell again.');
    default:
      return t('Check the network and the settings sandboxedIPython.image and sandboxedIPython.packages, then run the cell again.');
  }
}

/** See `src/session/files/left-out.ts`. */
function filesLeftOut(params: Params, t: Translate): Sentences {
  const count = params.number('count');
  const path = plain(params.text('path'));
  const first = path === '' ? '' : ` ${path}${params.number('size') > 0 ? ` (${bytes(params.number('size'))})` : ''} ${why()}.`;
  return [
    (count > 1 ? t('{0} files of the notebook\'s folder are not in the sandbox:', count) : t('Files of the notebook\'s folder are not in the sandbox:')) + (first || ' …'),
    isRoom() ? t('For more room raise the setting sandboxedIPython.maxMemory. The log names what is missing.') : t('The log names what is missing.')];

  function isRoom(): boolean { return ['tooLarge', 'tooMuch', 'full'].includes(params.text('reason')); }
  function why(): string {
    switch (params.text('reason')) {
      case 'tooLarge': return t('is over {0}', bytes(params.number('limit')));
      case 'tooMuch': return t('and others are over {0} in all', bytes(params.number('limit')));
      case 'tooMany': return t('and others are over {0} files', params.number('limit'));
      case 'more': case 'slow': return t('has too many files to look at');
      case 'name': return t('has a name that a sandbox cannot have');
      case 'unreadable': return t('cannot be read');
      case 'changed': return t('changed while it was read');
      case 'full': return t('found no room');
      default: return t('could not be written');
    }
  }
}

/** What is wrong with a base image, see `src/engine/image/failures.ts`. */
function baseProblem(params: Params, t: Translate): string {
  const reason = params.text('reason');
  switch (params.text('problem')) {
    case 'noPython':
      return /executable file not found|no such file/i.test(reason) ? t('it has no Python') : t('its Python does not start ({0})', reason);
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

/** `DOCKER_HOST` or a Docker context names an engine that cannot be used or is not there. */
function namedEngine(params: Params, t: Translate): Sentences {
  const [by, context, tried, reason] = [params.text('by'), params.text('context'), params.text('tried'), params.text('reason')];
  const problem = engineProblem(reason, params.text('detail'), t);
  const start = ['ssh', 'tls', 'malformed', 'contextMissing', 'contextBroken'].includes(reason) ? '' : t('Start that engine and run the cell again. Or: ');
  if (by === 'DOCKER_HOST') {
    return [t('DOCKER_HOST is {0}, and {1}.', tried, problem), start + t('Unset DOCKER_HOST or set it to a socket such as unix:///var/run/docker.sock, and start VS Code again.')];
  }
  if (context === '') return [t('Docker\'s configuration {0} cannot be used: {1}.', tried, problem), t('Repair or remove that file, then run the cell again.')];
  return [
    reason === 'contextMissing' ? t('The current Docker context "{0}" does not exist.', context)
      : reason === 'contextBroken' ? t('The current Docker context "{0}" cannot be used: {2} ({1}).', context, tried, problem)
        : t('The current Docker context "{0}" is {1}, and {2}.', context, tried, problem),
    start + (by === 'DOCKER_CONTEXT' ? t('Set DOCKER_CONTEXT to a context of an engine on this computer (see "docker context ls"), and start VS Code again.')
      : t('Choose a context of an engine on this computer ("docker context ls", "docker context use default"), then run the cell again.'))];
}

function engineProblem(reason: string, detail: string, t: Translate): string {
  switch (reason) {
    case 'ssh': return t('engines over SSH are not supported yet, those behind a local socket are');
    case 'tls': return t('engines over TLS are not supported yet, those behind a local socket are');
    case 'malformed': return t('that is no address of an engine');
    case 'contextBroken': case 'configBroken': return detail === '' ? t('its file cannot be read') : detail;
    default: return t('no engine answers there');
  }
}

function installHint(t: Translate, platform: NodeJS.Platform): string {
  switch (platform) {
    case 'darwin': return t('Start Docker Desktop, OrbStack, Colima or Podman Desktop (or install one), then run the cell again.');
    case 'win32': return t('Start Docker Desktop or Podman Desktop (or install one), or open the folder in WSL, then run the cell again.');
    default: return t('Start it ("sudo systemctl start docker") or install Docker Engine or Podman, then run the cell again.');
  }
}

/** The steps of making the image, for the progress notification. */
export function stepText(code: string, detail: string | undefined, t: Translate): string {
  const step = STEPS[code];
  const text = step === undefined ? clean(code) : step(t);
  return detail === undefined || detail === '' ? text : `${text}: ${clean(detail)}`;
}

const STEPS: Record<string, (t: Translate) => string> = {
  connecting: (t) => t('looking for a container engine'),
  waitingForOther: (t) => t('waiting for another window that makes the same image'),
  pullingBase: (t) => t('downloading the base image'),
  startingContainer: (t) => t('starting the base image'),
  checkingBase: (t) => t('checking the base image'),
  installingPackages: (t) => t('installing packages'),
  copyingRunner: (t) => t('copying the runner'),
  testing: (t) => t('testing the image'),
  committing: (t) => t('saving the image'),
  startingSandbox: (t) => t('starting the sandbox'),
};
export const STEP_CODES: readonly string[] = Object.keys(STEPS);

/** Parameters as they come, from our own code or from a hostile sandbox. */
class Params {
  constructor(private readonly params: FailureParams) {}

  text(name: string): string {
    const value = this.params[name];
    return value === undefined ? '' : clean(String(value));
  }

  number(name: string): number {
    const value = this.params[name];
    return typeof value === 'number' && Number.isFinite(value) ? value : 0;
  }

  has(name: string): boolean { return this.params[name] !== undefined; }

  is(name: string): boolean { return this.params[name] === true; }
}

/** One line, of a length that can be read. pip's reason is its last line, so the end is kept. */
function clean(text: string): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  return line.length > 400 ? `…${line.slice(-400)}` : line;
}

/** A file's name that VS Code does not take for a link. */
const plain = (name: string): string => name.replaceAll('](', '] (');
const because = (t: Translate, reason: string): string => (reason === '' ? '' : ' ' + t('Reason: {0}', /[.!?]$/.test(reason) ? reason : `${reason}.`));
const at = (t: Translate, params: Params): string => (params.text('endpoint') === '' ? '' : t(' at {0}', params.text('endpoint')));
const join = (first: string, second: string): string => (second === '' ? first : `${first} ${second}`);
