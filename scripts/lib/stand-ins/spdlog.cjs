// Replaces VS Code's native logger, with the same API: this writes the file of every output channel.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const LEVELS = ['trace', 'debug', 'info', 'warning', 'error', 'critical'];
const INFO = 2;

class Logger {
  constructor(_kind, _name, file) {
    this.file = file;
    this.level = INFO;
    this.formatted = true;
    fs.mkdirSync(path.dirname(file), { recursive: true });
    this.append('');
  }

  append(text) {
    try {
      fs.appendFileSync(this.file, text);
    } catch {
      // the folder of a log may be removed at shutdown; the native logger ignores this too
    }
  }

  write(level, message) {
    if (level >= this.level) {
      this.append(this.formatted ? `${new Date().toISOString()} [${LEVELS[level]}] ${message}\n` : message);
    }
  }

  trace(message) {
    this.write(0, message);
  }
  debug(message) {
    this.write(1, message);
  }
  info(message) {
    this.write(2, message);
  }
  warn(message) {
    this.write(3, message);
  }
  error(message) {
    this.write(4, message);
  }
  critical(message) {
    this.write(5, message);
  }

  getLevel() {
    return this.level;
  }
  setLevel(level) {
    this.level = level;
  }
  clearFormatters() {
    this.formatted = false;
  }
  setPattern() {}
  flush() {}
  drop() {}
}

const create = async (name, file) => new Logger('', name, file);

// The names are listed one by one, because VS Code imports this as an ES module, and Node finds the names of a CommonJS
// module only in this form.
exports.version = 0;
exports.setLevel = () => {};
exports.setFlushOn = () => {};
exports.Logger = Logger;
exports.createRotatingLogger = create;
exports.createAsyncRotatingLogger = create;
