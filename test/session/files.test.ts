import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DEADLINES_MS } from '../../src/engine/deadlines';
import type { Engine, SandboxFile } from '../../src/engine/engine';
import { isSandboxError } from '../../src/protocol/errors';
import { boundsOf } from '../../src/session/folder-copy/bounds';
import { FolderCopier } from '../../src/session/folder-copy/folder-copier';
import { NodeFiles } from '../../src/session/folder-copy/node-files';
import {
  OWNER,
  connect,
  derivedImage,
  endSessions,
  startSession,
  testLog,
  type RanCell,
  type TestSession,
} from './support/sandboxes';

const MB = 2 ** 20;
const MEMORY = 256 * MB;
const PLACE = { folder: 'my project/nb', project: 'my project' };
/** Lists every file of the working folder with its digest. Names of folders end with a slash. */
const LIST = `
import hashlib, json, os
found = {}
for folder, folders, names in os.walk("."):
    for name in folders: found[os.path.relpath(os.path.join(folder, name)) + "/"] = ""
    for name in names:
        with open(os.path.join(folder, name), "rb") as file: found[os.path.relpath(file.name)] = hashlib.sha256(file.read()).hexdigest()
print(json.dumps(found))
`;
const digest = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');

/**
 * A cell that waits for the process which receives copied files, and runs `action` on it once. The files of that
 * process in `/proc` are beside `path`.
 */
const againstUnpacking = (action: string): string => `
import glob, os, signal, time
end = time.monotonic() + 10
while time.monotonic() < end:
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file: found = b"unpack.py" in file.read()
        except OSError: continue
        if found:${action}
            end = 0`;

describe('the files beside a notebook, in a real sandbox', () => {
  let engine: Engine;
  let sandbox: TestSession;
  let folder: string;
  let copy: FolderCopier;
  const goOn = new AbortController().signal;

  before(async function () {
    this.timeout(240_000);
    engine = await connect();
    sandbox = startSession(engine, await derivedImage(engine), { maxMemory: MEMORY });
    await sandbox.session.started;
  });
  after(async () => {
    await endSessions();
    engine.dispose();
  });
  beforeEach(async () => {
    await sandbox.session.reset({ files: 'clear' });
    folder = join(mkdtempSync(join(tmpdir(), 'project-')), 'nb');
    mkdirSync(folder);
    copy = new FolderCopier({
      files: await NodeFiles.of(dirname(folder)),
      notebook: 'nb/book.ipynb',
      into: PLACE.project,
      log: testLog,
      put: (files, signal) => sandbox.session.putFiles(files, signal),
    });
  });
  afterEach(() => {
    rmSync(dirname(folder), { recursive: true, force: true });
  });

  function put(files: Readonly<Record<string, string | Buffer>>): void {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), content);
    }
  }
  const run = (code: string): Promise<RanCell> => sandbox.run(code, { place: PLACE });
  const listed = async (): Promise<Record<string, string>> =>
    JSON.parse((await run(LIST)).text()) as Record<string, string>;

  it('can be read by a cell under their relative names, byte for byte, and are the only files in the sandbox', async () => {
    const wanted = {
      'data.csv': 'city,people\nRīga,605273\n',
      'deep/er/still/data.bin': randomBytes(3 * MB + 1),
      empty: '',
      'ünï cødé 🐍/naïve  name.txt': '1',
      '-rf': '2',
      'a\nb\'"$(c)`d`.txt': '3',
      [`${'n'.repeat(251)}.csv`]: '4',
      'helper.py': 'answer = 42\n',
    };
    put({
      ...wanted,
      '.env': 'TOKEN=x',
      '.hidden/x': 'x',
      id_rsa: 'x',
      'key.pem': 'x',
      deploy: '-----BEGIN PRIVATE KEY-----\nx',
      'ignored.log': 'x',
      '.gitignore': '*.log\nignored/\n',
      'ignored/x.csv': 'x',
      'node_modules/x.js': 'x',
      'book.ipynb': '{}',
    });
    symlinkSync('/etc/passwd', join(folder, 'passwd'));
    assert.equal(await copy.copyChanges(boundsOf(MEMORY), goOn), undefined);
    assert.deepEqual(await listed(), {
      ...Object.fromEntries(Object.entries(wanted).map(([name, content]) => [name, digest(content)])),
      'deep/': '',
      'deep/er/': '',
      'deep/er/still/': '',
      'ünï cødé 🐍/': '',
    });
    const cell = await run(
      'import csv, os, helper; [row["people"] for row in csv.DictReader(open("data.csv"))], helper.answer, os.getcwd(), os.stat("data.csv").st_uid == os.getuid(), os.access("data.csv", os.W_OK)',
    );
    assert.equal(cell.result, "(['605273'], 42, '/sandbox/my project/nb', True, True)");
  });

  it('follow changes on the host from run to run; files that only a cell changed or created stay', async () => {
    put({ 'a.txt': 'host 1', 'b.txt': 'host 1', 'gone.txt': 'host 1' });
    await copy.copyChanges(boundsOf(MEMORY), goOn);
    await run('for name in "ab": open(name + ".txt", "w").write("cell")\nopen("own.txt", "w").write("cell")');
    put({ 'a.txt': 'host 2', 'sub/new.txt': 'host 2' });
    unlinkSync(join(folder, 'gone.txt'));
    await copy.copyChanges(boundsOf(MEMORY), goOn);
    const texts = {
      'a.txt': 'host 2',
      'b.txt': 'cell',
      'own.txt': 'cell',
      'gone.txt': 'host 1',
      'sub/new.txt': 'host 2',
    };
    assert.deepEqual(await listed(), {
      ...Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, digest(text)])),
      'sub/': '',
    });
    await sandbox.session.reset({ files: 'keep' });
    assert.equal((await run('open("a.txt").read(), open("own.txt").read()')).result, "('host 2', 'cell')");
  });

  it('are those of the whole project, and the sandbox adds none of its own', async () => {
    put({ 'own.csv': '1', '../data/x.csv': '2', '../src/mod.py': 'answer = 42\n' });
    assert.equal(await copy.copyChanges(boundsOf(MEMORY), goOn), undefined);
    const look =
      'import os, sys\nfrom pathlib import Path\nsys.dont_write_bytecode = True\nsys.path.append("../src")\nimport mod\nos.listdir(), open("../data/x.csv").read(), mod.answer, sorted(str(one) for one in Path("..").rglob("*.*")), os.path.expanduser("~"), str(_dh[0])';
    const seen =
      "(['own.csv'], '2', 42, ['../data/x.csv', '../nb/own.csv', '../src/mod.py'], '/sandbox', '/sandbox/my project/nb')";
    assert.equal((await run(look)).result?.replace(/\s+/g, ' '), seen);
    await run('import shutil, os\nshutil.rmtree("../../my project")');
    await sandbox.session.reset({ files: 'clear' });
    copy = new FolderCopier({
      files: await NodeFiles.of(dirname(folder)),
      notebook: 'nb/book.ipynb',
      into: PLACE.project,
      log: testLog,
      put: (files, signal) => sandbox.session.putFiles(files, signal),
    });
    await copy.copyChanges(boundsOf(MEMORY), goOn);
    assert.equal((await run(look)).result?.replace(/\s+/g, ' '), seen);
  });

  it('may be many: 2,000 arrive within a minute, and a look that finds no change takes seconds', async () => {
    put(
      Object.fromEntries(Array.from({ length: 1_949 }, (_, i) => [`folder ${i % 50}/${i}.csv`, `${i}\n`.repeat(100)])),
    );
    const began = performance.now();
    assert.equal(await copy.copyChanges(boundsOf(MEMORY), goOn), undefined);
    const copied = performance.now();
    await copy.copyChanges(boundsOf(MEMORY), goOn);
    const looked = performance.now();
    assert.equal(Object.keys(await listed()).length, 1_999, 'beside their own folder');
    console.log(
      `      2,000 items copied in ${Math.round(copied - began)} ms, looked at again in ${Math.round(looked - copied)} ms`,
    );
    assert.ok(copied - began < 60_000 && looked - copied < 5_000, 'on a machine that does other things too');
  });

  it('for which there is no room are reported and not copied in part; smaller files arrive, and cells run', async () => {
    put({ 'large.bin': randomBytes(8 * MB), 'small.txt': 'x' });
    await run(
      'import os\nwith open("fill", "wb") as f: os.posix_fallocate(f.fileno(), 0, os.statvfs(".").f_bavail * os.statvfs(".").f_frsize - 4 * 2**20)',
    );
    assert.deepEqual(await copy.copyChanges(boundsOf(MEMORY), goOn), {
      count: 1,
      first: { path: 'nb/large.bin', reason: 'full', size: 8 * MB },
    });
    assert.equal((await run('sorted(os.listdir())')).result, "['fill', 'small.txt']");
    await run('os.unlink("fill")');
    copy.retry();
    assert.equal(await copy.copyChanges(boundsOf(MEMORY), goOn), undefined);
    assert.equal((await run('os.path.getsize("large.bin")')).result, String(8 * MB));
  });

  it('can be cancelled at any moment, which leaves no incomplete file', async () => {
    const stop = new AbortController();
    let asked: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const sent = sandbox.session.putFiles(
      [
        {
          path: 'endless',
          size: 1,
          modified: 0,
          executable: false,
          content: async function* () {
            yield Buffer.alloc(MB);
            asked();
            await new Promise((never) => {
              stop.signal.addEventListener('abort', never);
            });
          },
        },
      ],
      stop.signal,
    );
    await begun;
    stop.abort();
    await assert.rejects(sent, (error) => isSandboxError(error, 'Cancelled'));
    assert.equal(
      (
        await run(`
import os, time
for _ in range(100):
    left = [name for name in os.listdir(os.path.expanduser("~")) if name not in (".interactive", ".ipython", "my project")] + os.listdir()
    if not left: break
    time.sleep(0.05)
left`)
      ).result,
      '[]',
    );
  });

  it('fail together with a reason if a cell has killed the process that receives them', async () => {
    put({ 'a.txt': 'x' });
    let killed: Promise<unknown> = Promise.resolve();
    const waiting = ({ content, ...file }: SandboxFile): SandboxFile => ({
      ...file,
      content:
        content &&
        async function* () {
          await killed; // the receiving process exists until then
          yield* content();
        },
    });
    copy = new FolderCopier({
      files: await NodeFiles.of(dirname(folder)),
      notebook: 'nb/book.ipynb',
      into: PLACE.project,
      log: testLog,
      put: (files, signal) => sandbox.session.putFiles(files.map(waiting), signal),
    });
    const { msgId, reply } = sandbox.session.execute(
      againstUnpacking(`
            try: print("[Retry](command:workbench.action.terminal.new)", file=open(path.replace("cmdline", "fd/2"), "w"), flush=True)
            except OSError: pass
            os.kill(int(path.split("/")[2]), signal.SIGKILL)`),
    );
    killed = reply;
    await sandbox.begun(msgId);
    await assert.rejects(
      copy.copyChanges(boundsOf(MEMORY), goOn),
      (error) =>
        isSandboxError(error, 'FilesNotCopied') &&
        error.params['reason'] === 'the process that writes them ended with exit code 137',
    );
    assert.equal((await reply).status, 'ok');
    copy.retry();
    assert.equal(await copy.copyChanges(boundsOf(MEMORY), goOn), undefined);
    assert.equal((await run('open("a.txt").read()')).result, "'x'");
  });

  it('may take any time to send, but the copy ends when the sandbox stops accepting data', async () => {
    const PATIENCE = 1_000;
    const hasty = await connect(undefined, { ...DEADLINES_MS, 'run file copy': PATIENCE });
    try {
      const container =
        (await hasty.findSandboxes(OWNER)).find(({ sandboxId }) => sandboxId === sandbox.session.id)?.containerId ?? '';
      const file = (size: number, pause: number): SandboxFile => ({
        path: 'slow.bin',
        size,
        modified: 0,
        executable: false,
        content: async function* () {
          for (let sent = 0; sent < size; sent += MB) {
            await sleep(pause);
            yield Buffer.alloc(MB);
          }
        },
      });
      const began = performance.now();
      assert.equal((await hasty.putFiles(container, [file(8 * MB, PATIENCE / 4)])).size, 0);
      assert.ok(performance.now() - began > 1.5 * PATIENCE, 'longer than the deadline');
      const { msgId, reply } = sandbox.session.execute(
        againstUnpacking(`
            os.kill(int(path.split("/")[2]), signal.SIGSTOP)`),
      );
      await sandbox.begun(msgId);
      await assert.rejects(
        hasty.putFiles(container, [file(50 * MB, 100)]),
        (error) =>
          isSandboxError(error, 'FilesNotCopied') && error.params['reason'] === 'nothing more was taken within 1 s',
      );
      await reply;
    } finally {
      hasty.dispose();
    }
  });
});
