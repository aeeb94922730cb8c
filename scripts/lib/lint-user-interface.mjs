/** Functions of `vscode.window` that show text, or create something that shows text. */
const FUNCTIONS = [
  'showInformationMessage',
  'showWarningMessage',
  'showErrorMessage',
  'showInputBox',
  'showQuickPick',
  'showWorkspaceFolderPick',
  'createInputBox',
  'createQuickPick',
  'withProgress',
  'setStatusBarMessage',
  'createStatusBarItem',
  'createTreeView',
  'registerTreeDataProvider',
  'createWebviewPanel',
];
/** Classes of `vscode` that contain text to be shown. */
const CLASSES = [
  'MarkdownString',
  'Hover',
  'Diagnostic',
  'DiagnosticRelatedInformation',
  'NotebookCellStatusBarItem',
  'TreeItem',
  'CompletionItem',
  'SignatureInformation',
  'ParameterInformation',
  'InlayHint',
  'InlayHintLabelPart',
  'CodeLens',
];
const names = `/^(${[...FUNCTIONS, ...CLASSES].join('|')})$/`;
const message =
  'VS Code reads links and icons out of text that it shows: only src/ui calls this, and makes text inert first.';

/** Options of ESLint's rule `no-restricted-syntax` that forbid every use of one of these except as a type. */
export const userInterface = [
  `MemberExpression[property.name=${names}]`,
  `MemberExpression[computed=true] > Literal.property[value=${names}]`,
  `ObjectPattern > Property[key.name=${names}]`,
  `ImportDeclaration[source.value='vscode'][importKind!='type'] > ImportSpecifier[importKind!='type'][imported.name=${names}]`,
].map((selector) => ({ selector, message }));
