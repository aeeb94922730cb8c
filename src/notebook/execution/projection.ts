import * as vscode from 'vscode';
import { describe, paragraph, type MessageContext } from '../../messages';
import type { CellOutput, StreamName } from '../../outputs/types';
import type { Failure, JsonValue, MimeBundle } from '../../protocol/messages';
import { fixLinks, type LinkTargets } from '../traceback/traceback-links';

/** The richest first, as VS Code's own reader of `.ipynb` has it: the first that can be rendered is shown. */
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

/** An output as VS Code has it, with the metadata that its writer of `.ipynb` files looks for. */
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

/** VS Code draws no widgets: it shows the text. */
export const withFallback = ({ data, fallback }: Extract<CellOutput, { data: MimeBundle }>): MimeBundle =>
  fallback === undefined ? data : { ...data, 'text/plain': fallback };

export function toStreamItem(name: StreamName, text: string): vscode.NotebookCellOutputItem {
  return name === 'stderr' ? vscode.NotebookCellOutputItem.stderr(text) : vscode.NotebookCellOutputItem.stdout(text);
}

/** Images but SVG are base64 in Jupyter and bytes in VS Code; all else is text in both. */
function toBytes(mime: string, value: JsonValue): Uint8Array {
  if (Array.isArray(value) && !mime.endsWith('json') && value.every((line) => typeof line === 'string')) {
    return toBytes(mime, value.join(''));
  }
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return Buffer.from(text, mime.startsWith('image/') && mime !== 'image/svg+xml' ? 'base64' : 'utf8');
}

/** What is saved has the traceback as it came. */
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

/** Ours, not the cell's own: marked, and without a traceback. */
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

/** Whether two lists of outputs would look the same: types and bytes of their items. The links of an error may be others. */
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
