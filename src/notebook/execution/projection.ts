import * as vscode from 'vscode';
import { describe, paragraph, type MessageContext } from '../../messages';
import type { CellOutput, StreamName } from '../../outputs/types';
import type { Failure, JsonValue, MimeBundle } from '../../protocol/messages';
import { fixLinks, type LinkTargets } from '../traceback/traceback-links';

/**
 * MIME types from the richest to the plainest, in the order of VS Code's own `.ipynb` reader. VS Code shows the first
 * one that it can render.
 */
const PREFERENCE = [
  /^application\/vnd\./,
  /^application\/vdom\./,
  /^application\/geo\+json$/,
  /^text\/html$/,
  /^application\/javascript$/,
  /^image\/gif$/,
  /^text\/latex$/,
  /^text\/markdown$/,
  /^image\/png$/,
  /^image\/jpeg$/,
  /^image\/svg\+xml$/,
  /^image\//,
  /^application\/json$/,
  /^text\/plain$/,
];

/** Converts an output to VS Code's form, with the metadata that VS Code's `.ipynb` serializer expects. */
export function toNotebookOutput(
  output: CellOutput,
  messageContext: MessageContext,
  targets: LinkTargets,
): vscode.NotebookCellOutput {
  switch (output.output_type) {
    case 'stream':
      return new vscode.NotebookCellOutput([toStreamItem(output.name, output.text)], { outputType: 'stream' });
    case 'display_data':
      return new vscode.NotebookCellOutput(toItems(withFallback(output)), {
        outputType: 'display_data',
        metadata: output.metadata,
        transient: output.transient,
      });
    case 'execute_result':
      return new vscode.NotebookCellOutput(toItems(withFallback(output)), {
        outputType: 'execute_result',
        executionCount: output.execution_count,
        metadata: output.metadata,
        transient: output.transient,
      });
    case 'error':
      return toError(output, targets);
    case 'failure':
      return toFailure(output.failure, messageContext);
    case 'notice':
      return toNotice(output.failure, messageContext);
  }
}

export function toItems(data: MimeBundle): vscode.NotebookCellOutputItem[] {
  const rank = (mime: string): number => {
    const found = PREFERENCE.findIndex((pattern) => pattern.test(mime));
    return found === -1 ? PREFERENCE.length - 1.5 : found; // an unknown type is richer than plain text
  };
  const entries = Object.entries(data).sort(([a], [b]) => rank(a) - rank(b));
  return entries.map(([mime, value]) => new vscode.NotebookCellOutputItem(toBytes(mime, value), mime));
}

/** VS Code renders no widgets, so it shows their text. */
export const withFallback = ({ data, fallback }: Extract<CellOutput, { data: MimeBundle }>): MimeBundle =>
  fallback === undefined ? data : { ...data, 'text/plain': fallback };

export function toStreamItem(name: StreamName, text: string): vscode.NotebookCellOutputItem {
  return name === 'stderr' ? vscode.NotebookCellOutputItem.stderr(text) : vscode.NotebookCellOutputItem.stdout(text);
}

/** Images other than SVG are base64 in Jupyter and bytes in VS Code. All other types are text in both. */
function toBytes(mime: string, value: JsonValue): Uint8Array {
  if (Array.isArray(value) && !mime.endsWith('json') && value.every((line) => typeof line === 'string')) {
    return toBytes(mime, value.join(''));
  }
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return Buffer.from(text, mime.startsWith('image/') && mime !== 'image/svg+xml' ? 'base64' : 'utf8');
}

/** The file keeps the traceback as IPython sent it. */
function toError(
  { ename, evalue, traceback }: Extract<CellOutput, { output_type: 'error' }>,
  targets: LinkTargets,
): vscode.NotebookCellOutput {
  const item = vscode.NotebookCellOutputItem.error({
    name: ename,
    message: evalue,
    stack: fixLinks(traceback.join('\n'), targets),
  });
  return new vscode.NotebookCellOutput([item], {
    outputType: 'error',
    originalError: { output_type: 'error', ename, evalue, traceback },
  });
}

/** A failure of the extension, not of the cell's code. It is marked as such and has no traceback. */
function toFailure(failure: Failure, messageContext: MessageContext): vscode.NotebookCellOutput {
  const message = describe(failure, messageContext);
  const text = paragraph(message);
  const item = vscode.NotebookCellOutputItem.error({ name: message.name, message: text, stack: '' });
  return new vscode.NotebookCellOutput([item], {
    outputType: 'error',
    originalError: { output_type: 'error', ename: message.name, evalue: text, traceback: [`${message.name}: ${text}`] },
    sandboxedIPython: { failure: failure.code },
  });
}

function toNotice(failure: Failure, messageContext: MessageContext): vscode.NotebookCellOutput {
  const text = `${paragraph(describe(failure, messageContext))}\n`;
  return new vscode.NotebookCellOutput([toStreamItem('stderr', text)], {
    outputType: 'stream',
    sandboxedIPython: { notice: failure.code },
  });
}

/**
 * Whether two lists of outputs look the same, which means that their items have the same types and bytes. For errors,
 * the links in the traceback may differ.
 */
export const looksSame = (
  some: readonly vscode.NotebookCellOutput[],
  others: readonly vscode.NotebookCellOutput[],
): boolean =>
  some.length === others.length &&
  some.every((one, at) => {
    const other = others[at];
    if (other === undefined) {
      return false;
    }
    const error = errorOf(one);
    if (error !== undefined) {
      return error === errorOf(other);
    }
    return (
      one.items.length === other.items.length &&
      one.items.every(
        ({ mime, data }, i) => mime === other.items[i]?.mime && Buffer.from(data).equals(other.items[i].data),
      )
    );
  });

function errorOf({ metadata }: vscode.NotebookCellOutput): string | undefined {
  const { originalError } = (metadata ?? {}) as {
    originalError?: { ename?: unknown; evalue?: unknown; traceback?: unknown };
  };
  return originalError && JSON.stringify([originalError.ename, originalError.evalue, originalError.traceback]);
}
