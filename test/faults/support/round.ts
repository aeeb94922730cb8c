import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { LABELS } from '../../../src/engine/specification';
import type { Log } from '../../../src/log';
import type { SandboxEvent } from '../../../src/protocol/messages';
import { DEFAULT_SETTINGS } from '../../../src/session/settings';
import type { UnpluggedEngine } from '../../session/support/unpluggedEngine';
import { random } from '../../unit/outputsModel';
import { inject, type Target } from './inject';
import { Notebook, Window, type Installation } from './notebook';
import { makeProgram, type Below } from './program';
import { Turns } from './turns';
import { judge, type Fault, type FaultKind, type Finding } from './verdict';

/** The faults of one round. Each kind occurs so often that forty rounds have at least forty of it. */
export const ROUND: readonly FaultKind[] = Object.entries({
  kernel: 3,
  relay: 3,
  supervisor: 2,
  container: 2,
  'streams cut': 3,
  'streams delayed': 2,
  'streams half-written': 2,
  'engine paused': 2,
  'container paused': 2,
  'engine restarted': 1,
  'disk full': 2,
  'window reloaded': 1,
} satisfies Record<FaultKind, number>).flatMap(([kind, count]) =>
  Array.from({ length: count }, () => kind as FaultKind),
);

export interface RoundOptions {
  engine: UnpluggedEngine;
  image: string;
  /** The same seed and round give the same faults, in the same order, and the same cells. */
  seed: number;
  round: number;
  faults?: readonly FaultKind[];
  windows?: number;
  /** The number of notebooks in each window. */
  notebooks?: number;
  log: Log;
  broken?: (event: SandboxEvent) => SandboxEvent[];
}

export interface RoundResult {
  cells: number;
  /** The number of cells that did a step. */
  ran: number;
  faults: Map<FaultKind, number>;
  findings: Finding[];
  /** Containers, networks, volumes and temporary files that still exist after the end. */
  left: string[];
  /** Milliseconds from the end of the last fault to the end of the last cell that was open then. */
  settled: number;
  /** Milliseconds from the end of a kernel or container to the end of its cell, if there was no other fault. */
  told: number[];
  seconds: number;
  /** The sequence of events, to find the cause of a finding. */
  history: string[];
}

/** Maximum number of milliseconds between the starts of two faults. */
const MAX_GAP_MS = 2_000;
/** Maximum number of faults at the same time. */
const MAX_CONCURRENT_FAULTS = 3;
/** Milliseconds after the last fault within which every cell must end. */
const STUCK_MS = 60_000;
/** Milliseconds within which a fault must find something to hit. */
const FUTILE_MS = 60_000;
/** Milliseconds that a fault may last, including everything that it waits for. */
const MAX_FAULT_MS = 180_000;
/** Milliseconds after the end within which everything must be removed. */
const LEFTOVER_MS = 40_000;
/** Milliseconds after a fault in which it explains why no sandbox is available. */
const AFTERMATH_MS = 30_000;

/** Runs notebooks, injects faults, and returns the findings. Removes everything that it made, even if it fails. */
export async function runRound({
  engine,
  image,
  seed,
  round,
  faults: kinds = ROUND,
  windows: windowCount = 2,
  notebooks: each = 2,
  log,
  broken,
}: RoundOptions): Promise<RoundResult> {
  const begun = performance.now();
  const below = random(seed * 1_000 + round);
  const installation: Installation = {
    docker: engine.docker,
    socket: engine.socket,
    image,
    owner: `faults-${randomUUID()}`,
    log,
    ...(broken && { broken }),
    settings: { ...DEFAULT_SETTINGS, timeout: 300, maxMemory: 512 * 2 ** 20, pids: 128 },
  };
  const faults: Fault[] = [];
  const windows: Window[] = [];
  const notebooks: Notebook[] = [];
  const findings: Finding[] = [];
  const stop = new AbortController();
  const temporary = new Set(await readdir(os.tmpdir()));
  try {
    for (let window = 0; window < windowCount; window += 1) {
      const way = await Window.open(installation, below);
      windows.push(way);
      for (let i = 0; i < each; i += 1) {
        const own = random(seed * 1_000_000 + round * 1_000 + notebooks.length);
        notebooks.push(
          new Notebook(`r${round}n${notebooks.length}`, window, way, installation, own, () => explains(faults, window)),
        );
      }
    }
    const working = Promise.all(notebooks.map((notebook) => notebook.work(stop.signal)));
    const target: Target = { engine, installation, windows, notebooks, faults, below, turns: new Turns() };
    findings.push(...(await injectAll(shuffled(kinds, below), target)));
    const calm = Date.now();
    stop.abort();
    await Promise.race([working, sleep(STUCK_MS, undefined, { ref: false })]);
    const open = notebooks.flatMap((notebook) => notebook.open);
    if (open.length === 0) {
      await lastCells(notebooks, findings);
    }
    for (const notebook of notebooks) {
      findings.push(...notebook.findings, ...(await judgeAll(notebook, faults)));
    }
    const runs = notebooks.flatMap((notebook) => notebook.runs);
    const settled = Math.max(
      0,
      ...runs.filter(({ sent, ended }) => sent <= calm && ended !== undefined).map(({ ended = 0 }) => ended - calm),
    );
    const history = [
      ...historyOf(faults, notebooks, begun),
      ...(await Promise.all(
        notebooks.filter((one) => one.open.length > 0).map(async (one) => `${one.name}: ${await one.situation()}`),
      )),
    ];
    const ran = new Set(
      (
        await Promise.all(
          notebooks.flatMap(({ records }) => [...records.values()].map(async (one) => [...(await one.read()).keys()])),
        )
      ).flat(),
    ).size;
    await Promise.all(notebooks.map((notebook) => notebook.close()));
    const left = await leftOver(engine);
    for (const window of windows.splice(0)) {
      await window.close();
    }
    left.push(...(await readdir(os.tmpdir())).filter((name) => !temporary.has(name)).map((name) => `file ${name}`));
    return {
      cells: runs.length,
      ran,
      faults: count(faults),
      findings,
      left,
      settled,
      told: toldAfter(notebooks, faults),
      seconds: (performance.now() - begun) / 1000,
      history,
    };
  } finally {
    stop.abort();
    await Promise.all(notebooks.map((notebook) => notebook.close()));
    for (const window of windows) {
      await window.close();
    }
    for (const notebook of notebooks) {
      await notebook.closeRecords();
    }
  }
}

/**
 * Injects the faults one after the other, some at the same time. Returns findings about those that found nothing to
 * hit.
 */
async function injectAll(kinds: readonly FaultKind[], target: Target): Promise<Finding[]> {
  const lasting = new Set<Promise<void>>();
  const findings: Finding[] = [];
  for (const kind of kinds) {
    await sleep(target.below(MAX_GAP_MS));
    while (lasting.size >= MAX_CONCURRENT_FAULTS) {
      await Promise.race(lasting);
    }
    const one = Promise.race([insist(kind, target), sleep(FUTILE_MS + MAX_FAULT_MS, undefined, { ref: false })])
      .then((hit) => {
        if (hit !== true) {
          findings.push({
            wrong: 'unexplained',
            cell: '',
            why:
              hit === false
                ? `no ${kind} fault hit anything within ${FUTILE_MS / 1000} s`
                : `a ${kind} fault did not end`,
          });
        }
      })
      .finally(() => {
        lasting.delete(one);
      });
    lasting.add(one);
  }
  await Promise.all(lasting);
  return findings;
}

async function insist(kind: FaultKind, target: Target): Promise<boolean> {
  for (const end = Date.now() + FUTILE_MS; Date.now() < end; await sleep(300)) {
    if (await inject(kind, target)) {
      return true;
    }
  }
  return false;
}

/** Runs one cell in each notebook after all faults. */
async function lastCells(notebooks: readonly Notebook[], findings: Finding[]): Promise<void> {
  await Promise.race([
    sleep(STUCK_MS, undefined, { ref: false }),
    Promise.all(
      notebooks.map(async (notebook) => {
        const had = await notebook.run(1, (cell, below) => ({ ...makeProgram(cell, below), end: undefined }));
        if (!had || notebook.runs.at(-1)?.reply?.failure) {
          findings.push({ wrong: 'stuck', cell: notebook.name, why: 'no cell runs after the faults' });
        }
      }),
    ),
  ]);
}

/** Returns the findings about the cells of a notebook, whose sandboxes may no longer exist. */
export async function judgeAll(notebook: Notebook, faults: readonly Fault[]): Promise<Finding[]> {
  const { runs, document, window } = notebook;
  const records = new Map(
    await Promise.all([...notebook.records].map(async ([sandbox, one]) => [sandbox, await one.read()] as const)),
  );
  const foreign = [...records.values()]
    .flatMap((cells) => [...cells.keys()])
    .filter((cell) => !runs.some(({ program }) => program.cell === cell));
  return [
    ...foreign.map((cell): Finding => ({ wrong: 'ran twice', cell, why: 'a cell ran that was never sent' })),
    ...runs.flatMap((run) =>
      judge(run, {
        records: records.get(run.sandbox)?.get(run.program.cell),
        shown: document.shown(run.msgId),
        notices: document.notices(run.msgId),
        before: runs.filter(({ runId, sent }) => runId === run.runId && sent <= run.sent).filter((one) => one !== run),
        faults: faults.filter((fault) => hits(fault, run.sandbox, window)),
      }),
    ),
  ];
}

const hits = ({ sandbox, window: at }: Fault, run: string, window: number): boolean =>
  sandbox === undefined ? at === undefined || at === window : sandbox === run;

/** Whether a current or recent fault explains why this window has no sandbox. */
const explains = (faults: readonly Fault[], window: number): boolean =>
  faults.some(
    (fault) =>
      (fault.window === undefined || fault.window === window) &&
      fault.kind !== 'kernel' &&
      fault.kind !== 'disk full' &&
      fault.until > Date.now() - AFTERMATH_MS,
  );

/** Returns what is left of ours after the engine and pending removals had time to remove it. */
async function leftOver({ docker }: UnpluggedEngine): Promise<string[]> {
  const filters = { label: [LABELS.version] };
  for (const giveUp = Date.now() + LEFTOVER_MS; ; await sleep(500)) {
    const [containers, networks, { Volumes }] = await Promise.all([
      docker.listContainers({ all: true, filters }),
      docker.listNetworks({ filters }),
      docker.listVolumes({ filters } as object),
    ]);
    // An engine that was ended during a removal may list a container that it does not know any more.
    const there = await Promise.all(
      containers.map(({ Id }) =>
        docker
          .getContainer(Id)
          .inspect()
          .then(
            () => true,
            (error: { statusCode?: number }) => error.statusCode !== 404,
          ),
      ),
    );
    const left = [
      ...containers.filter((_, i) => there[i]).map(({ Names, State }) => `container ${Names.join()} (${State})`),
      ...networks.map(({ Name }) => `network ${Name}`),
      ...Volumes.map(({ Name }) => `volume ${Name}`),
    ];
    if (left.length === 0 || Date.now() > giveUp) {
      return left;
    }
  }
}

function toldAfter(notebooks: readonly Notebook[], faults: readonly Fault[]): number[] {
  const kinds: FaultKind[] = ['kernel', 'supervisor', 'container'];
  return notebooks.flatMap(({ runs }) =>
    runs.flatMap(({ sandbox, sent, ended, reply }) => {
      if (ended === undefined || (reply?.failure?.code !== 'KernelDied' && reply?.failure?.code !== 'SandboxGone')) {
        return [];
      }
      const death = faults.findLast(
        (fault) => fault.sandbox === sandbox && kinds.includes(fault.kind) && fault.from >= sent && fault.from <= ended,
      );
      return death &&
        !faults.some(
          (fault) =>
            fault !== death &&
            !kinds.includes(fault.kind) &&
            fault.kind !== 'disk full' &&
            fault.from <= ended &&
            fault.until >= death.from - AFTERMATH_MS / 3,
        )
        ? [ended - death.from]
        : [];
    }),
  );
}

function count(faults: readonly Fault[]): Map<FaultKind, number> {
  const counts = new Map<FaultKind, number>();
  for (const { kind, tried } of faults) {
    if (tried !== true) {
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
  }
  return counts;
}

function historyOf(faults: readonly Fault[], notebooks: readonly Notebook[], begun: number): string[] {
  const start = performance.timeOrigin + begun;
  const at = (time: number | undefined): string => (time === undefined ? '…' : ((time - start) / 1000).toFixed(2));
  return [
    ...faults.map(({ kind, detail, from, until, sandbox, window, tried }) => ({
      time: from,
      text: `${at(from)}–${at(until)} ${tried ? '(' : ''}${kind}${tried ? ')' : ''} ${detail} ${sandbox?.slice(0, 8) ?? (window === undefined ? '' : `window ${window}`)}`,
    })),
    ...notebooks.flatMap(({ runs }) =>
      runs.map(({ program, sandbox, msgId, sent, ended, reply, without }) => ({
        time: sent,
        text: `${at(sent)}–${at(ended)} ${program.cell} in ${sandbox.slice(0, 8)} as ${msgId.slice(0, 8)}: ${without ?? reply?.failure?.code ?? reply?.status ?? 'open'}`,
      })),
    ),
  ]
    .sort((a, b) => a.time - b.time)
    .map(({ text }) => text);
}

function shuffled<T>(list: readonly T[], below: Below): T[] {
  const result = [...list];
  for (let i = result.length - 1; i > 0; i -= 1) {
    const j = below(i + 1);
    const [a, b] = [result[i] as T, result[j] as T];
    [result[i], result[j]] = [b, a];
  }
  return result;
}
