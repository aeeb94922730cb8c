import type { JsonObject, JsonValue } from '../../../src/protocol/messages';
import { StreamText } from '../../../src/outputs/stream-text';
import { oftenAsOnce, type Heard } from './comms';
import { isNotice, type SavedCell, type SavedOutput } from './saved-cells';

/** The options of a cell that the comparison needs. */
export interface Expected {
  /** `exact`: the order of stdout and stderr is compared too. */
  order?: 'exact';
  /** The code of the notice that our sandbox alone adds in this cell. No other cell may have a notice. */
  notice?: string;
}

/** Returns the differences of two runs of one cell, one per line; empty if they are the same. */
export function differences(
  ran: SavedCell | undefined,
  theirs: SavedCell | undefined,
  { order, notice }: Expected,
): string[] {
  if (ran === undefined || theirs === undefined) {
    return ran === theirs ? [] : [ran === undefined ? 'was not run by us' : 'was not run by ipykernel'];
  }
  const found: string[] = [];
  const ours =
    notice === undefined ? ran : { ...ran, outputs: ran.outputs.filter((output) => !isNotice(output, notice)) };
  if (notice !== undefined && ours.outputs.length !== ran.outputs.length - 1) {
    found.push(`the notice ${notice} comes ${ran.outputs.length - ours.outputs.length} times`);
  }
  const same = (what: string, a: unknown, b: unknown): void => {
    const [one, other] = [JSON.stringify(a), JSON.stringify(b)];
    if (one !== other) {
      found.push(`${what}: ${firstDifference(one, other)}`);
    }
  };
  if (!ours.kernel_died) {
    same('execution count', ours.execution_count, theirs.execution_count);
  } // nbclient takes it from the reply
  same('kernel died', ours.kernel_died, theirs.kernel_died);
  same('prompts', ours.prompts, theirs.prompts);
  same('payload', ours.payload.map(payloadOf), theirs.payload.map(payloadOf));
  same('comms', oftenAsOnce(ours.comms.map(masked)).sort(), oftenAsOnce(theirs.comms.map(masked)).sort());
  same('what comms answer', ours.heard.map(heardOf), theirs.heard.map(heardOf));
  same('what the editor is told', ours.told.map(maskedJson), theirs.told.map(maskedJson));
  const views: [string, (output: SavedOutput) => boolean][] =
    order === 'exact'
      ? [['outputs', () => true]]
      : [
          ['outputs but stderr', (output) => nameOf(output) !== 'stderr'],
          ['outputs but stdout', (output) => nameOf(output) !== 'stdout'],
        ];
  for (const [what, included] of views) {
    const [a, b] = [joined(ours.outputs.filter(included)), joined(theirs.outputs.filter(included))];
    if (a.length !== b.length) {
      found.push(
        `${what}: we have ${a.map(titleOf).join(', ') || 'none'}, ipykernel ${b.map(titleOf).join(', ') || 'none'}`,
      );
    } else {
      a.forEach((output, index) => same(`${what}, ${index + 1}`, comparable(output), comparable(b[index])));
    }
  }
  return [...new Set(found)];
}

const nameOf = (output: SavedOutput): string => (output.output_type === 'stream' ? output.name : output.output_type);
const titleOf = (output: SavedOutput): string =>
  'data' in output ? `${output.output_type} (${Object.keys(output.data).join(' ')})` : nameOf(output);

/** Joins adjacent outputs of one stream, as a front end shows them. */
function joined(outputs: readonly SavedOutput[]): SavedOutput[] {
  const result: SavedOutput[] = [];
  for (const output of outputs) {
    const last = result.at(-1);
    if (output.output_type === 'stream' && last?.output_type === 'stream' && last.name === output.name) {
      result[result.length - 1] = { ...last, text: last.text + output.text };
    } else {
      result.push(output);
    }
  }
  return result;
}

function comparable(output: SavedOutput | undefined): unknown {
  switch (output?.output_type) {
    case undefined:
      return undefined;
    case 'stream':
      return [output.name, masked(new StreamText(output.text).text())];
    case 'error':
      return ['error', output.ename, masked(output.evalue), shortened(masked(output.traceback.join('\n')))];
    case 'display_data':
      return ['display_data', bundle(output.data), metadataOf(output.metadata)];
    case 'execute_result':
      return ['execute_result', output.execution_count, bundle(output.data), metadataOf(output.metadata)];
  }
}

/** Removes repeated frames of an endless recursion: its depth at the end depends on the caller. */
function shortened(traceback: string): string {
  const frames = traceback.split('\n\n');
  return frames.length < 200 ? traceback : [...new Set(frames)].join('\n\n');
}

const metadataOf = (metadata: JsonObject): string => masked(JSON.stringify(sorted(metadata)));

/** Images are compared by their presence and size, everything else by its text. */
const bundle = (data: JsonObject): [string, unknown][] =>
  Object.entries(data)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([mime, value]) => [mime, isBinary(mime) ? sizeOf(value) : masked(valueText(mime, value))]);

const isBinary = (mime: string): boolean =>
  (/^(image|audio|video)\//.test(mime) && mime !== 'image/svg+xml') || mime === 'application/pdf';

function sizeOf(value: JsonValue): unknown {
  const bytes = Buffer.from(typeof value === 'string' ? value : lines(value), 'base64');
  if (bytes.subarray(1, 4).toString('latin1') === 'PNG') {
    return ['png', bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  }
  if (bytes.subarray(0, 3).toString('latin1') === 'GIF') {
    return ['gif', bytes.readUInt16LE(6), bytes.readUInt16LE(8)];
  }
  return ['bytes', bytes.length];
}

const lines = (value: JsonValue): string =>
  Array.isArray(value) && value.every((line) => typeof line === 'string')
    ? value.join('')
    : JSON.stringify(sorted(value));

function valueText(mime: string, value: JsonValue): string {
  if (typeof value === 'string') {
    return mime === 'image/svg+xml'
      ? value.replace(/<metadata>[^]*?<\/metadata>/, '').replace(/"#?[a-z]\w{10}"|#\w{11}\b/g, 'ID')
      : value;
  }
  return mime.endsWith('json') ? JSON.stringify(sorted(value)) : lines(value);
}

const sorted = (value: JsonValue): JsonValue => {
  if (Array.isArray(value)) {
    return value.map(sorted);
  }
  return typeof value === 'object' && value !== null
    ? Object.fromEntries(
        Object.entries(value)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, one]) => [key, sorted(one)]),
      )
    : value;
};

function payloadOf(payload: JsonObject): unknown {
  const { data, text } = payload;
  const shown = typeof data === 'object' && data !== null && !Array.isArray(data) ? data['text/plain'] : text;
  return [
    payload['source'],
    typeof shown === 'string' ? masked(shown) : null,
    Boolean(payload['replace']),
    Boolean(payload['keepkernel']),
  ];
}

const heardOf = ({ comms, stdout, stderr, shown }: Heard): unknown => [
  comms.map(masked),
  masked(stdout),
  masked(stderr),
  shown.map(maskedJson),
];

const NUMBER = '\\d[\\d.,e+-]*';
/**
 * What differs between two runs of the same kernel: addresses and random names, times, temporary paths, and the frames
 * that call the callback of a comm.
 */
const MASKS: [RegExp, string][] = [
  [/\x1b\[[\d;]*m/g, ''], // eslint-disable-line no-control-regex
  [
    / {2}File "[^"]*\/(?:comm\/base_comm|ipykernel\/comm\/manager|sandboxed_ipython\/kernel\/comms)\.py", line \d+, in \w+\n(?: {4}.*\n)+/g,
    '',
  ],
  [/\/tmp\/ipykernel_\d+\/\d+\.py/g, '<cell>'],
  [/\b\d{6,}\.py(?=, line|:)/g, '<cell>'],
  [/\/tmp\/tmp\w{8}/g, '<temporary>'],
  [/\b0x[0-9a-f]{6,16}\b/gi, '<address>'],
  [/\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/g, '<id>'],
  [/\b[0-9a-f]{32}\b/g, '<id>'],
  [/\bT_[0-9a-f]{5}/g, 'T_<id>'],
  [/\b(?:CPU times|Wall time): .*/g, '<time>'],
  [
    new RegExp(
      `${NUMBER} [nµμm]?s ± ${NUMBER} [nµμm]?s per loop \\(mean ± std\\. dev\\. of \\d+ runs?, [\\d,]+ loops? each\\)`,
      'g',
    ),
    '<time>',
  ],
  [/^The slowest run took .*\n/gm, ''],
  [/ object at [0-9a-f]{9,16}\b/g, ' object at <address>'],
  [/\[\d+:\d\d<[\d:?]+, [^\]\n]*\]/g, '[<time>]'],
  [/\b\d+\.\d+ seconds\b/g, '<time>'],
];
const masked = (value: string): string => MASKS.reduce((text, [pattern, name]) => text.replace(pattern, name), value);
const maskedJson = (value: JsonValue): string =>
  masked(typeof value === 'string' ? value : JSON.stringify(sorted(value)));

function firstDifference(one: string, other: string): string {
  let at = 0;
  while (at < one.length && one[at] === other[at]) {
    at += 1;
  }
  const from = Math.max(0, at - 30);
  return `we have …${one.slice(from, at + 120)}, ipykernel …${other.slice(from, at + 120)}`;
}
