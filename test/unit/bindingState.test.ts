import assert from 'node:assert/strict';
import {
  begun,
  bound,
  liveOf,
  previousOf,
  released,
  settled,
  startOf,
  withPrevious,
  type BindingState,
} from '../../src/notebook/sandbox/binding-state';

type State = BindingState<string, string, string>;

const none: State = { kind: 'none' };
const ended: State = { kind: 'ended', previous: 'old' };
const STATES: Record<string, State> = {
  none,
  ended,
  starting: { kind: 'starting', start: 'start', previous: undefined },
  'starting after another': { kind: 'starting', start: 'start', previous: 'old' },
  looking: { kind: 'looking', start: 'start', previous: undefined },
  'looking after another': { kind: 'looking', start: 'start', previous: 'old' },
  live: { kind: 'live', sandbox: 'box', previous: undefined },
  'live after another': { kind: 'live', sandbox: 'box', previous: 'old' },
};
/** What a state becomes when its start or its sandbox is no longer there. */
const idle = (state: State): State => (previousOf(state) === undefined ? none : ended);

/** Checks a transition from every state. States that `expected` does not name must stay as they are. */
function check(transition: (state: State) => State, expected: Record<string, State>): void {
  for (const [name, state] of Object.entries(STATES)) {
    const before = structuredClone(state);
    assert.deepEqual(transition(state), expected[name] ?? state, name);
    assert.deepEqual(state, before, `${name} is not modified`);
  }
}

describe("the states of a notebook's sandbox", () => {
  it('give their sandbox, their start and the sandbox before it', () => {
    const parts = Object.fromEntries(
      Object.entries(STATES).map(([name, state]) => [name, [liveOf(state), startOf(state), previousOf(state)]]),
    );
    assert.deepEqual(parts, {
      none: [undefined, undefined, undefined],
      ended: [undefined, undefined, 'old'],
      starting: [undefined, 'start', undefined],
      'starting after another': [undefined, 'start', 'old'],
      looking: [undefined, 'start', undefined],
      'looking after another': [undefined, 'start', 'old'],
      live: ['box', undefined, undefined],
      'live after another': ['box', undefined, 'old'],
    });
  });

  it('keep the previous sandbox when a start begins', () => {
    for (const kind of ['starting', 'looking'] as const) {
      assert.deepEqual(begun(none, kind, 'new'), { kind, start: 'new', previous: undefined });
      assert.deepEqual(begun(ended, kind, 'new'), { kind, start: 'new', previous: 'old' });
    }
  });

  it('drop the previous sandbox only when a new sandbox is live', () => {
    const live: State = { kind: 'live', sandbox: 'new', previous: undefined };
    const after: State = { kind: 'live', sandbox: 'new', previous: 'old' };
    check((state) => bound(state, 'new'), {
      none: live,
      ended: after,
      starting: live,
      'starting after another': live,
      looking: live,
      'looking after another': after,
      live,
      'live after another': after,
    });
  });

  it('lose a start that ends without a sandbox, and no other start', () => {
    check(
      (state) => settled(state, 'start'),
      Object.fromEntries(
        Object.entries(STATES).flatMap(([name, state]) => (startOf(state) === undefined ? [] : [[name, idle(state)]])),
      ),
    );
    check((state) => settled(state, 'a cancelled start'), {});
  });

  it('keep only the previous sandbox when the window releases what it uses', () => {
    check(released, Object.fromEntries(Object.entries(STATES).map(([name, state]) => [name, idle(state)])));
  });

  it('take another previous sandbox, or none, at any time', () => {
    for (const previous of ['newer', undefined]) {
      const without: State = previous === undefined ? none : { kind: 'ended', previous };
      check(
        (state) => withPrevious(state, previous),
        Object.fromEntries(
          Object.entries(STATES).map(([name, state]) => [
            name,
            state.kind === 'none' || state.kind === 'ended' ? without : { ...state, previous },
          ]),
        ),
      );
    }
  });
});
