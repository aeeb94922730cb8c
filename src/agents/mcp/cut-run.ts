import type { JsonValue } from '../../protocol/messages';
import type { Run, RunResult } from '../run';

/** MIME types that a model reads as text, the best first. HTML and JavaScript are never passed on. */
const TEXT_TYPES = ['text/plain', 'text/markdown', 'text/latex', 'application/json'];
const IMAGE_TYPES = ['image/png', 'image/jpeg'];
const MAX_RESULT_CHARS = 20_000;
/** Characters of all results together. */
const MAX_RESULTS_CHARS = 100_000;
const MAX_ERROR_CHARS = 10_000;
/** Base64 characters of an image of 1 MB. */
const MAX_IMAGE_CHARS = Math.ceil(1_000_000 / 3) * 4;
const MAX_IMAGES = 8;

export interface Image {
  mimeType: string;
  /** Base64. */
  data: string;
}

export interface CutOptions {
  /** Maximum number of characters of stdout and stderr together. */
  maxChars: number;
  /** Number of characters of stdout, followed by stderr, that are skipped. */
  fromChar?: number;
}

/** A run as a model gets it: texts of a bounded length, and images apart. */
export function cutRun(run: Run, { maxChars, fromChar = 0 }: CutOptions): { run: Run; images: Image[] } {
  const end = fromChar + maxChars;
  const total = run.stdout.length + run.stderr.length;
  const { images, leftOut } = imagesOf(run.results);
  const { results, cut } = asTexts(run.results);
  return {
    images,
    run: {
      ...run,
      stdout: run.stdout.slice(fromChar, end),
      stderr: run.stderr.slice(Math.max(0, fromChar - run.stdout.length), Math.max(0, end - run.stdout.length)),
      results,
      notices: [
        ...run.notices,
        ...(leftOut > 0
          ? [`${leftOut} images were left out: at most ${MAX_IMAGES} of up to 1 MB each are shown.`]
          : []),
        ...(cut > 0 ? [`${cut} results were left out, because all results together are too long.`] : []),
      ],
      error: run.error && {
        name: shortened(run.error.name, 200),
        value: shortened(run.error.value, MAX_ERROR_CHARS),
        traceback: shortened(run.error.traceback, MAX_ERROR_CHARS),
      },
      truncated:
        end < total
          ? {
              chars: total - end,
              how_to_get_the_rest: `Call get_run with run_id "${run.run_id}" and from_char ${end}.`,
            }
          : null,
    },
  };
}

function asTexts(all: readonly RunResult[]): { results: RunResult[]; cut: number } {
  const results: RunResult[] = [];
  let room = MAX_RESULTS_CHARS;
  for (const result of all) {
    const text = asText(result);
    room -= JSON.stringify(text).length;
    if (room < 0) {
      break;
    }
    results.push(text);
  }
  return { results, cut: all.length - results.length };
}

function asText(result: RunResult): RunResult {
  const texts = TEXT_TYPES.flatMap((mime): [string, JsonValue][] => {
    const value = result[mime];
    return value === undefined
      ? []
      : [[mime, shortened(typeof value === 'string' ? value : JSON.stringify(value), MAX_RESULT_CHARS)]];
  });
  return { ...Object.fromEntries(texts), is_main_result: result.is_main_result };
}

/** One image of each result, and the number of those that are too large or too many. */
function imagesOf(results: readonly RunResult[]): { images: Image[]; leftOut: number } {
  const all = results.flatMap((result) =>
    IMAGE_TYPES.flatMap((mimeType): Image[] => {
      const data = result[mimeType];
      return typeof data === 'string' ? [{ mimeType, data: data.replace(/\s+/g, '') }] : [];
    }).slice(0, 1),
  );
  const images = all.filter(({ data }) => data.length <= MAX_IMAGE_CHARS).slice(0, MAX_IMAGES);
  return { images, leftOut: all.length - images.length };
}

/** The beginning and the end of a text, because an error is at the end. */
function shortened(text: string, max: number): string {
  return text.length <= max
    ? text
    : `${text.slice(0, max / 2)}\n… ${text.length - max} characters left out …\n${text.slice(-max / 2)}`;
}
