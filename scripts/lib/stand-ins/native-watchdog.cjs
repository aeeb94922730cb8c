// Replaces VS Code's native watch on the parent process; the extension host also polls for it.
'use strict';

exports.start = () => {};
exports.exit = (code) => process.exit(code ?? 0);
