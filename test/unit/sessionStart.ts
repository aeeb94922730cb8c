import assert from 'node:assert/strict';
import type { SandboxEvent } from '../../src/protocol/messages';
import { ContainerSession } from '../../src/session/session';
import type { AttachOptions } from '../../src/session/session-options';
import { DEFAULT_SETTINGS } from '../../src/session/settings';
import { TIMING, type Timing } from '../../src/session/time';
import type { SessionState } from '../../src/session/types';
import type { FakeSandbox } from './sessionFakeSandbox';

/** Short deadlines, as for a machine that is never busy. */
const QUICK: Timing = {
  ...TIMING,
  start: 500,
  hello: 100,
  ping: 10,
  unreachable: 30,
  backOff: { first: 1, longest: 10 },
  stable: 20,
  pausedLook: 10,
  lastWords: 20,
  replay: 30,
  lostReply: 30,
  interrupt: 200,
  reset: 200,
  answer: 200,
  complete: 100,
  shutdown: 20,
};

const open: ContainerSession[] = [];
export function start(sandbox: FakeSandbox, timing: Partial<Timing> = {}, signal?: AbortSignal) {
  return recorded(
    ContainerSession.start(
      sandbox,
      {
        image: 'image',
        owner: 'owner',
        notebookHint: '',
        settings: DEFAULT_SETTINGS,
        lease: 60,
        timing: { ...QUICK, ...timing },
      },
      signal,
    ),
  );
}

/** Attaches the session of a later window. */
export function attach(sandbox: FakeSandbox, more: Partial<AttachOptions> = {}) {
  const { sandboxId = '', libraries = '' } = sandbox.specification ?? {};
  return recorded(
    ContainerSession.attach(sandbox, {
      sandbox: { sandboxId, libraries, containerId: 'container1', image: 'image', notebookHint: '', created: 0 },
      boot: sandbox.boot,
      settings: DEFAULT_SETTINGS,
      timing: QUICK,
      ...more,
    }),
  );
}

/** Records all events of the session. */
function recorded(session: ContainerSession) {
  open.push(session);
  const events: SandboxEvent[] = [];
  const states: SessionState['kind'][] = [];
  session.onEvent((event) => events.push(event));
  session.onState((state) => states.push(state.kind));
  return { session, events, states };
}

export async function endSessions(): Promise<void> {
  await Promise.all(open.splice(0).map((session) => session.dispose()));
}

export const until = async (what: () => boolean, ms = 1_000) => {
  for (const end = performance.now() + ms; !what();) {
    assert.ok(performance.now() < end, `not within ${ms} ms: ${String(what)}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
};
