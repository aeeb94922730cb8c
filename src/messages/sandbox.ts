import { because, bytes, join, type Params, type Sentences, type Translate } from './words';

/** A condition of a cell that goes on, see `src/session/out-of-reach-notices.ts`; with `seconds` it is over. */
export function outOfReach(params: Params, t: Translate): Sentences {
  const [cause, over, seconds] = [params.text('cause'), params.has('seconds'), params.number('seconds')];
  const goesOn = t('The cell goes on, and its output comes when there is an answer again.');
  if (cause === 'SandboxPaused') {
    return over
      ? [t("The sandbox's container was paused for {0} s.", seconds), '']
      : [t("The sandbox's container is paused."), t('The cell goes on when it is unpaused ("docker unpause").')];
  }
  if (cause === 'EngineBusy') {
    return over
      ? [t('The container engine was busy for {0} s.', seconds), '']
      : [t('The container engine is busy.'), goesOn];
  }
  if (cause.startsWith('Engine') && cause !== 'EngineFailed') {
    return over
      ? [t('The container engine did not answer for {0} s.', seconds), '']
      : [t('The container engine does not answer.'), join(goesOn, t('Start the engine, or restart it.'))];
  }
  return over
    ? [t('The sandbox did not answer for {0} s.', seconds), '']
    : [
        t('The sandbox does not answer.') + because(t, params.text('reason')),
        join(goesOn, t('If it does not come: interrupt the cell, or "Restart Kernel".')),
      ];
}

/** By these a program ends that does what the processor, or the C library, does not let it do. */
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
        : t('Python ended{0}.', exitcode > 0 ? t(' with exit code {0}', exitcode) : '') +
          because(t, params.text('reason')),
    t('Its variables are lost; files are kept. Run the cells above again: the next cell starts a fresh kernel.'),
  ];
}

/** A file that is mapped, or shared memory, has no other way to say that its place is full. */
const noRoomForMapping = (params: Params, t: Translate): Sentences => [
  t(
    'Python crashed ({0}): shared memory or a mapped file found no room, probably in {1}, which holds {2}.',
    params.text('signal'),
    params.text('path'),
    bytes(params.number('limit')),
  ),
  t(
    'Its variables are lost; files are kept. Use less of it, or raise the setting sandboxedIPython.maxMemory: /sandbox has half of it, /tmp and /dev/shm a quarter each.',
  ),
];

export function whyGone(params: Params, t: Translate): string {
  const minutes = params.number('minutes');
  switch (params.text('reason')) {
    case 'removed':
      return t(' because its container was removed');
    case 'restarted':
      return t(' because its container was restarted');
    case 'protocol':
      return t(' because it was started by another version of this extension');
    case 'stopped':
      return t(' because its container was stopped');
    case 'silent':
      return t(' because it did not answer the reset');
    case 'stuck':
      return t(' because the program that runs its cells hung and gave up');
    case 'noKernel':
      return t(' because Python did not start in it any more');
    case 'idle':
      return minutes > 0
        ? t(' because it was not used for {0} minutes (setting sandboxedIPython.idleTimeout)', minutes)
        : t(' because it was not used (setting sandboxedIPython.idleTimeout)');
    case 'lease':
      return minutes > 0
        ? t(' because no window had the notebook open for {0} minutes (setting sandboxedIPython.keepAlive)', minutes)
        : t(' because no window had the notebook open (setting sandboxedIPython.keepAlive)');
    default:
      return params.number('exitCode') > 0 ? t(' (exit code {0})', params.number('exitCode')) : '';
  }
}

/** A widget's message that was not sent, see `src/session/comms.ts`. */
export function commRefusal(params: Params, t: Translate): Sentences {
  switch (params.text('problem')) {
    case 'tooLong':
      return [
        t("A widget's message was not sent: it is over {0}.", bytes(params.number('limit'))),
        t('Send less at once.'),
      ];
    case 'tooMany':
      return [
        t("A widget's message was not sent: too many wait for the kernel."),
        t('Wait for the running cell, or interrupt it.'),
      ];
    default:
      return [
        t("A widget's message was not sent: it is not made as one."),
        t('Run the cell that shows the widget again.'),
      ];
  }
}

export function aborted(reason: string, t: Translate): Sentences {
  switch (reason) {
    case 'error':
      return [t('Not run, because a cell before it failed.'), t('Run it again once the error above is fixed.')];
    case 'interrupt':
      return [t('Not run, because the run was interrupted.'), t('Run it again.')];
    case 'reset':
      return [t('Ended, because the kernel was restarted.'), t('Run it again.')];
    case 'died':
      return [t('Not run, because the kernel ended.'), t('Run the cells again from the top.')];
    case 'detached':
      return [t('This window left the sandbox while the cell ran.'), t('Open the notebook again to see its output.')];
    default:
      return [t('Ended, because the sandbox was closed.'), t('Run it again.')];
  }
}

/** `bytes` of the `total` that the cell printed and showed; neither is known while it goes on. */
export function outputDropped(params: Params, t: Translate): Sentences {
  const [left, total, limit] = [params.number('bytes'), params.number('total'), bytes(params.number('limit'))];
  if (params.number('outputs') > 0) {
    return [
      t(
        'The cell has made more than {0} outputs: the others are not shown.',
        params.number('outputs').toLocaleString('en-US'),
      ),
      t('Print in one piece, or update a display.'),
    ];
  }
  if (left === 0) {
    return [
      t('This cell has shown {0}, all that a cell may show: what comes from here on is left out.', limit),
      t('Show less, clear what is old, or raise the setting sandboxedIPython.maxOutput.'),
    ];
  }
  return [
    total > 0
      ? t(
          'This cell printed {0}; {1} of it ({2} of {3} bytes) are left out, as a cell may show {4}.',
          bytes(total),
          bytes(left),
          left.toLocaleString('en-US'),
          total.toLocaleString('en-US'),
          limit,
        )
      : t('{0} of output are left out, as a cell may show {1}.', bytes(left), limit),
    t('Show less, or raise the setting sandboxedIPython.maxOutput.'),
  ];
}
