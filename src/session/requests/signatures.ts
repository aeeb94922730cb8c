import type { EventContents, Signature } from '../../protocol/messages';

/** Bounds on what is shown, because a sandbox may send anything; no reader needs more. */
const MAX_SIGNATURES = 20;
const MAX_LABEL_CHARACTERS = 10_000;
const MAX_PARAMETERS = 500;
const MAX_DOCUMENTATION_CHARACTERS = 20_000;

/** The signatures of a reply, without those that are too long to be shown, or whose parameters do not appear in them. */
export function signaturesOf({ signatures }: EventContents['signature_reply']): Signature[] {
  return signatures
    .slice(0, MAX_SIGNATURES)
    .filter(
      ({ label, parameters }) =>
        label !== '' &&
        label.length <= MAX_LABEL_CHARACTERS &&
        parameters.length <= MAX_PARAMETERS &&
        parameters.every((parameter) => label.includes(parameter)),
    )
    .map(({ label, parameters, active, documentation }) => ({
      label,
      parameters,
      active,
      documentation: documentation.slice(0, MAX_DOCUMENTATION_CHARACTERS),
    }));
}
