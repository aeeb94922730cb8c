import { createHash } from 'node:crypto';
import type * as vscode from 'vscode';

/** How a message names a notebook. */
export const fileName = ({ uri }: vscode.NotebookDocument): string => uri.path.slice(uri.path.lastIndexOf('/') + 1);

/** What names a cell as long as its notebook is open. */
export const cellKey = (cell: vscode.NotebookCell): string => cell.document.uri.toString();

/** The id that nbformat gives it; VS Code keeps it in the cell's metadata. */
export function cellId(cell: vscode.NotebookCell): string {
  const id: unknown = cell.metadata['id'];
  return typeof id === 'string' ? id : '';
}

/** Tells sources apart. */
export const sourceHashOf = (source: string): string => createHash('sha256').update(source).digest('hex').slice(0, 32);

/** Jupyter's tags of the cell. */
export function cellTags(cell: vscode.NotebookCell): unknown[] {
  const metadata = cell.metadata['metadata'] as { tags?: unknown } | undefined;
  const tags = metadata?.tags ?? (cell.metadata['tags'] as unknown);
  return Array.isArray(tags) ? tags : [];
}
