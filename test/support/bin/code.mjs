#!/usr/bin/env node
// The executable that `@vscode/test-electron` is given in place of the desktop VS Code.
await import('../../../out/test/support/runInCodeServer.js');
