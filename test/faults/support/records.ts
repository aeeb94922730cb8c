import { constants } from 'node:fs';
import { chmod, open, readFile, type FileHandle } from 'node:fs/promises';
import path from 'node:path';

const RECORD = 64;
const BYTES = 4 * 1024 * 1024;
const NAME = '.oracle';

/** The records that a cell has written. Times are in milliseconds since 1970. */
export interface CellRecords {
  /** One entry for each time that the cell began, with the id of its process in the sandbox. */
  begun: { at: number; pid: number }[];
  /** The steps, in the order in which they were done. */
  steps: { number: number; at: number }[];
  ended: number;
}

/**
 * The records of the cells of one sandbox (`oracle.py`), independent of everything that is tested. They are read
 * through a descriptor that is opened before the first cell runs, and that keeps the file when the container is gone.
 */
export class Records {
  private constructor(private readonly file: FileHandle) {}

  /** @param pid the id on this machine of the container's first process. Rejects if that process has ended. */
  static async place(pid: number): Promise<Records> {
    const home = `/proc/${pid}/root/sandbox`;
    const oracle = await readFile(path.join(__dirname, '../../../../test/faults/support/oracle.py'));
    const module = await open(`${home}/oracle.py`, 'wx', 0o644);
    await module.writeFile(oracle).finally(() => module.close());
    const file = await open(`${home}/${NAME}`, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL);
    await chmod(`${home}/${NAME}`, 0o666);
    await file.write(Buffer.alloc(BYTES));
    return new Records(file);
  }

  async read(): Promise<Map<string, CellRecords>> {
    const bytes = Buffer.alloc(BYTES);
    await this.file.read(bytes, 0, BYTES, 0);
    const cells = new Map<string, CellRecords>();
    const end = bytes.indexOf(0);
    if (end < 0) {
      throw new Error('the file of the records is full');
    }
    for (let at = 0; at < end; at += RECORD) {
      const words = bytes
        .toString('latin1', at, at + RECORD)
        .trim()
        .split(' ');
      const [what, cell = '', number = NaN, time = NaN] = [words[0], words[1], Number(words[2]), Number(words[3])];
      if (words.length !== 4 || Number.isNaN(number) || Number.isNaN(time)) {
        throw new Error(`no record: ${words.join(' ')}`);
      }
      const known = cells.get(cell) ?? { begun: [], steps: [], ended: 0 };
      cells.set(cell, known);
      if (what === 'begin') {
        known.begun.push({ at: time, pid: number });
      } else if (what === 'step') {
        known.steps.push({ number, at: time });
      } else {
        known.ended += 1;
      }
    }
    return cells;
  }

  /** The id in the sandbox of the process that ran a cell last. */
  async kernel(): Promise<number | undefined> {
    let last: CellRecords['begun'][number] | undefined;
    for (const { begun } of (await this.read()).values()) {
      for (const one of begun) {
        if (!last || one.at >= last.at) {
          last = one;
        }
      }
    }
    return last?.pid;
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}
