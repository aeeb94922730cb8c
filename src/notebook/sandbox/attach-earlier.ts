import { SandboxError } from '../../protocol/errors';
import { asSandboxError } from '../../session/failures';
import type { SandboxSession } from '../../session/types';
import type { BindingSink } from './binding-options';
import type { EngineRecords } from './engine-records';
import type { SandboxRecord } from './sandbox-record';
import type { SessionSource } from './session-source';

export interface EarlierSandboxes {
  /** The notebook's record now. */
  record: () => SandboxRecord | undefined;
  engineRecords: EngineRecords;
  source: SessionSource;
  sink: Pick<BindingSink, 'beginReplay'>;
  /** The window has attached to the sandbox of this record. Called at once, so that no event of the session is missed. */
  attached: (session: SandboxSession, record: SandboxRecord) => void;
  /** The sandbox of this record is gone or cannot be used by this window. */
  gone: (record: SandboxRecord, failure: SandboxError) => void;
}

/**
 * Attaches to the sandbox that the notebook's record names. If the engine that answers is not the one of that sandbox,
 * attaches to the notebook's sandbox on the engine that answers, if there is one.
 * @returns undefined if there is no record or the sandbox is gone
 * @throws SandboxError, which is `Cancelled` if the signal was aborted
 */
export async function attachEarlier(
  earlier: EarlierSandboxes,
  signal: AbortSignal,
  how: { takeOver: boolean },
): Promise<SandboxSession | undefined> {
  const record = earlier.record();
  if (record === undefined) {
    return undefined;
  }
  const restoring = earlier.sink.beginReplay(record.seq);
  let session: SandboxSession;
  try {
    session = await earlier.source.attach(record, {
      onReplay: (event, open) => {
        restoring.event(event, open);
      },
      signal,
      takeOver: how.takeOver,
    });
  } catch (error) {
    restoring.failed();
    const failure = asSandboxError(error);
    if (signal.aborted) {
      // The code that cancelled the attempt handles the record.
      throw new SandboxError('Cancelled', {}, { cause: error });
    }
    if (failure.code === 'OtherEngine' && earlier.engineRecords.switchTo(record, String(failure.params['hereId']))) {
      return attachEarlier(earlier, signal, how);
    }
    if (failure.code !== 'SandboxGone' && failure.code !== 'ProtocolViolation') {
      throw error;
    }
    // A sandbox that was restarted or that uses another protocol still runs, and no window will ever use it. If it
    // cannot be ended, its record stays, and the next cell tries again.
    if (failure.params['reason'] === 'restarted' || failure.code === 'ProtocolViolation') {
      await earlier.source.end(record, { isOurs: true });
    }
    earlier.gone(record, failure);
    return undefined;
  }
  if (signal.aborted) {
    restoring.failed();
    await session.detach();
    throw new SandboxError('Cancelled');
  }
  restoring.attached(session);
  earlier.attached(session, record);
  return session;
}
