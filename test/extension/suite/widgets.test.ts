import assert from 'node:assert/strict';
import { OpenNotebook, until, useTestBase } from './support';

describe('widgets', () => {
  before(useTestBase);
  let notebook: OpenNotebook;
  afterEach(async () => {
    await notebook.close();
  });

  it('installed by %pip show their content as text, and the kernel can read what an Output widget has captured', async () => {
    notebook = await OpenNotebook.of(
      '%pip install --quiet ipywidgets tqdm',
      'import sys, ipywidgets\nout = ipywidgets.Output()\nwith out:\n    print("held"); print("err", file=sys.stderr); display(7)\nprint("not held")\nout',
      '[{name: one.get(name) for name in ("output_type", "name", "text")} for one in out.outputs]',
      'with out: print("more")\nlen(out.outputs)',
      'len(out.outputs), out.outputs[-1]["text"]',
      'out.outputs = ()\nout',
    );
    await notebook.run(0);
    await notebook.run(1);
    assert.match(notebook.text(1), /not held/);
    await notebook.run(2);
    assert.equal(
      notebook.text(2).replace(/\s+/g, ' '),
      "[{'output_type': 'stream', 'name': 'stdout', 'text': 'held\\n'}, {'output_type': 'stream', 'name': 'stderr', 'text': 'err\\n'}, " +
        "{'output_type': 'display_data', 'name': None, 'text': None}]",
    );
    await notebook.run(3);
    assert.equal(notebook.text(3), '3', 'in the cell itself it is not known yet, as in Jupyter');
    await notebook.run(4);
    assert.equal(notebook.text(4), "(4, 'more\\n')");
    await notebook.run(5);
    assert.doesNotMatch(notebook.text(5), /held|more/);
    await notebook.edit(5, 'from tqdm.notebook import tqdm\nfor _ in tqdm(range(4), desc="Ada\'s <n>"): pass');
    await notebook.run(5);
    const shown = (): string => notebook.text(5).replace(/\s/g, ' '); // tqdm uses spaces as wide as figures
    await until('the bar is full', () => /Ada's <n>: *100%\|█{20}\| 4\/4 \[/.test(shown()), 10_000).catch(() =>
      assert.fail(shown()),
    );
  });
});
