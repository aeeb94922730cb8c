import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseSetting, type SettingName } from '../../src/session/settings';

const ROOT = path.resolve(__dirname, '../../..');
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');

interface Property {
  default: unknown;
  scope: string;
  order: number;
  markdownDescription: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
}
interface Manifest {
  publisher: string;
  name: string;
  icon: string;
  engines: { vscode: string };
  devDependencies: Record<string, string>;
  capabilities: { untrustedWorkspaces: { restrictedConfigurations: string[] } };
  contributes: {
    commands: { command: string; title: string; category: string }[];
    menus: Record<string, { command: string; when?: string; group?: string }[]>;
    configuration: { title: string; order: number; properties: Record<string, Property> }[];
  };
}
const manifest = JSON.parse(read('package.json')) as Manifest;
const properties = Object.assign(
  {},
  ...manifest.contributes.configuration.map((section) => section.properties),
) as Record<string, Property>;
const property = (name: string): Property => {
  const found = properties[`sandboxedIPython.${name}`];
  assert.ok(found, name);
  return found;
};

describe('the manifest', () => {
  it('keeps the names that must never change', () => {
    assert.equal(`${manifest.publisher}.${manifest.name}`, 'sandboxed-ipython.sandboxed-ipython');
    assert.ok(manifest.contributes.commands.some(({ command }) => command === 'sandboxedIPython.resetSandboxState'));
    assert.match(read('src/notebook/controller.ts'), /CONTROLLER_ID = 'sandboxed-ipython'/);
  });

  it('declares exactly the commands that the code registers, in one category', () => {
    const registered = [...read('src/commands/index.ts').matchAll(/\bid: '(.*?)'/g)].map(([, id]) => id);
    assert.deepEqual(manifest.contributes.commands.map(({ command }) => command).sort(), registered.sort());
    assert.deepEqual(
      [...new Set(manifest.contributes.commands.map(({ category }) => category))],
      ['Sandboxed IPython'],
    );
    for (const { command, when } of Object.values(manifest.contributes.menus).flat()) {
      assert.ok(registered.includes(command), command);
      assert.ok(when, `${command} is shown everywhere`);
    }
  });

  it('has its strings in package.nls.json, all of them used', () => {
    const used = [...read('package.json').matchAll(/"%([\w.]+)%"/g)].map(([, key]) => key);
    assert.deepEqual([...new Set(used)].sort(), Object.keys(JSON.parse(read('package.nls.json')) as object).sort());
  });

  it('links only to settings that exist', () => {
    for (const [, name] of read('package.nls.json').matchAll(/`#sandboxedIPython\.(\w+)#`/g)) {
      property(name ?? '');
    }
  });

  const SCOPES: Record<string, string> = {
    timeout: 'resource',
    historySize: 'resource',
    resetFiles: 'resource',
    maxMemory: 'machine-overridable',
    pollInterval: 'machine-overridable',
    logBudget: 'machine-overridable',
    maxOutput: 'machine-overridable',
    image: 'machine',
    packages: 'machine',
    cpus: 'machine',
    pids: 'machine',
    proxy: 'machine',
    caBundle: 'machine',
    files: 'machine-overridable',
    keepAlive: 'machine-overridable',
    idleTimeout: 'machine-overridable',
    startOn: 'machine-overridable',
  };
  it('has settings whose scope keeps a workspace from widening its sandbox', () => {
    assert.deepEqual(
      Object.fromEntries(
        Object.entries(properties).map(([name, { scope }]) => [name.replace('sandboxedIPython.', ''), scope]),
      ),
      SCOPES,
    );
    assert.deepEqual(
      [...manifest.capabilities.untrustedWorkspaces.restrictedConfigurations].sort(),
      Object.keys(properties).sort(),
    );
  });

  it('has defaults and bounds that the parser of the settings accepts', () => {
    for (const name of Object.keys(SCOPES).filter((key) => key !== 'caBundle' && key !== 'proxy') as SettingName[]) {
      const { default: value, minimum, maximum } = property(name);
      parseSetting(name, value);
      for (const bound of [minimum, maximum]) {
        if (bound !== undefined) {
          parseSetting(name, bound);
        }
      }
      if (name !== 'packages') {
        assert.deepEqual(parseSetting(name, value), parseSetting(name, undefined), `the default of ${name}`);
      }
      if (maximum !== undefined) {
        assert.throws(() => parseSetting(name, maximum + 1), /SettingInvalid/);
      }
    }
  });

  it('orders the settings in sections; each description has the unit and says when the setting takes effect', () => {
    const texts = JSON.parse(read('package.nls.json')) as Record<string, string>;
    const sections = manifest.contributes.configuration;
    assert.deepEqual(
      sections.map(({ order }) => order),
      sections.map((_, i) => i + 1),
    );
    const shown = sections.map(({ properties: own }) =>
      Object.entries(own)
        .sort(([, a], [, b]) => a.order - b.order)
        .map(([name]) => name.replace('sandboxedIPython.', '')),
    );
    assert.deepEqual(shown, [
      ['timeout', 'maxMemory', 'cpus', 'pids', 'maxOutput', 'logBudget'],
      ['image', 'packages', 'proxy', 'caBundle'],
      ['startOn', 'keepAlive', 'idleTimeout', 'files', 'resetFiles', 'historySize', 'pollInterval'],
    ]);
    for (const section of sections) {
      const orders = Object.values(section.properties).map(({ order }) => order);
      assert.equal(new Set(orders).size, orders.length);
    }
    const units: Record<string, RegExp> = {
      timeout: /seconds/,
      pollInterval: /seconds/,
      keepAlive: /minutes/,
      idleTimeout: /minutes/,
      maxMemory: /`512MB`/,
      maxOutput: /`10MB`/,
      logBudget: /`64MB`/,
      cpus: /processors/,
      pids: /processes and threads/,
      historySize: /results/,
    };
    for (const name of shown.flat()) {
      const text = texts[property(name).markdownDescription.replaceAll('%', '')] ?? '';
      assert.match(text, units[name] ?? /./, name);
      assert.match(text, /Takes effect (at once|with the next \w+)/, name);
    }
  });

  it('accepts the same sizes as the parser', () => {
    const pattern = new RegExp(property('maxMemory').pattern ?? '^$');
    for (const size of ['512MB', '1GB', '2g', '1.5 GiB', '1073741824']) {
      assert.match(size, pattern);
    }
    for (const size of ['lots', '1 XB', '-1']) {
      assert.doesNotMatch(size, pattern);
    }
  });

  it('compiles against the API of the VS Code version that it requires', () => {
    assert.equal(manifest.devDependencies['@types/vscode'], manifest.engines.vscode);
  });

  it('has an icon of 128 × 128', () => {
    const icon = readFileSync(path.join(ROOT, manifest.icon));
    assert.deepEqual([icon.readUInt32BE(16), icon.readUInt32BE(20)], [128, 128]);
  });
});

describe('the examples', () => {
  interface Example {
    nbformat: number;
    nbformat_minor: number;
    cells: { id: string; cell_type: string; source: string[]; metadata: { tags?: string[] }; outputs?: unknown[] }[];
  }
  const notebook = (name: string) => JSON.parse(read(`examples/${name}`)) as Example;

  for (const name of ['quickstart.ipynb', 'files.ipynb']) {
    it(`have ${name} in nbformat 4.5 with an id for each cell and no saved output`, () => {
      const { nbformat, nbformat_minor, cells } = notebook(name);
      assert.deepEqual([nbformat, nbformat_minor], [4, 5]);
      const ids = cells.map(({ id }) => id);
      assert.equal(new Set(ids).size, ids.length);
      for (const id of ids) {
        assert.match(id, /^[a-zA-Z0-9-_]{1,64}$/);
      }
      assert.deepEqual(
        cells.flatMap(({ outputs }) => outputs ?? []),
        [],
      );
    });
  }

  it('tag the cells that fail on purpose, so that "Run All" goes on', () => {
    const tagged = notebook('quickstart.ipynb')
      .cells.filter(({ metadata }) => metadata.tags?.includes('raises-exception'))
      .map(({ source }) => source.join(''));
    assert.deepEqual(tagged, ['1 / 0', 'x']);
  });
});
