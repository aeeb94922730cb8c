// A window in a separate process. It starts a sandbox whose lease is one second, sends the ids of that sandbox to its
// parent, and stays until it is killed.
import { OWNER, connect, derivedImage, startSession } from './sandboxes';

export interface WindowsSandbox {
  owner: string;
  id: string;
  libraries: string;
}

async function main(): Promise<void> {
  const engine = await connect();
  const window = startSession(engine, await derivedImage(engine), {}, { lease: 1 });
  const { msgId } = window.session.execute('while True: pass');
  await window.begun(msgId);
  const { id, libraries } = window.session;
  process.send?.({ owner: OWNER, id, libraries } satisfies WindowsSandbox);
}

if (process.send) {
  main().catch((error: unknown) => {
    throw error;
  });
}
