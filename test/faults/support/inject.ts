import { constants, existsSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import { containerName } from '../../../src/engine/specification';
import { NO_FAULT } from '../../session/support/proxy';
import type { UnpluggedEngine } from '../../session/support/unpluggedEngine';
import { Window, type Installation, type Notebook } from './notebook';
import { kill, processesOf, setFrozen, uidOf } from './processes';
import type { Below } from './program';
import type { Turns } from './turns';
import type { Fault, FaultKind } from './verdict';

/** What faults may hit, and where they are recorded. */
export interface Target {
  engine: UnpluggedEngine;
  installation: Installation;
  windows: Window[];
  notebooks: readonly Notebook[];
  faults: Fault[];
  below: Below;
  turns: Turns;
}

/** Milliseconds that an engine may take to unpause a container. */
const UNPAUSE_MS = 10_000;

/** Injects one fault and ends it again. Returns false if it found nothing to hit, and then nothing has happened. */
export const inject = (kind: FaultKind, target: Target): Promise<boolean> => INJECTORS[kind](target);

const INJECTORS: Record<FaultKind, (target: Target) => Promise<boolean>> = {
  kernel,
  relay,
  supervisor,
  container,
  'streams cut': cut,
  'streams delayed': delay,
  'streams half-written': halfWritten,
  'engine paused': pauseEngine,
  'container paused': pauseContainer,
  'engine restarted': restart,
  'disk full': fill,
  'window reloaded': reload,
};

/** The process of the cell that ran last, or all processes that the supervisor has forked. */
async function kernel(target: Target): Promise<boolean> {
  const { below } = target;
  const victim = pick(target);
  if (!victim) {
    return false;
  }
  const { pid, records, session } = victim;
  const all = below(4) === 0;
  const inside = await records.kernel();
  const children = processesOf(pid).filter(({ parent }) => parent === pid);
  const chosen = children.filter((one) => all || one.inside === inside);
  if (!children.some((one) => one.inside === inside)) {
    return false;
  }
  return during(target, { kind: 'kernel', detail: all ? 'and its spare' : '', sandbox: session.id }, () =>
    chosen.map((one) => kill(one.pid)).some(Boolean),
  );
}

async function relay(target: Target): Promise<boolean> {
  const victim = pick(target);
  if (!victim) {
    return false;
  }
  const relays = processesOf(victim.pid).filter(({ command }) => command.includes('/relay.py'));
  return during(target, { kind: 'relay', detail: '', sandbox: victim.session.id }, () =>
    relays.map(({ pid }) => kill(pid)).some(Boolean),
  );
}

async function supervisor(target: Target): Promise<boolean> {
  const victim = pick(target);
  return victim
    ? during(target, { kind: 'supervisor', detail: '', sandbox: victim.session.id }, () => kill(victim.pid))
    : false;
}

async function container(target: Target): Promise<boolean> {
  const victim = pick(target);
  if (!victim) {
    return false;
  }
  const how = ['kill', 'stop', 'remove'][target.below(3)] ?? 'kill';
  return target.turns.shared(() =>
    during(target, { kind: 'container', detail: how, sandbox: victim.session.id }, () => {
      const it = containerOf(target, victim.session.id);
      return succeeds(how === 'kill' ? it.kill() : how === 'stop' ? it.stop({ t: 3 }) : it.remove({ force: true }));
    }),
  );
}

async function cut(target: Target): Promise<boolean> {
  const { below } = target;
  const { window, proxy } = pickWindow(target);
  const streams = execStreams(proxy);
  if (streams.length === 0) {
    return false;
  }
  const all = below(3) === 0;
  const one = streams[below(streams.length)];
  return during(target, { kind: 'streams cut', detail: all ? 'every connection' : 'one', window }, () => {
    if (all) {
      proxy.cutAll();
    } else {
      one?.cut();
    }
    return true;
  });
}

async function delay(target: Target): Promise<boolean> {
  const { below } = target;
  const { window, proxy } = pickWindow(target);
  if (execStreams(proxy).length === 0) {
    return false;
  }
  const [longest, lasts] = [20 + below(400), 500 + below(2_500)];
  return during(
    target,
    { kind: 'streams delayed', detail: `up to ${longest} ms for ${lasts} ms`, window },
    async () => {
      proxy.fault = () => ({ ...NO_FAULT, delay: longest, halve: true });
      for (const { fault } of proxy.streams) {
        Object.assign(fault, { delay: longest, halve: true });
      }
      await sleep(lasts);
      proxy.fault = () => NO_FAULT;
      for (const { fault } of proxy.streams) {
        Object.assign(fault, { delay: 0, halve: false });
      }
      return true;
    },
  );
}

/** Lets data through up to a random byte, and then cuts the stream: events, commands, or the answer to a command. */
async function halfWritten(target: Target): Promise<boolean> {
  const { below } = target;
  const { window, proxy } = pickWindow(target);
  const streams = execStreams(proxy);
  const stream = streams[below(streams.length)];
  if (!stream) {
    return false;
  }
  const [way, bytes] = (
    [
      ['up', below(1_500)],
      ['down', below(8_000)],
      ['answer', below(600)],
    ] as const
  )[below(3)] ?? ['down', 0];
  return during(target, { kind: 'streams half-written', detail: `${way}, ${bytes} bytes`, window }, async () => {
    stream.fault[way] = bytes;
    for (let looks = 0; looks < 100 && proxy.streams.includes(stream); looks += 1) {
      await sleep(50);
    }
    const happened = Math.min(stream.fault.up, stream.fault.down) < 0;
    stream.cut();
    return happened;
  });
}

function pauseEngine(target: Target): Promise<boolean> {
  const { engine, below, turns } = target;
  const lasts = 300 + below(4_000);
  // Without other faults at the same time, because the end of a second pause would end the first.
  return turns.alone(() =>
    during(target, { kind: 'engine paused', detail: `${lasts} ms` }, async () => {
      engine.pause();
      await sleep(lasts);
      engine.resume();
      return true;
    }),
  );
}

function pauseContainer(target: Target): Promise<boolean> {
  const victim = pick(target);
  if (!victim) {
    return Promise.resolve(false);
  }
  const lasts = 300 + target.below(4_000);
  return target.turns.shared(() =>
    during(target, { kind: 'container paused', detail: `${lasts} ms`, sandbox: victim.session.id }, async () => {
      const it = containerOf(target, victim.session.id);
      if (!(await succeeds(it.pause()))) {
        return false;
      }
      await sleep(lasts);
      await unpause(it, victim.pid);
      return true;
    }),
  );
}

/**
 * Unpauses a container, even if it was paused during the start of an exec. Then runc waits for the frozen processes,
 * and the engine waits for runc.
 */
async function unpause(it: Docker.Container, pid: number): Promise<void> {
  for (let left = 5; left > 0; left -= 1) {
    const going = succeeds(it.unpause());
    if (
      (await Promise.race([going, sleep(UNPAUSE_MS, 'late', { ref: false })])) === 'late' &&
      existsSync(`/proc/${pid}`)
    ) {
      setFrozen(pid, false);
    }
    await going;
    if (!(await isPaused(it)) || !existsSync(`/proc/${pid}`)) {
      return;
    }
    // A container that was thawed without its engine still counts as paused, and only a frozen container can be
    // unpaused.
    setFrozen(pid, true);
  }
}

const isPaused = (container: Docker.Container): Promise<boolean> =>
  container.inspect().then(
    ({ State }) => State.Paused,
    () => false,
  );

function restart(target: Target): Promise<boolean> {
  const { engine, below, turns } = target;
  const signal = below(2) === 0 ? 'SIGTERM' : 'SIGKILL';
  const liveRestore = below(2) === 0;
  return turns.alone(async () => {
    if (target.notebooks.every(({ live }) => !live)) {
      return false;
    }
    const spares = liveRestore && (signal === 'SIGKILL' || engine.liveRestore) && (await sparesOurs(target));
    const detail = `${signal}, containers ${spares ? 'go on' : 'end'}`;
    return during(target, { kind: 'engine restarted', detail, spares }, async () => {
      await engine.restart(signal, { liveRestore });
      return true;
    });
  });
}

/**
 * Before 24.0.8, an engine ends all containers with AutoRemove when it starts, even with live restore
 * (moby/moby#46308).
 */
async function sparesOurs({ engine }: Target): Promise<boolean> {
  const [major = 0, minor = 0, patch = 0] = (await engine.docker.version()).Version.split(/[.+~-]/).map(Number);
  return major > 24 || (major === 24 && (minor > 0 || patch >= 8));
}

/**
 * Does what a cell could do: writes a file as the user of the cell until the disk is full, and again when something
 * makes room.
 */
async function fill(target: Target): Promise<boolean> {
  const { below } = target;
  const victim = pick(target);
  if (!victim) {
    return false;
  }
  const place = ['/sandbox', '/tmp', '/sandbox/.interactive'][below(3)] ?? '/tmp';
  const lasts = 500 + below(2_500);
  const root = `/proc/${victim.pid}/root`;
  return during(
    target,
    { kind: 'disk full', detail: `${place} for ${lasts} ms`, sandbox: victim.session.id },
    async () => {
      let full = false;
      try {
        const uid = uidOf(victim.pid);
        for (const end = Date.now() + lasts; Date.now() < end; await sleep(100)) {
          full = (await fillUp(`${root}${place}/filler`, uid)) || full;
        }
        await rm(`${root}${place}/filler`, { force: true });
      } catch {
        // the container has ended
      }
      return full;
    },
  );
}

async function fillUp(file: string, uid: number): Promise<boolean> {
  const handle = await open(file, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND);
  try {
    await handle.chown(uid, uid);
    for (const size of [1024 * 1024, 4096]) {
      const piece = Buffer.alloc(size);
      // a part of it may be written
      for (let written = size; written === size;) {
        written = await handle.write(piece).then(
          (result) => result.bytesWritten,
          () => 0,
        );
      }
    }
    return true;
  } finally {
    await handle.close();
  }
}

/** Closes a window, with or without detaching its sessions, and opens it again after a while. */
function reload(target: Target): Promise<boolean> {
  const { below, turns, windows, installation } = target;
  const { window } = pickWindow(target);
  const goodbye = below(2) === 0;
  const away = below(3_000);
  return turns.shared(async () => {
    const mine = target.notebooks.filter((notebook) => notebook.window === window);
    const releases = await Promise.all(mine.map((notebook) => notebook.hold()));
    try {
      const way = windows[window];
      if (!way || mine.every(({ live }) => !live)) {
        return false;
      }
      return await during(
        target,
        { kind: 'window reloaded', detail: `${goodbye ? 'detached' : 'dropped'}, back after ${away} ms`, window },
        async () => {
          if (goodbye) {
            await Promise.all(mine.map((notebook) => notebook.leave()));
          }
          await way.close();
          await sleep(away);
          const next = (windows[window] = await Window.open(installation, below));
          await Promise.all(mine.map((notebook) => notebook.comeBack(next)));
          return true;
        },
      );
    } finally {
      for (const release of releases) {
        release();
      }
    }
  });
}

/**
 * Records the fault before it happens, so that none of its effects comes earlier. Marks it as tried if it hit nothing.
 */
async function during(
  target: Target,
  fault: Omit<Fault, 'from' | 'until'>,
  work: () => boolean | Promise<boolean>,
): Promise<boolean> {
  const entry: Fault = { ...fault, from: Date.now(), until: Infinity };
  target.faults.push(entry);
  try {
    const hit = await work();
    // A fault that hit nothing may still have had an effect.
    entry.tried = !hit;
    return hit;
  } finally {
    entry.until = Date.now();
  }
}

function pick({ notebooks, below }: Target): Notebook['live'] {
  const live = notebooks.flatMap((notebook) => notebook.live ?? []);
  return live[below(live.length || 1)];
}

function pickWindow({ windows, below }: Target): { window: number; proxy: Window['proxy'] } {
  const window = below(windows.length);
  const way = windows[window];
  if (!way) {
    throw new Error('no window');
  }
  return { window, proxy: way.proxy };
}

const execStreams = (proxy: Window['proxy']): Window['proxy']['streams'] =>
  proxy.streams.filter(({ asked }) => asked.includes('/exec/'));

const containerOf = ({ engine }: Target, sandbox: string): Docker.Container =>
  engine.docker.getContainer(containerName(sandbox));

const succeeds = (asked: Promise<unknown>): Promise<boolean> =>
  asked.then(
    () => true,
    () => false,
  );
