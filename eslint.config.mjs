import js from '@eslint/js';
import globals from 'globals';
import tseslint from 'typescript-eslint';
import { noImportCircle } from './scripts/lib/lint-import-circles.mjs';
import { userInterface } from './scripts/lib/lint-user-interface.mjs';

const room = (name) => [`**/${name}`, `**/${name}/**`];
/** A room of `src/` and what it must not import (CONTRIBUTING.md, "Where a change goes"). */
const border = (folder, forbidden, { vscode }) => ({
  files: [`src/${folder}.ts`, `src/${folder}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        paths: vscode ? [] : [{ name: 'vscode', message: `src/${folder} runs in plain Node.` }],
        patterns: [
          ...forbidden.map((name) => ({ group: room(name), message: `src/${folder} must not know src/${name}.` })),
          ...(folder === 'engine'
            ? []
            : [{ group: ['dockerode', 'tar-stream'], message: 'Engine libraries stay inside src/engine.' }]),
        ],
      },
    ],
  },
});

export default tseslint.config(
  { ignores: ['node_modules/', 'dist/', 'out/', 'test-results/'] },
  js.configs.recommended,
  { files: ['**/*.mjs', '**/*.cjs'], languageOptions: { globals: globals.node } },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      eqeqeq: 'error',
      curly: ['error', 'all'],
    },
  },
  { files: ['src/**/*.ts'], ignores: ['src/ui/**'], rules: { 'no-restricted-syntax': ['error', ...userInterface] } },
  {
    files: ['src/**/*.ts'],
    plugins: { imports: { rules: { 'no-circle': noImportCircle } } },
    rules: { 'imports/no-circle': 'error' },
  },
  border('protocol', ['engine', 'session', 'outputs', 'notebook', 'commands', 'views', 'ui'], { vscode: false }),
  border('engine', ['session', 'outputs', 'notebook', 'commands', 'views', 'ui'], { vscode: false }),
  border('session', ['outputs', 'notebook', 'commands', 'views', 'ui'], { vscode: false }),
  border('outputs', ['engine', 'session', 'notebook', 'commands', 'views', 'ui'], { vscode: false }),
  border('messages', ['session', 'outputs', 'notebook', 'commands', 'views', 'ui'], { vscode: false }),
  border('agents', ['notebook', 'commands', 'views', 'ui'], { vscode: false }),
  border('mcp', ['engine', 'session', 'outputs', 'commands', 'views', 'ui'], { vscode: true }),
  border('notebook', ['agents', 'mcp', 'commands', 'views'], { vscode: true }),
  border('commands', ['outputs', 'views'], { vscode: true }),
  border('views', ['protocol', 'engine', 'session', 'outputs', 'commands'], { vscode: true }),
  border('ui', ['protocol', 'engine', 'session', 'outputs', 'notebook', 'commands', 'views'], { vscode: true }),
  {
    files: ['scripts/**/*.mjs'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: [{ name: 'vscode', message: 'Scripts run in plain Node.' }],
          patterns: [
            {
              group: [...room('src'), ...room('out'), ...room('test'), ...room('bench')],
              message: 'Scripts import only each other and packages.',
            },
          ],
        },
      ],
    },
  },
);
