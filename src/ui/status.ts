import * as vscode from 'vscode';
import { inert, inertInMarkdown } from './inert';

/** A link of a tooltip: the only links that this extension puts into VS Code's interface. */
export interface CommandLink {
  command: string;
  title: string;
  argument: unknown;
  meaning: string;
}

export interface StatusItemContent {
  /** Name of one of VS Code's icons. */
  icon: string;
  text: string;
  tooltip: string;
  links: readonly CommandLink[];
  /**
   * The command of a click, without arguments: one with arguments VS Code keeps under an id of its own, which ends with the next
   * {@link StatusItem.show}, so that a click of that moment fails ("Actual command not found").
   */
  command: string;
  isWarning: boolean;
}

/** An item at the foot of the window, on its right. */
export class StatusItem implements vscode.Disposable {
  readonly #item: vscode.StatusBarItem;

  constructor(id: string, name: string, priority: number) {
    this.#item = vscode.window.createStatusBarItem(id, vscode.StatusBarAlignment.Right, priority);
    this.#item.name = name;
  }

  show({ icon, text, tooltip, links, command, isWarning }: StatusItemContent): void {
    this.#item.text = withIcon(icon, text);
    this.#item.tooltip = markdown(tooltip, links);
    this.#item.command = command;
    this.#item.backgroundColor = isWarning ? new vscode.ThemeColor('statusBarItem.warningBackground') : undefined;
    this.#item.accessibilityInformation = { label: inert(`${text}. ${tooltip}`), role: 'button' };
    this.#item.show();
  }

  hide(): void {
    this.#item.hide();
  }

  dispose(): void {
    this.#item.dispose();
  }
}

/** A hint at the foot of a cell, on its left. */
export function cellHint({
  icon,
  text,
  tooltip,
  command,
}: Pick<StatusItemContent, 'icon' | 'text' | 'tooltip'> & { command: string }): vscode.NotebookCellStatusBarItem {
  const item = new vscode.NotebookCellStatusBarItem(withIcon(icon, text), vscode.NotebookCellStatusBarAlignment.Left);
  item.command = command;
  item.tooltip = inert(tooltip);
  item.accessibilityInformation = { label: inert(text), role: 'button' };
  return item;
}

const withIcon = (icon: string, text: string): string => `$(${icon}) ${inert(text)}`;

/** The commands of the links are the only ones that the text may run. */
function markdown(text: string, links: readonly CommandLink[]): vscode.MarkdownString {
  const shown = new vscode.MarkdownString(escaped(text));
  if (links.length > 0) {
    shown.isTrusted = { enabledCommands: links.map(({ command }) => command) };
  }
  for (const { command, title, argument, meaning } of links) {
    shown.appendMarkdown(
      `\n\n[${escaped(title)}](command:${command}?${encodeURIComponent(JSON.stringify([argument]))}) – ${escaped(meaning)}`,
    );
  }
  return shown;
}

/** `appendText` makes each space one at which no line breaks, so it gets the words alone. */
const escaped = (text: string): string =>
  inertInMarkdown(text)
    .split(' ')
    .map((word) => new vscode.MarkdownString().appendText(word).value)
    .join(' ');
