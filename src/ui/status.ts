import * as vscode from 'vscode';
import { inert, inertInMarkdown } from './inert';

/** A link in a tooltip. This extension puts no other links into VS Code's interface. */
export interface CommandLink {
  command: string;
  title: string;
  argument: unknown;
  /** What the command does, which is shown after the link. */
  meaning: string;
}

export interface StatusItemContent {
  /** The name of one of VS Code's icons. */
  icon: string;
  text: string;
  tooltip: string;
  links: readonly CommandLink[];
  /**
   * The command for a click, without arguments. VS Code registers a command with arguments under an internal id until the next
   * {@link StatusItem.show}, so that a click at that moment would fail ("Actual command not found").
   */
  command: string;
  isWarning: boolean;
}

/** An item on the right side of the status bar. */
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

/** Creates an item on the left side of a cell's status bar. */
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

/** Markdown of a text with links. It can run only the commands of these links. */
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

/** `appendText` turns each space into a non-breaking one, so it is called for each word. */
const escaped = (text: string): string =>
  inertInMarkdown(text)
    .split(' ')
    .map((word) => new vscode.MarkdownString().appendText(word).value)
    .join(' ');
