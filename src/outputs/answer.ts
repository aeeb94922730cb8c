import type { AnswerMetadata, SandboxEvent } from '../protocol/messages';

/** The answer to a prompt as the log records it; undefined if the event is not such an answer. */
export function answerOf(event: SandboxEvent): AnswerMetadata | undefined {
  if (event.msg_type !== 'accepted' || event.content.msg_type !== 'input_reply') {
    return undefined;
  }
  const { cell, echo } = event.metadata;
  return typeof cell === 'string' && typeof echo === 'string' ? { cell, echo } : undefined;
}
