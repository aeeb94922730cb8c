import { createHash } from 'node:crypto';
import type * as vscode from 'vscode';

/** The name of a notebook in messages. */
export const fileName = ({ uri }: vscode.NotebookDocument): string => uri.path.slice(uri.path.lastIndexOf('/') + 1);

/** Identifies a cell while its notebook is open. */
export const cellKey = (cell: vscode.NotebookCell): string => cell.document.uri.toString();

/** The cell's nbformat id, which VS Code keeps in the cell's metadata. */
export function cellId(cell: vscode.NotebookCell): string {
  const id: unknown = cell.metadata['id'];
  return typeof id === 'string' ? id : '';
}

/** Identifies a cell's source. */
export const sourceHashOf = (source: string): string => createHash('sha256').update(source).digest('hex').slice(0, 32);

/** The Jupyter tags of the cell. */
export function cellTags(cell: vscode.NotebookCell): unknown[] {
  const metadata = cell.metadata['metadata'] as { tags?: unknown } | undefined;
  const tags = metadata?.tags ?? (cell.metadata['tags'] as unknown);
  return Array.isArray(tags) ? tags : [];
}
