import * as vscode from 'vscode';

/** Jupyter counts Unicode characters, VS Code counts UTF-16 units. */
export const toCharacters = (code: string, units: number): number => [...code.slice(0, units)].length;

export const toUnits = (code: string, characters: number): number => [...code].slice(0, characters).join('').length;

export function rangeOf(document: vscode.TextDocument, code: string, start: number, end: number): vscode.Range {
  return new vscode.Range(document.positionAt(toUnits(code, start)), document.positionAt(toUnits(code, end)));
}
