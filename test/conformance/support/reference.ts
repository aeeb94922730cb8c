import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import type { Engine } from '../../../src/engine/engine';
import { execStream } from '../../../src/engine/exec-stream';
import { silentProgress } from '../../../src/engine/progress';
import type { JsonObject } from '../../../src/protocol/messages';
import { docker, imageRequest, MIB } from '../../session/engineTools';
import { commLine, heard, type KernelMessage } from './comms';
import type { CorpusNotebook } from './corpus';
import { told } from './questions';
import type { SavedCell } from './saved-cells';

const SCRIPT = path.join(__dirname, '../../../../test/conformance/reference.py');
/** Built from the image of the sandboxes, so that Python and every package are the same. */
export const PEER = ['ipykernel==7.4.0', 'nbclient==0.11.0', 'jupyter_client==8.10.0'];

interface Answer {
  name: string;
  cells?: PeerCell[];
  error?: string;
}
/** The cells in the form of `reference.py`, in which messages are not comparable yet. */
interface PeerCell extends Omit<SavedCell, 'comms' | 'heard' | 'told'> {
  comms: KernelMessage[];
  heard: KernelMessage[][];
  told: JsonObject[];
}

/**
 * Returns the outputs of ipykernel for the notebooks, by name. Each result is cached by the hash of the notebook's
 * source, of the image of the sandboxes, and of the code that runs it. Only the other notebooks are run, in a container
 * without a network.
 */
export async function reference(
  engine: Engine,
  image: string,
  versions: string,
  notebooks: readonly CorpusNotebook[],
): Promise<Map<string, SavedCell[]>> {
  const script = await readFile(SCRIPT, 'utf8');
  const folder = path.join(
    process.env['SANDBOXED_IPYTHON_CACHE'] ?? path.join(homedir(), '.cache', 'sandboxed-ipython-dev'),
    'conformance',
  );
  await mkdir(folder, { recursive: true });
  const fileOf = (notebook: CorpusNotebook): string =>
    path.join(
      folder,
      `${createHash('sha256')
        .update(JSON.stringify([script, versions, PEER, notebook]))
        .digest('hex')
        .slice(0, 32)}.json`,
    );
  const found = new Map<string, SavedCell[]>();
  const take = (notebook: CorpusNotebook, cells: readonly PeerCell[]): void => {
    found.set(
      notebook.name,
      cells.map((cell) => savedCell(cell, notebook)),
    );
  };
  const missing: CorpusNotebook[] = [];
  for (const notebook of notebooks) {
    const text = await readFile(fileOf(notebook), 'utf8').catch(() => undefined);
    if (text === undefined) {
      missing.push(notebook);
    } else {
      take(notebook, JSON.parse(text) as PeerCell[]);
    }
  }
  if (missing.length === 0) {
    return found;
  }
  const peer = await engine.ensureImage(await imageRequest({ base: image, packages: PEER }), silentProgress);
  await inContainer(peer, script, missing, async ({ name, cells, error }) => {
    const notebook = missing.find((one) => one.name === name);
    if (notebook === undefined || cells === undefined) {
      console.log(`      ipykernel did not run ${name}: ${error ?? ''}`);
      return;
    }
    take(notebook, cells);
    const file = fileOf(notebook);
    await writeFile(`${file}.new`, JSON.stringify(cells));
    await rename(`${file}.new`, file);
  });
  return found;
}

function savedCell(cell: PeerCell, { cells }: CorpusNotebook): SavedCell {
  const questions = cells.find(({ index }) => index === cell.index)?.questions ?? [];
  return {
    ...cell,
    outputs: cell.outputs.map((output) =>
      output.output_type === 'stream' ? { ...output, text: [output.text].flat().join('') } : output,
    ),
    comms: cell.comms.map(commLine),
    heard: cell.heard.map(heard),
    told: questions.map((question, index) => told(question, cell.told[index] ?? {})),
  };
}

async function inContainer(
  image: string,
  script: string,
  notebooks: readonly CorpusNotebook[],
  take: (answer: Answer) => Promise<void>,
): Promise<void> {
  const container = await docker.createContainer({
    Image: image,
    Entrypoint: ['sleep'],
    Cmd: ['1800'],
    User: '30001:30001',
    WorkingDir: '/',
    Env: ['HOME=/sandbox', 'USER=sandbox', 'LANG=C.UTF-8'],
    HostConfig: {
      NetworkMode: 'none',
      AutoRemove: true,
      Init: true,
      Memory: 3072 * MIB,
      PidsLimit: 512,
      Tmpfs: { '/sandbox': 'exec,mode=1777', '/tmp': 'exec,mode=1777', '/dev/shm': 'exec,mode=1777' },
    },
  });
  try {
    await container.start();
    const exec = await container.exec({
      Cmd: ['python3', '-c', script],
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
    });
    const { stream, stderr } = execStream(await exec.start({ hijack: true, stdin: true }));
    let said = '';
    stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4_000);
    });
    stream.write(
      `${JSON.stringify(notebooks.map((notebook) => ({ ...notebook, cells: notebook.cells.map(({ source, options, questions }) => ({ source, script: options, questions })) })))}\n`,
    );
    let rest = '';
    const taken: Promise<void>[] = [];
    stream.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        taken.push(take(JSON.parse(line) as Answer));
      }
    });
    await new Promise((ended) => {
      stream.once('close', ended);
    });
    await Promise.all(taken);
    if (taken.length < notebooks.length) {
      throw new Error(`ipykernel ran ${taken.length} of ${notebooks.length} notebooks: ${said}`);
    }
  } finally {
    await container.remove({ force: true }).catch((error: { statusCode?: number }) => {
      if (error.statusCode !== 404 && error.statusCode !== 409) {
        throw error;
      }
    });
  }
}
