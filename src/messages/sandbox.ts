import { because, bytes, join, type Params, type Sentences, type Translate } from './words';

/** Sentences about a sandbox that does not answer while a cell runs, see `src/session/events/out-of-reach-notices.ts`. With `seconds` the sandbox answers again. */
export function outOfReach(params: Params, t: Translate): Sentences {
  const [cause, over, seconds] = [params.text('cause'), params.has('seconds'), params.number('seconds')];
  const continues = t('The cell continues. Its output appears when the sandbox can be reached again.');
  if (cause === 'SandboxPaused') {
    return over
      ? [t("The sandbox's container was paused for {0} s.", seconds), '']
      : [
          t("The sandbox's container is paused."),
          t('The cell continues when you unpause the container ("docker unpause").'),
        ];
  }
  if (cause === 'EngineBusy') {
    return over
      ? [t('The container engine was busy for {0} s.', seconds), '']
      : [t('The container engine is busy.'), continues];
  }
  if (cause.startsWith('Engine') && cause !== 'EngineFailed') {
    return over
      ? [t('The container engine did not answer for {0} s.', seconds), '']
      : [t('The container engine does not answer.'), join(continues, t('Start the engine, or restart it.'))];
  }
  return over
    ? [t('The sandbox did not answer for {0} s.', seconds), '']
    : [
        t('The sandbox does not answer.') + because(t, params.text('reason')),
        join(continues, t('If this takes too long, interrupt the cell or use "Restart Kernel".')),
      ];
}

/** Signals that end a program which does something that the processor or the C library does not allow. */
const CRASHES = ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE'];

export function kernelDied(params: Params, t: Translate): Sentences {
  if (params.text('path') !== '') {
    return noRoomForMapping(params, t);
  }
  const [signal, exitcode] = [params.text('signal'), params.number('exitcode')];
  return [
    CRASHES.includes(signal)
      ? t('Python crashed ({0}).', signal)
      : signal !== ''
        ? t('Python was ended by {0}.', signal)
        : (exitcode > 0 ? t('Python ended with exit code {0}.', exitcode) : t('Python ended.')) +
          because(t, params.text('reason')),
    t('Its variables are lost; files are kept. Run the cells above again: the next cell starts a fresh kernel.'),
  ];
}

/** A mapped file or shared memory has no other way than a crash to report that its file system is full. */
const noRoomForMapping = (params: Params, t: Translate): Sentences => [
  t(
    'Python crashed ({0}): shared memory or a mapped file did not fit, probably into {1}, which holds {2}.',
    params.text('signal'),
    params.text('path'),
    bytes(params.number('limit')),
  ),
  t(
    'Its variables are lost; files are kept. Use less shared memory, or raise the setting sandboxedIPython.maxMemory: /sandbox has half of it, /tmp and /dev/shm a quarter each.',
  ),
];

/** A sentence about why a sandbox ended, which stands behind one about its end; '' if the cause is not known. */
export function causeOfEnd(params: Params, t: Translate): string {
  const minutes = params.number('minutes');
  switch (params.text('reason')) {
    case 'removed':
      return t('Its container was removed.');
    case 'restarted':
      return t('Its container was restarted.');
    case 'protocol':
      return t('It was started by another version of this extension.');
    case 'stopped':
      return t('Its container was stopped.');
    case 'silent':
      return t('It did not answer the reset.');
    case 'stuck':
      return t('The program that runs its cells hung and gave up.');
    case 'noKernel':
      return t('Python no longer started in it.');
    case 'idle':
      return minutes > 0
        ? t('It was not used for {0} minutes (setting sandboxedIPython.idleTimeout).', minutes)
        : t('It was not used for some time (setting sandboxedIPython.idleTimeout).');
    case 'lease':
      return minutes > 0
        ? t('No window had the notebook open for {0} minutes (setting sandboxedIPython.keepAlive).', minutes)
        : t('No window had the notebook open for some time (setting sandboxedIPython.keepAlive).');
    default:
      return params.number('exitCode') > 0 ? t('Its exit code was {0}.', params.number('exitCode')) : '';
  }
}

/** Sentences about a message of a widget that was not sent, see `src/session/requests/comms.ts`. */
export function commRefusal(params: Params, t: Translate): Sentences {
  switch (params.text('problem')) {
    case 'tooLong':
      return [
        t('A message of a widget was not sent because it is larger than {0}.', bytes(params.number('limit'))),
        t('Send less data at once.'),
      ];
    case 'tooMany':
      return [
        t('A message of a widget was not sent because too many messages wait for the kernel.'),
        t('Wait for the running cell, or interrupt it.'),
      ];
    default:
      return [
        t('A message of a widget was not sent because it is malformed.'),
        t('Run the cell that shows the widget again.'),
      ];
  }
}

/** Sentences about a cell that did not run to its end for a reason outside of it. */
export function cellAborted(reason: string, t: Translate): Sentences {
  switch (reason) {
    case 'error':
      return [t('This cell did not run because an earlier cell failed.'), t('Fix the error above, then run it again.')];
    case 'interrupt':
      return [t('This cell did not run because the run was interrupted.'), t('Run it again.')];
    case 'reset':
      return [t('This cell was ended because the kernel was restarted.'), t('Run it again.')];
    case 'died':
      return [t('This cell did not run because the kernel ended.'), t('Run the cells again from the top.')];
    case 'detached':
      return [
        t('This window disconnected from the sandbox while the cell was running.'),
        t('Open the notebook again to see the output of the cell.'),
      ];
    default:
      return [t('This cell was ended because the sandbox was closed.'), t('Run it again.')];
  }
}

/** Sentences about output that is left out: `bytes` of the `total` that the cell made. Neither is known while the cell runs. */
export function outputDropped(params: Params, t: Translate): Sentences {
  const [left, total, limit] = [params.number('bytes'), params.number('total'), bytes(params.number('limit'))];
  if (params.number('outputs') > 0) {
    return [
      t(
        'The cell has made more than {0} outputs. The others are not shown.',
        params.number('outputs').toLocaleString('en-US'),
      ),
      t('Print less often, or update one display.'),
    ];
  }
  if (left === 0) {
    return [
      t('This cell has shown {0}, which is all that a cell may show. Further output is left out.', limit),
      t('Show less, clear old output, or raise the setting sandboxedIPython.maxOutput.'),
    ];
  }
  return [
    total > 0
      ? t(
          'This cell printed {0}. Of this, {1} ({2} of {3} bytes) are left out, because a cell may show {4}.',
          bytes(total),
          bytes(left),
          left.toLocaleString('en-US'),
          total.toLocaleString('en-US'),
          limit,
        )
      : t('{0} of output are left out, because a cell may show {1}.', bytes(left), limit),
    t('Show less, or raise the setting sandboxedIPython.maxOutput.'),
  ];
}
