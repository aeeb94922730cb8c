/**
 * The states of a notebook's sandbox in one window, and the transitions between them. Nothing here has an effect: the
 * binding starts, attaches and ends, and records the result here.
 */
export type BindingState<Live, Start, Previous> =
  /** The window uses no sandbox. The workspace state may have the record of one. */
  | { readonly kind: 'none' }
  /** A sandbox has ended, and the window uses no other. The next new sandbox may take over its libraries. */
  | { readonly kind: 'ended'; readonly previous: Previous }
  /** A new sandbox is being started. */
  | { readonly kind: 'starting'; readonly start: Start; readonly previous: Previous | undefined }
  /** The window attaches to the sandbox of an earlier window, which may be gone. */
  | { readonly kind: 'looking'; readonly start: Start; readonly previous: Previous | undefined }
  /** The window uses a sandbox. `previous` is set if it attached to that sandbox after another one had ended. */
  | { readonly kind: 'live'; readonly sandbox: Live; readonly previous: Previous | undefined };

/** The sandbox that has ended and whose libraries the next new sandbox may take over. */
export const previousOf = <L, S, P>(state: BindingState<L, S, P>): P | undefined =>
  state.kind === 'none' ? undefined : state.previous;

export const liveOf = <L, S, P>(state: BindingState<L, S, P>): L | undefined =>
  state.kind === 'live' ? state.sandbox : undefined;

/** Undefined if no start is under way. */
export const startOf = <L, S, P>(state: BindingState<L, S, P>): S | undefined =>
  state.kind === 'starting' || state.kind === 'looking' ? state.start : undefined;

/** A start begins. To be used only while no sandbox is live and no start is under way. */
export const begun = <L, S, P>(
  state: BindingState<L, S, P>,
  kind: 'starting' | 'looking',
  start: S,
): BindingState<L, S, P> => ({ kind, start, previous: previousOf(state) });

/** A start has ended. If it bound no sandbox, there is none now; a start that was cancelled changes nothing. */
export const settled = <L, S, P>(state: BindingState<L, S, P>, start: S): BindingState<L, S, P> =>
  startOf(state) === start ? released(state) : state;

/**
 * The start has a sandbox. A new sandbox has taken over the libraries of the previous one, or they were removed. A
 * sandbox of an earlier window leaves them for the next new sandbox.
 */
export const bound = <L, S, P>(state: BindingState<L, S, P>, sandbox: L): BindingState<L, S, P> => ({
  kind: 'live',
  sandbox,
  previous: state.kind === 'starting' ? undefined : previousOf(state),
});

/** The window cancels the start, or no longer uses the sandbox. The libraries of the previous sandbox stay. */
export const released = <L, S, P>(state: BindingState<L, S, P>): BindingState<L, S, P> => idle(previousOf(state));

/** Replaces the previous sandbox, whatever the window does at that time. */
export const withPrevious = <L, S, P>(state: BindingState<L, S, P>, previous: P | undefined): BindingState<L, S, P> =>
  state.kind === 'none' || state.kind === 'ended' ? idle(previous) : { ...state, previous };

const idle = <L, S, P>(previous: P | undefined): BindingState<L, S, P> =>
  previous === undefined ? { kind: 'none' } : { kind: 'ended', previous };
