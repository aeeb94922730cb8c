import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Engine } from '../../src/engine/engine';
import { silentProgress } from '../../src/engine/progress';
import { baseImage, connect, endSessions, startSession } from '../session/support/sandboxes';
import { imageRequest } from '../session/engineTools';
import { BREAKAGES } from './support/breakages';
import { differences } from './support/compare';
import { readCorpus, type CorpusNotebook } from './support/corpus';
import { runNotebook, type NotebookRun } from './support/notebook-run';
import { TAGS } from './support/phrases';
import { reference } from './support/reference';
import { savedCells, type SavedCell } from './support/saved-cells';

const HERE = path.join(__dirname, '../../../test/conformance');
const PACKAGES = readFileSync(path.join(HERE, 'requirements.txt'), 'utf8').split('\n').filter(Boolean);
/** Cells in which we differ, and why the difference is better for the user. */
const ALLOWED = JSON.parse(readFileSync(path.join(HERE, 'differences.json'), 'utf8')) as {
  notebook: string;
  cell: number;
  why: string;
}[];
const SESSIONS_AT_ONCE = 2;

const corpus = readCorpus();
const cellsOf = corpus.flatMap(({ cells }) => cells);

describe('the corpus', () => {
  it('has at least 40 notebooks, 400 cells and three cells for every phrase', () => {
    assert.ok(corpus.length >= 40, `${corpus.length} notebooks`);
    assert.ok(cellsOf.length >= 400, `${cellsOf.length} cells`);
    assert.deepEqual(
      cellsOf.flatMap(({ tags }) => tags).filter((tag) => !TAGS.has(tag)),
      [],
      'unknown tags',
    );
    assert.deepEqual(
      [...TAGS].filter((tag) => cellsOf.filter(({ tags }) => tags.includes(tag)).length < 3),
      [],
      'phrases with fewer than three cells',
    );
    assert.ok(ALLOWED.length <= 10);
  });
});

describe('a session gives the same outputs as ipykernel', function () {
  this.timeout(300_000);
  let engine: Engine;
  let theirs: Promise<Map<string, SavedCell[]>>;
  const runs = new Map<string, Promise<NotebookRun>>();

  before(async () => {
    engine = await connect();
    const image = await engine.ensureImage(await imageRequest({ packages: PACKAGES }), silentProgress);
    theirs = reference(engine, image, `${baseImage()} ${PACKAGES.join(' ')}`, corpus);
    theirs.catch(() => undefined); // the tests report the failure
    const grep = process.env['MOCHA_GREP'];
    const places = Array.from({ length: SESSIONS_AT_ONCE }, () => Promise.resolve());
    corpus
      .filter(({ name }) => grep === undefined || grep === name || !corpus.some((one) => one.name === grep))
      .forEach((notebook, index) => {
        const place = index % SESSIONS_AT_ONCE;
        const run = (places[place] ?? Promise.resolve()).then(() => runInSession(engine, image, notebook));
        runs.set(notebook.name, run);
        places[place] = run.then(
          () => undefined,
          () => undefined,
        );
      });
  });
  after(async () => {
    await endSessions();
    engine.dispose();
  });

  for (const notebook of corpus) {
    it(notebook.name, async () => {
      const run = await runs.get(notebook.name);
      assert.ok(run);
      const expected = (await theirs).get(notebook.name);
      assert.ok(expected, 'ipykernel did not run it');
      const found = differencesOf(notebook, savedCells(run), expected);
      const allowed = ALLOWED.filter((one) => one.notebook === notebook.name);
      const unexpected = found.filter(({ cell }) => !allowed.some((one) => one.cell === cell));
      assert.deepEqual(unexpected, []);
      assert.deepEqual(
        allowed.filter(({ cell }) => !found.some((one) => one.cell === cell)),
        [],
        'these do not differ any more',
      );
    });
  }

  describe('a session that differs is detected:', () => {
    for (const { broken, notebook: name, filter } of BREAKAGES) {
      it(broken, async () => {
        const notebook = corpus.find((one) => one.name === name);
        const run = await runs.get(name);
        const expected = (await theirs).get(name);
        assert.ok(notebook && run && expected);
        const whole = differencesOf(notebook, savedCells(run), expected);
        const damaged = differencesOf(notebook, savedCells({ ...run, events: filter(run.events) }), expected);
        assert.ok(damaged.length > whole.length, 'the comparison saw nothing');
      });
    }
  });
});

function differencesOf(
  notebook: CorpusNotebook,
  ours: readonly SavedCell[],
  theirs: readonly SavedCell[],
): { cell: number; source: string; why: string[] }[] {
  return notebook.cells.flatMap(({ index, source, options }) => {
    const why = differences(
      ours.find((cell) => cell.index === index),
      theirs.find((cell) => cell.index === index),
      options,
    );
    return why.length === 0 ? [] : [{ cell: index, source, why }];
  });
}

async function runInSession(
  engine: Engine,
  image: string,
  { name, cells, settle, historySize }: CorpusNotebook,
): Promise<NotebookRun> {
  const { session } = startSession(engine, image, {
    maxMemory: 2 * 2 ** 30,
    timeout: 90,
    ...(historySize !== undefined && { historySize }),
  });
  try {
    await session.started;
    const folder = `'/tmp/notebooks/${name}'`;
    const { reply } = session.execute(`import os; os.makedirs(${folder}); del os\n%cd -q ${folder}`, { silent: true });
    assert.equal((await reply).status, 'ok');
    return await runNotebook(
      session,
      cells.map(({ index, source, options, questions }) => ({ index, source, script: options, questions })),
      settle,
    );
  } finally {
    await session.dispose();
  }
}
