// Stands in for VS Code's native logger, with its API: every output channel is a file that this writes.
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
      // a log whose folder was removed at shutdown; the native logger is silent here too
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

// named one by one: VS Code imports this as an ES module, and Node finds a CommonJS module's names only so
exports.version = 0;
exports.setLevel = () => {};
exports.setFlushOn = () => {};
exports.Logger = Logger;
exports.createRotatingLogger = create;
exports.createAsyncRotatingLogger = create;
