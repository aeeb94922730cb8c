// Makes sandboxed-ipython-<version>.vsix, the file that users install.
import { report } from './lib/failure.mjs';
import { say } from './lib/log.mjs';
import { packageExtension } from './lib/vsix.mjs';

try {
  say(`made ${await packageExtension()}`);
} catch (error) {
  report(error);
  process.exitCode = 1;
}
