import assert from 'node:assert/strict';
import path from 'node:path';
import { ESLint, Linter } from 'eslint';
import tseslint from 'typescript-eslint';

const ROOT = path.resolve(__dirname, '../../..');

/** Returns the messages of this one rule of `npm run lint` about a text in `file`. */
async function complaints(file: string, code: string): Promise<string[]> {
  const config = (await new ESLint({ cwd: ROOT }).calculateConfigForFile(path.join(ROOT, file))) as {
    rules?: Record<string, Linter.RuleEntry>;
  };
  const rule = config.rules?.['no-restricted-syntax'] ?? 'off';
  return new Linter({ configType: 'flat' })
    .verify(
      code,
      [{ files: ['**/*.ts'], languageOptions: { parser: tseslint.parser }, rules: { 'no-restricted-syntax': rule } }],
      file,
    )
    .map(({ message }) => message);
}

describe('the lint rule that only src/ui passes text to VS Code', () => {
  for (const code of [
    'void vscode.window.showInformationMessage(prompt);',
    'window.showErrorMessage(prompt);',
    'vscode.window["showWarningMessage"](prompt);',
    'const { showQuickPick } = vscode.window;',
    'const show = vscode.window.showInputBox;',
    'vscode.window.createInputBox().prompt = prompt;',
    'vscode.window.withProgress({ location, title: prompt }, work);',
    'vscode.window.setStatusBarMessage(prompt);',
    'vscode.window.createStatusBarItem();',
    'new vscode.MarkdownString(prompt);',
    'import { MarkdownString } from "vscode";',
    'class Item extends vscode.TreeItem {}',
    'new vscode.Diagnostic(range, prompt);',
  ]) {
    it(`refuses ${code}`, async () => {
      for (const file of [
        'src/notebook/execution/prompts.ts',
        'src/commands/index.ts',
        'src/views/status-bar.ts',
        'src/extension.ts',
      ]) {
        const found = await complaints(file, code);
        assert.equal(found.length, 1, `${file}: ${found.join()}`);
        assert.match(found[0] ?? '', /only src\/ui/);
      }
      assert.deepEqual(await complaints('src/ui/messages.ts', code), []);
    });
  }

  it('allows types and everything else', async () => {
    assert.deepEqual(
      await complaints(
        'src/notebook/execution/prompts.ts',
        'import type { Hover } from "vscode";\nlet page: vscode.MarkdownString;\nvscode.window.showTextDocument(page);',
      ),
      [],
    );
  });
});
