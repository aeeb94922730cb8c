import assert from 'node:assert/strict';

/** Returns an environment variable that `npm test` sets. */
export function needed(name: string): string {
  const value = process.env[name];
  assert.ok(value, `${name} is not set: run the tests by \`npm test\``);
  return value;
}
