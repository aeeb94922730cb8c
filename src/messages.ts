import { installHint, limitNotApplied, namedEngine, otherEngine } from './messages/engine';
import { filesLeftOut, filesNotCopied, notInProject } from './messages/files';
import { baseProblem, fullDisk, imageStep } from './messages/image';
import { installFailure, installRefusal } from './messages/installs';
import { requestText } from './messages/requests';
import { causeOfEnd, cellAborted, commRefusal, kernelDied, outOfReach, outputDropped } from './messages/sandbox';
import { Params, because, bytes, clean, join, settingName, type Sentences, type Translate } from './messages/words';
import { FAILURE_CODES, SandboxError, type FailureCode } from './protocol/errors';
import type { Failure } from './protocol/messages';

export { bytes, join, type Translate };

/** A message for the user: the name and message of an error, and what to do next. Only this file and its folder have sentences about failures. */
export interface Message {
  name: string;
  message: string;
  nextStep: string;
}
/** What the sentences of a message depend on. */
export interface MessageContext {
  t: Translate;
  platform: NodeJS.Platform;
}

export const untranslated: Translate = (message, ...args) =>
  message.replace(/\{(\d)\}/g, (whole, index: string) => String(args[Number(index)] ?? whole));

/** Codes of informational notices. The runner raises most of them. */
export const NOTICE_CODES = [
  'StateLost',
  'OutputDropped',
  'OutputLost',
  'ChildKilled',
  'DiskFull',
  'PidsExhausted',
  'OutOfReach',
  'StdinRead',
  'NoNetwork',
  'NotInProject',
  'Restarted',
  'InputTooLong',
  'WidgetStateDropped',
] as const;
type Code = FailureCode | (typeof NOTICE_CODES)[number];
const CODES: ReadonlySet<string> = new Set([...FAILURE_CODES, ...NOTICE_CODES]);
const isCode = (code: string): code is Code => CODES.has(code);

/** Puts a failure or a notice into sentences. A sandbox may send any code: an unknown one is only quoted. */
export function describe(problem: Failure | SandboxError, { t, platform }: MessageContext): Message {
  const { code, params } = problem;
  const name = isCode(code) ? code : t('UnknownFailure');
  const [message, nextStep] = isCode(code)
    ? sentences(code, new Params(params), t, platform)
    : [t('The sandbox reported an unknown problem: "{0}".', clean(code)), t('See the log for details.')];
  const setting = problem instanceof SandboxError ? problem.setting : undefined;
  const names = setting === undefined || `${message} ${nextStep}`.includes(settingName(setting));
  return {
    name,
    message,
    nextStep: names ? nextStep : join(nextStep, t('See the setting {0}.', settingName(setting))),
  };
}

/** One short paragraph. */
export const paragraph = ({ message, nextStep }: Message): string => join(message, nextStep);

function sentences(code: Code, params: Params, t: Translate, platform: NodeJS.Platform): Sentences {
  const [reason, endpoint, request] = [params.text('reason'), params.text('endpoint'), params.text('request')];
  switch (code) {
    case 'EngineNotFound':
      return params.text('by') !== ''
        ? namedEngine(params, t)
        : [
            t(
              'No container engine is running on this computer. Notebooks run in a container, so Docker or Podman is needed.',
            ),
            installHint(t, platform),
          ];
    case 'EngineDenied':
      return [
        endpoint === ''
          ? t('You do not have permission to use the container engine.')
          : t('You do not have permission to use the container engine at {0}.', endpoint),
        platform === 'linux'
          ? t(
              'Run "sudo usermod -aG docker $USER", sign out and in again, then run the cell again. You can also use rootless Podman or Docker.',
            )
          : t('Check that your account has permission to use it, then run the cell again.'),
      ];
    case 'EngineTooOld':
      return [
        params.text('apiVersion') === ''
          ? t('The container engine is too old.')
          : t(
              'The container engine at {0} is too old. It is version {1} with API {2}; API {3} or later is required.',
              endpoint,
              params.text('version'),
              params.text('apiVersion'),
              params.text('required'),
            ),
        t('Update Docker to 19.03 or later, or Podman to 4 or later, then run the cell again.'),
      ];
    case 'EngineSilent':
      return [
        join(
          endpoint === ''
            ? t('The container engine does not answer.')
            : t('The container engine at {0} does not answer.', endpoint),
          request === ''
            ? ''
            : t('It did not answer this request within {0} s: {1}.', params.number('timeout'), requestText(request, t)),
        ),
        t('Restart it (Docker Desktop: "Restart"; Linux: "sudo systemctl restart docker"), then run the cell again.'),
      ];
    case 'EngineBusy':
      return [
        join(
          endpoint === ''
            ? t('The container engine is too busy.')
            : t('The container engine at {0} is too busy.', endpoint),
          request === ''
            ? ''
            : t(
                'It answers pings, but it did not answer this request within {0} s: {1}.',
                params.number('timeout'),
                requestText(request, t),
              ),
        ),
        t(
          'Wait until the computer has less to do, then run the cell again. If that does not help, restart the engine.',
        ),
      ];
    case 'EngineFailed':
      return [
        t('The container engine could not carry out a request.') + because(t, reason),
        fullDisk(reason, t) ?? t('Run the cell again. If it fails again, restart the engine.'),
      ];
    case 'ImageFailed':
      return [
        params.text('step') === ''
          ? t('The sandbox image could not be built.') + because(t, reason)
          : t('The sandbox image could not be built ({0}).', stepText(params.text('step'), undefined, t)) +
            because(t, reason),
        fullDisk(reason, t) ?? imageStep(params, t),
      ];
    case 'BaseUnusable':
      return [
        join(t('The base image {0} cannot be used.', params.text('image')), baseProblem(params, t)),
        t('Set sandboxedIPython.image to an image with Python 3.9 or later and pip, such as python:3.13-slim.'),
      ];
    case 'LimitNotApplied':
      return limitNotApplied(params, t);
    case 'StartFailed':
      return [
        t('The sandbox could not be started.') + because(t, reason),
        fullDisk(reason, t) ?? t('Run the cell again. If it fails again, see the log: "Sandboxed IPython: Show Log".'),
      ];
    case 'KernelDied':
      return kernelDied(params, t);
    case 'OutOfMemory':
      return [
        join(
          t('The cell ran out of memory: the limit is {0}.', bytes(params.number('limit'))),
          params.number('tmpfs') > params.number('limit') / 10
            ? t('Files in the sandbox take {0} of it.', bytes(params.number('tmpfs')))
            : '',
        ),
        t('Variables are lost. Use less data, or raise the setting sandboxedIPython.maxMemory.'),
      ];
    case 'TimedOut':
      return [
        params.is('killed')
          ? t(
              'The cell ran longer than {0} s and did not react to an interrupt, so its kernel was ended and its variables are lost.',
              params.number('timeout'),
            )
          : t('The cell ran longer than {0} s and was interrupted. Variables are kept.', params.number('timeout')),
        t('To allow more time, raise the setting sandboxedIPython.timeout (0 means no limit).'),
      ];
    case 'Interrupted':
      return params.is('killed')
        ? [
            t('The cell did not react to the interrupt, so its kernel was ended and its variables are lost.'),
            t('The next cell starts a fresh kernel.'),
          ]
        : [t('The cell was interrupted.'), t('Variables are kept.')];
    case 'Aborted':
      return cellAborted(reason, t);
    case 'SandboxGone':
      return [
        join(t('The sandbox ended.'), causeOfEnd(params, t), t('Its variables and files are lost.')),
        t('Run the cells again from the top: the next cell starts a new sandbox.'),
      ];
    case 'OtherEngine':
      return otherEngine(params, t);
    case 'InUse':
      return [
        t('Another window uses the sandbox of this notebook.'),
        t(
          'Close the notebook there. Or run the cell again and choose: "Use Here" moves the sandbox to this window; "New Sandbox" leaves it there and starts another one.',
        ),
      ];
    case 'StateLost':
      return [
        join(
          t('This is a new sandbox, because the previous one ended.'),
          causeOfEnd(params, t),
          t('Its variables and files are lost.'),
        ),
        t('Run the cells above again.'),
      ];
    case 'SandboxPaused':
      return [t("The sandbox's container is paused."), t('Cells continue when you unpause it ("docker unpause").')];
    case 'SandboxSilent':
      return [
        params.number('seconds') > 0
          ? t('The sandbox did not answer within {0} s.', params.number('seconds'))
          : t('The sandbox does not answer.'),
        t('It may be overloaded. Interrupt the cell, or use "Reset Sandbox State".'),
      ];
    case 'ProtocolViolation':
      if (params.text('problem') === 'output') {
        return [
          t('Some output of this cell could not be read and is left out.') + because(t, reason),
          t('For details, see the log: "Sandboxed IPython: Show Log".'),
        ];
      }
      return [
        t('Communication with the sandbox failed.') + because(t, reason),
        t('Use "Reset Sandbox State", then run the cell again.'),
      ];
    case 'SettingInvalid':
      return [
        params.text('setting') === ''
          ? t('A setting has an invalid value.')
          : t('The setting {0} cannot be "{1}".', settingName(params.text('setting')), params.text('value')),
        params.text('allowed') !== ''
          ? t('Allowed: {0}. Change the setting, then run the cell again.', params.text('allowed'))
          : t('Change the setting, then run the cell again.'),
      ];
    case 'InstallFailed':
      return installFailure(params, t);
    case 'InstallTooLarge':
      return [
        t('The packages need more than {0}, so nothing was installed.', bytes(params.number('limit'))),
        t('Install fewer packages, or set sandboxedIPython.image to an image that has them.'),
      ];
    case 'InstallRefused':
      return installRefusal(params, t);
    case 'CommRefused':
      return commRefusal(params, t);
    case 'Cancelled':
      if (params.text('operation') === 'install') {
        return [t('The installation was cancelled.'), t('Nothing was installed.')];
      }
      return [t('The start of the sandbox was cancelled.'), t('Run the cell again to start it.')];
    case 'FilesNotCopied':
      return filesNotCopied(params, t);
    case 'FilesLeftOut':
      return filesLeftOut(params, t);
    case 'NotInProject':
      return notInProject(params, t);
    case 'OutputDropped':
      return outputDropped(params, t);
    case 'OutputLost':
      return [
        t(
          'Output may be missing here. While this window was not connected, the sandbox dropped the oldest {0} of output; it keeps the last {1}.',
          bytes(params.number('bytes')),
          bytes(params.number('limit')),
        ),
        t('To keep more, raise the setting sandboxedIPython.logBudget.'),
      ];
    case 'WidgetStateDropped':
      return [
        t(
          'The state of a widget is larger than what a sandbox keeps for all widgets: the limit is {0}. The widget is shown until the notebook is closed, but not when it is opened again.',
          bytes(params.number('limit')),
        ),
        t('Give the widget less data, or raise the setting sandboxedIPython.logBudget.'),
      ];
    case 'ChildKilled':
      return [
        t(
          'A process that the cell started was ended because the sandbox ran out of memory: the limit is {0}.',
          bytes(params.number('limit')),
        ),
        t('Variables are kept. Use less data, or raise the setting sandboxedIPython.maxMemory.'),
      ];
    case 'InputTooLong':
      return [
        t(
          'The cell tried to put {0} characters into a cell of the notebook; the limit is {1}.',
          params.number('characters'),
          params.number('limit'),
        ),
        t('Load a part of the text, for example with "%load -r 1-500 file.py".'),
      ];
    case 'StdinRead':
      return [
        t(
          'This cell, or a program that it started, read standard input. Standard input is empty here, so the read returned end-of-file at once.',
        ),
        t('To ask the user, call input("Name? "). To give input to a program, use a file or a pipe.'),
      ];
    case 'NoNetwork':
      return [
        t('A sandbox has no network, by design. Your own network is not the cause.'),
        t(
          'Put the files that the cell needs beside the notebook, so that they are copied. Install packages with %pip install.',
        ),
      ];
    case 'DiskFull':
      return [
        params.text('path') === ''
          ? t('A file did not fit into the sandbox. Files can be in /sandbox, /tmp and /dev/shm.')
          : t('{0} is full: it holds {1}.', params.text('path'), bytes(params.number('limit'))),
        t(
          'The cell continues. Remove files, or raise the setting sandboxedIPython.maxMemory: /sandbox has half of it, /tmp and /dev/shm a quarter each.',
        ),
      ];
    case 'PidsExhausted':
      return [
        params.number('limit') > 0
          ? t('The sandbox has no room for more processes and threads: the limit is {0}.', params.number('limit'))
          : t('The sandbox has no room for more processes and threads.'),
        t('The cell continues. Start fewer processes and threads, or raise the setting sandboxedIPython.pids.'),
      ];
    case 'OutOfReach':
      return outOfReach(params, t);
    case 'Restarted':
      if (reason === 'died') {
        return [
          params.text('cause') === 'OutOfMemory'
            ? t('The sandbox ran out of memory while no cell ran, and Python was ended.')
            : t('Python ended while no cell ran: a thread, a process or a widget ended it.'),
          t('This cell runs in a fresh kernel. Variables are lost; files are kept. Run the cells above again.'),
        ];
      }
      return [
        t('A fresh kernel was started.'),
        reason === 'reset' ? '' : t('Variables are lost; run the cells above again.'),
      ];
  }
}

/** A step of building the image, for the progress notification. */
export function stepText(code: string, detail: string | undefined, t: Translate): string {
  const step = STEPS[code];
  const text = step === undefined ? clean(code) : step(t);
  return detail === undefined || detail === '' ? text : t('{0}: {1}', text, clean(detail));
}

/** Like {@link stepText}, with the next step where that is known and the current step takes long enough to make people ask. */
export function progressText(code: string, detail: string | undefined, t: Translate): string {
  const next = NEXT[code];
  const text = stepText(code, detail, t);
  return next === undefined ? text : t('{0} (next: {1})', text, stepText(next, undefined, t));
}

const NEXT: Readonly<Record<string, string>> = {
  pullingBase: 'installingPackages',
  installingPackages: 'copyingRunner',
  copyingRunner: 'testing',
};

const STEPS: Record<string, (t: Translate) => string> = {
  waitingForOther: (t) => t('waiting for another window that builds the same image'),
  pullingBase: (t) => t('downloading the base image'),
  startingContainer: (t) => t('starting the base image'),
  checkingBase: (t) => t('checking the base image'),
  installingPackages: (t) => t('installing packages'),
  copyingRunner: (t) => t('copying the kernel program'),
  testing: (t) => t('testing the image'),
  committing: (t) => t('saving the image'),
};
export const STEP_CODES: readonly string[] = Object.keys(STEPS);
