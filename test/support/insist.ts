/**
 * Milliseconds of the first attempt. Each later attempt takes twice as long, so that a slow machine has enough time.
 */
const FIRST_PATIENCE_MS = 5_000;
/** Milliseconds of all attempts, after which the error is thrown. */
const INSISTENCE_MS = 90_000;

/**
 * Repeats an action until it succeeds. A workbench that is still loading closes menus, lists and boxes that it has
 * opened, and loses clicks and keys; its user would also try again.
 * @param ask opens something and uses what it waited for, each wait at most `patience` ms long; nothing may fail after
 *   its last click
 * @param close closes what may be half open
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
