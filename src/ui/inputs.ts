import * as vscode from 'vscode';
import { inert } from './inert';

/** What is left of a box once its texts are set. */
export type Box = Pick<vscode.InputBox, 'value' | 'onDidAccept' | 'onDidHide' | 'show' | 'dispose'>;

export interface BoxOptions {
  title: string;
  prompt: string;
  password: boolean;
  value: string;
}

/** A box at the top that stays when the focus goes. The caller shows and disposes it. */
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
  /** What is wrong with a value; undefined: nothing. */
  validate: (value: string) => string | undefined;
}

/** Asks for a line of text. Undefined: the user closed the box. */
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

/** Asks for a secret, which is not shown while it is typed. Undefined: the user closed the box. */
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

/** Asks which of these are meant. Undefined: the user closed the list. */
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
