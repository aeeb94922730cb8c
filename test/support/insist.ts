/** What is asked for again after this long, then after twice as long, and so on: a slow machine gets its time. */
const FIRST_PATIENCE_MS = 5_000;
/** In all, and then it is an error. */
const INSISTENCE_MS = 90_000;

/**
 * Asks until it is answered. A workbench that is still settling takes back the menus, lists and boxes that it has
 * opened, and loses clicks and keys; its user just tries again.
 * @param ask opens something and takes what it waits for out of it, each wait at most `patience` ms long; nothing may
 *   go wrong after its last click
 * @param close puts away what may stand half open
 */
export async function insist(ask: (patience: number) => Promise<void>, close: () => Promise<void>): Promise<void> {
  const end = Date.now() + INSISTENCE_MS;
  for (let patience = FIRST_PATIENCE_MS; ; patience *= 2) {
    const left = end - Date.now();
    try {
      return await ask(Math.max(Math.min(patience, left), FIRST_PATIENCE_MS));
    } catch (error) {
      if (Date.now() >= end) {
        throw error;
      }
      await close();
    }
  }
}
