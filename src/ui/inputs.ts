import * as vscode from 'vscode';
import { inert } from './inert';

/** An input box whose texts cannot be changed any more. */
export type Box = Pick<vscode.InputBox, 'value' | 'onDidAccept' | 'onDidHide' | 'show' | 'dispose'>;

export interface BoxOptions {
  title: string;
  prompt: string;
  password: boolean;
  value: string;
}

/** Creates an input box that stays open when it loses the focus. The caller shows and disposes it. */
export function createBox({ title, prompt, password, value }: BoxOptions): Box {
  const box = vscode.window.createInputBox();
  box.title = inert(title);
  box.prompt = inert(prompt);
  box.password = password;
  box.value = value;
  box.ignoreFocusOut = true;
  return box;
}

export interface Question {
  title: string;
  prompt: string;
  placeholder: string;
  /** Returns what is wrong with a value; undefined if it is valid. */
  validate: (value: string) => string | undefined;
}

/** Asks for a line of text. Resolves to undefined if the user closes the box. */
export async function askForText({ title, prompt, placeholder, validate }: Question): Promise<string | undefined> {
  return await vscode.window.showInputBox({
    title: inert(title),
    prompt: inert(prompt),
    placeHolder: inert(placeholder),
    ignoreFocusOut: true,
    validateInput: (value) => {
      const wrong = validate(value);
      return wrong === undefined ? undefined : inert(wrong);
    },
  });
}

/** Asks for a secret, which is hidden while it is typed. Resolves to undefined if the user closes the box. */
export async function askForSecret({ title, prompt }: Pick<Question, 'title' | 'prompt'>): Promise<string | undefined> {
  return await vscode.window.showInputBox({
    title: inert(title),
    prompt: inert(prompt),
    password: true,
    ignoreFocusOut: true,
  });
}

export interface Choice<T> {
  value: T;
  label: string;
  description: string;
  picked: boolean;
}

/** Lets the user choose one item. Resolves to undefined if the user closes the list. */
export async function chooseOne<T>(
  choices: readonly Omit<Choice<T>, 'picked'>[],
  { title, placeholder }: { title: string; placeholder: string },
): Promise<T | undefined> {
  const items = choices.map(({ value, label, description }) => ({
    value,
    label: inert(label),
    description: inert(description),
  }));
  const chosen = await vscode.window.showQuickPick(items, { title: inert(title), placeHolder: inert(placeholder) });
  return chosen?.value;
}

/** Lets the user choose any number of items. Resolves to undefined if the user closes the list. */
export async function chooseSome<T>(
  choices: readonly Choice<T>[],
  { title, placeholder }: { title: string; placeholder: string },
): Promise<T[] | undefined> {
  const items = choices.map(({ value, label, description, picked }) => ({
    value,
    label: inert(label),
    description: inert(description),
    picked,
  }));
  const chosen = await vscode.window.showQuickPick(items, {
    canPickMany: true,
    ignoreFocusOut: true,
    title: inert(title),
    placeHolder: inert(placeholder),
  });
  return chosen?.map(({ value }) => value);
}
