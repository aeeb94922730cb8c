/**
 * Runs a folder of notebooks in sessions, for a comparator that knows the outputs of ipykernel: `conformance.js FOLDER
 * OUT [PART_OF_A_NAME…]`. The folder has `*.ipynb`, `requirements.txt` for the image and `files/<notebook>/`. `npm run
 * conformance` prepares everything and calls this.
 */
import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { connectEngine } from '../src/engine/connect';
import type { Engine } from '../src/engine/engine';
import { installNetwork } from '../src/engine/image/install-network';
import { silentProgress } from '../src/engine/progress';
import type { SandboxEvent } from '../src/protocol/messages';
import { ContainerSession } from '../src/session/session';
import { DEFAULT_SETTINGS } from '../src/session/settings';
import { runNotebook, type CodeCell } from '../test/conformance/support/notebook-run';
import { savedCells } from '../test/conformance/support/saved-cells';

interface HeldOut {
  stdin?: string[];
  stdin_hang?: boolean;
  interrupt_after?: number;
  settle?: number;
}
interface NotebookCell {
  cell_type: string;
  source: string | string[];
  metadata: { heldout?: HeldOut; heldout_run?: object };
  outputs?: unknown[];
  execution_count?: number | null;
}
interface Notebook {
  cells: NotebookCell[];
  metadata: { heldout?: HeldOut; heldout_run?: object };
}

const AT_ONCE = 2;
/**
 * Seconds to wait in addition to the requested time, because the kernel of the reference continued while it was shut
 * down.
 */
const SETTLE = 0.15;
/** Number of bytes of a file that one command carries. */
const PIECE = 256 * 1024;

async function main([folder, out, ...parts]: string[]): Promise<void> {
  if (folder === undefined || out === undefined) {
    throw new Error('npm run conformance -- FOLDER OUT [PART_OF_A_NAME…]');
  }
  await mkdir(out, { recursive: true });
  const names = (await readdir(folder))
    .filter((name) => name.endsWith('.ipynb') && (parts.length === 0 || parts.some((part) => name.includes(part))))
    .sort();
  const engine = await connectEngine({
    platform: process.platform,
    env: process.env,
    home: os.homedir(),
    uid: process.getuid?.(),
  });
  try {
    const image = await engine.ensureImage(
      {
        base: process.env['SANDBOXED_IPYTHON_TEST_BASE'] ?? DEFAULT_SETTINGS.image,
        packages: (await readFile(path.join(folder, 'requirements.txt'), 'utf8')).split('\n').filter(Boolean),
        runnerFolder: path.join(__dirname, '../../runner'),
        network: await installNetwork(process.env),
      },
      silentProgress,
    );
    const worker = async (): Promise<void> => {
      for (let name = names.shift(); name !== undefined; name = names.shift()) {
        const begun = performance.now();
        await runOne(engine, image, folder, out, path.basename(name, '.ipynb'));
        console.log(`${name}: ${((performance.now() - begun) / 1000).toFixed(1)} s`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  } finally {
    engine.dispose();
  }
}

async function runOne(engine: Engine, image: string, folder: string, out: string, stem: string): Promise<void> {
  const notebook = JSON.parse(await readFile(path.join(folder, `${stem}.ipynb`), 'utf8')) as Notebook;
  const session = ContainerSession.start(engine, {
    image,
    owner: 'conformance',
    notebookHint: '',
    settings: { ...DEFAULT_SETTINGS, timeout: 120, maxMemory: 2 * 2 ** 30 },
    lease: 300,
  });
  try {
    await session.started;
    await silently(session, prepare(stem));
    await putFiles(session, path.join(folder, 'files', stem));
    notebook.metadata.heldout_run = await surroundings(session);
    const cells = notebook.cells.flatMap((cell, index): CodeCell[] => {
      const source = typeof cell.source === 'string' ? cell.source : cell.source.join('');
      if (cell.cell_type !== 'code' || source.trim() === '') {
        return [];
      }
      const { stdin, stdin_hang, interrupt_after, settle } = cell.metadata.heldout ?? {};
      return [
        {
          index,
          source,
          script: {
            ...(stdin && { answers: stdin }),
            ...(stdin_hang !== undefined && { hang: stdin_hang }),
            ...(interrupt_after !== undefined && { interruptAfter: interrupt_after }),
            ...(settle !== undefined && { settle }),
          },
        },
      ];
    });
    const run = await runNotebook(session, cells, (notebook.metadata.heldout?.settle ?? 0) + SETTLE);
    for (const { index, outputs, execution_count, payload, prompts, kernel_died } of savedCells(run)) {
      const cell = notebook.cells[index];
      if (cell === undefined) {
        continue;
      }
      cell.outputs = outputs;
      cell.execution_count = execution_count;
      const msgId = run.cells.find((one) => one.index === index)?.msgId;
      cell.metadata.heldout_run = {
        payload,
        prompts,
        kernel_died,
        comms: run.events.filter((event) => event.parent_header.msg_id === msgId).flatMap(commWord),
      };
    }
    await writeFile(path.join(out, `${stem}.ipynb`), JSON.stringify(notebook, null, 1));
  } finally {
    await session.dispose();
  }
}

/** Returns the comparator's word for a message of a comm. */
function commWord(event: SandboxEvent): string[] {
  switch (event.msg_type) {
    case 'comm_open': {
      const { state } = event.content.data;
      const model =
        typeof state === 'object' && state !== null && !Array.isArray(state) ? state['_model_name'] : undefined;
      return [`comm_open:${event.content.target_name}:${typeof model === 'string' ? model : ''}`];
    }
    case 'comm_msg': {
      const { method, state } = event.content.data;
      const keys = typeof state === 'object' && state !== null ? Object.keys(state).sort().join(',') : '';
      return [`comm_msg:${typeof method === 'string' ? method : ''}:${keys}`];
    }
    default:
      return [];
  }
}

/**
 * Makes a working folder for the notebook, with the conditions of the reference: `python` on PATH, which Debian lacks,
 * and OpenBLAS's code for processors without AVX-512, whose last digits differ.
 */
const prepare = (stem: string): string => `
import os, sys
os.makedirs("bin", exist_ok=True)
os.symlink(sys.executable, "bin/python")
os.environ.update(PATH=os.environ["PATH"] + ":" + os.path.abspath("bin"), OPENBLAS_CORETYPE="Haswell")
os.makedirs(${JSON.stringify(`/tmp/notebooks/${stem}`)})
os.chdir(${JSON.stringify(`/tmp/notebooks/${stem}`)})
del os, sys
`;

/** Values of a run that differ between places; the comparator replaces them by names. */
async function surroundings(session: ContainerSession): Promise<object> {
  let printed = '';
  const listening = session.onEvent((event) => {
    if (event.msg_type === 'stream') {
      printed += event.content.text;
    }
  });
  await silently(
    session,
    'import os, socket; print(__import__("json").dumps({"cwd": os.getcwd(), "home": os.path.expanduser("~"), "host": socket.gethostname()})); del os, socket',
  );
  listening.dispose();
  return JSON.parse(printed) as object;
}

/** Copies the notebook's own files into its working folder, by cells that leave no trace. */
async function putFiles(session: ContainerSession, folder: string): Promise<void> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  for (const name of names.sort().reverse()) {
    // a tmpfs lists the newest file first
    const file = path.join(folder, name);
    if ((await stat(file)).isDirectory()) {
      continue;
    }
    const target = JSON.stringify(name);
    await silently(session, `__import__("os").makedirs(${JSON.stringify(path.dirname(name))}, exist_ok=True)`);
    const data = await readFile(file);
    for (let at = 0; at === 0 || at < data.length; at += PIECE) {
      await silently(
        session,
        `open(${target}, "ab").write(__import__("base64").b64decode("${data.subarray(at, at + PIECE).toString('base64')}"))`,
      );
    }
  }
}

async function silently(session: ContainerSession, code: string): Promise<void> {
  const reply = await session.execute(code, { silent: true }).reply;
  if (reply.status !== 'ok') {
    throw new Error(`${reply.ename}: ${reply.evalue}`);
  }
}

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
