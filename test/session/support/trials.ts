import assert from 'node:assert/strict';
import { DEADLINES_MS, type ProcessName, type WaitName } from '../../../src/engine/deadlines';
import type { Engine } from '../../../src/engine/engine';
import { describe, untranslated } from '../../../src/messages';
import { requestText } from '../../../src/messages/requests';
import { isSandboxError, type FailureCode, type SandboxError } from '../../../src/protocol/errors';
import { TIMING, type Timing } from '../../../src/session/time';
import { until } from '../engineTools';
import { RequestProxy, type Answer } from './requestProxy';
import { connect } from './sandboxes';

const ENGINE_SOCKET = (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace('unix://', '');
/** Milliseconds that replace the usual deadline of a wait. */
export const SHORT = 1_000;
/** Milliseconds by which this machine may be late. */
const SLACK = 8_000;
/** A request without a fault may be late too if the machine is busy. Then the trial is repeated with more time. */
const ATTEMPTS = 4;

/** The error of an operation without an answer: its code and its parameters. */
interface End {
  codes: readonly FailureCode[];
  params?: Readonly<Record<string, string | RegExp>>;
}

/** One kind of request, with one fault. */
export interface Trial {
  /**
   * The kind in the form of `RequestProxy`. With undefined, the engine answers everything and the awaited result does
   * not come.
   */
  kind: string | undefined;
  answer: Answer;
  /** Whether no request is answered after the first of this kind. */
  andAll?: boolean;
  /** The deadlines that are shortened; the first one is that of this answer. */
  waits: readonly WaitName[];
  /** Undefined if the operation continues without the answer. */
  end: End | undefined;
  /** The deadlines of the session that are shortened. */
  timing?: Partial<SimpleTiming>;
}
type SimpleTiming = Omit<Timing, 'backOff'>;

/** An operation whose prerequisites exist. */
export interface Stage {
  /** @throws SandboxError */
  run(): Promise<unknown>;
  /** Removes other obstacles before the operation is tried without faults. */
  heal?(): Promise<unknown>;
  /** Returns what is left on the engine and should not be, a while after the operation failed or succeeded. */
  left(): Promise<readonly string[]>;
  /** Removes the results and the prerequisites of the operation. */
  end(): Promise<unknown>;
}

/**
 * Trials one after the other on one stage. After the last one the operation must work. So each trial shows that the
 * operation has recovered from the previous trial.
 */
export interface Group {
  trials: readonly Trial[];
  prepare: (way: Way) => Promise<Stage>;
  /** Whether the operation connects to the engine. */
  connects?: boolean;
  /** Whether the operation need not run again, because it worked in the last trial without the answer. */
  isOver?: boolean;
}

/** A request that gets no answer, or only headers. Its deadline ends the wait. */
export const unanswered = (kind: string, wait: WaitName, answer: Answer = 'never'): Trial => ({
  kind,
  answer,
  waits: [wait],
  end: { codes: ['EngineSilent'], params: { request: wait } },
});

/** A closed connection is reported at once. Half of an answer is waited for like no answer. */
export const everyWay = (kind: string, wait: WaitName): Trial[] => [
  unanswered(kind, wait),
  unanswered(kind, wait, 'stalls'),
  { kind, answer: 'closes', waits: [], end: { codes: ['EngineFailed'] } },
  { kind, answer: 'half', waits: [wait], end: { codes: ['EngineFailed', 'EngineSilent'] } },
];

export const twice = (kind: string, wait: WaitName): Trial[] => [
  unanswered(kind, wait),
  unanswered(kind, wait, 'stalls'),
];

export const goesOn = (kind: string, ...waits: WaitName[]): Trial => ({ kind, answer: 'never', waits, end: undefined });

/** After this request the engine answers nothing. So leftovers of the failure cannot be removed for a while. */
export const silentFrom = (kind: string, wait: WaitName): Trial => ({
  ...unanswered(kind, wait),
  andAll: true,
  waits: [
    wait,
    'clean up',
    'remove container',
    'inspect removed container',
    'inspect build container',
    'list containers',
  ],
});

/**
 * The requests of a program in a container: its creation, its start, its output, its exit status.
 * @param late how its operation ends when the program does not end
 */
export const program = (name: string, late: End): Trial[] => [
  unanswered(`POST /containers/{id}/exec ${name}`, 'create exec'),
  unanswered(`POST /exec/{id}/start ${name}`, 'start exec'),
  { kind: `POST /exec/{id}/start ${name}`, answer: 'stalls', waits: [`run ${name}` as ProcessName], end: late },
  unanswered(`GET /exec/{id}/json ${name}`, 'inspect exec'),
];

export const each = (trials: readonly Trial[], prepare: Group['prepare'], more: Partial<Group> = {}): Group[] =>
  trials.map((trial) => ({ trials: [trial], prepare, ...more }));

const nameOf = ({ kind, answer, andAll, waits }: Trial): string =>
  `${kind ?? waits.join()}, ${answer}${andAll ? ' and all later ones' : ''}`;

/** The connection to an engine through a proxy, with deadlines that a trial can shorten. */
export class Way {
  readonly deadlines: Record<WaitName, number> = { ...DEADLINES_MS };
  readonly timing: Timing = { ...TIMING };
  #engine: Promise<Engine> | undefined;

  private constructor(
    readonly proxy: RequestProxy,
    readonly host: string,
  ) {}

  static async open(): Promise<Way> {
    const proxy = new RequestProxy(ENGINE_SOCKET);
    return new Way(proxy, await proxy.listen());
  }

  connect(): Promise<Engine> {
    return connect(this.host, this.deadlines);
  }

  get engine(): Promise<Engine> {
    return (this.#engine ??= this.connect());
  }

  spoil({ kind, answer, andAll, waits, timing }: Trial, factor: number): void {
    for (const wait of waits) {
      this.deadlines[wait] = SHORT * factor;
    }
    for (const [name, time = 0] of Object.entries(timing ?? {})) {
      this.timing[name as keyof SimpleTiming] = time * factor;
    }
    this.proxy.treat(kind, answer, andAll);
  }

  heal(): void {
    this.proxy.treat(undefined);
    Object.assign(this.deadlines, DEADLINES_MS);
    Object.assign(this.timing, TIMING);
  }

  async close(): Promise<void> {
    (await this.#engine)?.dispose();
    await this.proxy.close();
  }
}

/**
 * Runs the trials of the group. Returns every kind of request that came, including those of clean-ups. Rejects with all
 * failures.
 */
export async function runGroup({
  trials,
  prepare,
  connects = false,
  isOver = false,
}: Group): Promise<ReadonlySet<string>> {
  const way = await Way.open();
  const seen = new Set<string>();
  let stage: Stage | undefined;
  try {
    if (!connects) {
      await way.engine;
    }
    way.proxy.seen.clear();
    stage = await prepare(way);
    for (const trial of trials) {
      await tryOut(trial, stage, way).catch((cause: unknown) => {
        throw new Error(`${nameOf(trial)}: ${String(cause)}`, { cause });
      });
    }
    if (!isOver) {
      await stage.heal?.();
      await stage.run();
      await nothingLeft(stage);
    }
    for (const kind of way.proxy.seen) {
      seen.add(kind);
    }
  } finally {
    way.heal();
    await stage?.end();
    await way.close();
  }
  return seen;
}

async function tryOut(trial: Trial, stage: Stage, way: Way): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const factor = 2 ** attempt;
    const { kind, end, waits } = trial;
    way.spoil(trial, factor);
    const begun = performance.now();
    const error = await stage.run().then(
      () => undefined,
      (failure: unknown) => failure,
    );
    const { hits, firstHit = begun } = way.proxy;
    const took = performance.now() - firstHit;
    if (error !== undefined && kind !== undefined && hits === 0 && attempt < ATTEMPTS) {
      way.heal();
      await nothingLeft(stage);
      continue;
    }
    if (error === undefined && kind !== undefined) {
      await until('the request is sent', () => way.proxy.hits > 0);
    }
    const longest =
      factor * Math.max(SHORT, ...Object.values(trial.timing ?? {})) +
      way.deadlines['clean up'] +
      (end === undefined ? 3 : 1) * SLACK;
    way.heal();
    if (end === undefined) {
      assert.equal(error, undefined, String(error));
    } else {
      assertReported(error, end, SHORT * factor, waits);
    }
    assert.ok(kind === undefined || hits > 0 || end === undefined, 'the request was not sent');
    assert.ok(took < longest, `it took ${Math.round(took)} ms`);
    await nothingLeft(stage);
    return;
  }
}

/**
 * Asserts that the error is the expected one, and that its message names the request without an answer and the next
 * step.
 */
function assertReported(
  error: unknown,
  { codes, params = {} }: End,
  deadline: number,
  waits: readonly WaitName[],
): void {
  assert.ok(isSandboxError(error) && codes.includes(error.code), `${String(error)}, not ${codes.join(' or ')}`);
  for (const [name, expected] of Object.entries(params)) {
    assert.match(
      String(error.params[name]),
      expected instanceof RegExp ? expected : new RegExp(`^${expected}$`),
      error.message,
    );
  }
  const { message, nextStep } = describe(error, { t: untranslated, platform: 'linux' });
  assert.ok(message.length > 20 && nextStep.length > 20, `${message} | ${nextStep}`);
  assert.doesNotMatch(
    message + nextStep,
    /undefined|NaN|\{\d\}|Reason: [A-Z][A-Za-z]+\.( |$)/,
    'a code, and no reason',
  );
  if (error.code === 'EngineSilent') {
    assertSilent(error, message, deadline, waits);
  }
}

function assertSilent(
  { params: { request, timeout, endpoint } }: SandboxError,
  message: string,
  deadline: number,
  waits: readonly WaitName[],
): void {
  assert.ok(waits.includes(request as WaitName), `${String(request)} is not what was not answered`);
  assert.equal(timeout, deadline / 1000);
  assert.ok(
    message.includes(
      `did not answer this request within ${String(timeout)} s: ${requestText(String(request), untranslated)}.`,
    ) && message.includes(String(endpoint)),
    message,
  );
}

async function nothingLeft(stage: Stage): Promise<void> {
  let left: readonly string[] = [];
  await until(
    'nothing is left',
    async () => {
      left = await stage.left();
      return left.length === 0;
    },
    25_000,
  ).catch((cause: unknown) => {
    throw new Error(`${left.join()} is left behind`, { cause });
  });
}
