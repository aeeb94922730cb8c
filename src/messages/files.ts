import { because, bytes, type Params, type Sentences, type Translate } from './words';

/** With a `problem`, nothing is ever copied (`src/session/folder-copy/allowed-folder.ts`); else it did not succeed. */
export function filesNotCopied(params: Params, t: Translate): Sentences {
  const not = t('The files beside the notebook are not in its sandbox');
  const move = t('Put the notebook, with the files that it reads, into a folder of its own.');
  switch (params.text('problem')) {
    case 'wide':
      return [not + t(': home folders, Desktop, Documents, Downloads and folders as wide are never copied.'), move];
    case 'hidden':
      return [not + t(': hidden folders, and those with keys, are never copied.'), move];
    case 'setting':
      return [
        not + t(': the setting sandboxedIPython.files is "none".'),
        t('With "project" or "folder" they are there at the next run.'),
      ];
    case 'untrusted':
      return [
        not + t(': the workspace is in Restricted Mode.'),
        t('If you trust it, choose "Manage Workspace Trust", then run the cell again.'),
      ];
    case 'untitled':
      return [not + t(': it has no file yet.'), t('Save it beside them, then run the cell again.')];
    default:
      return [
        not + '.' + because(t, params.text('reason')),
        params.number('rest') > 0
          ? t('Cells run without them. It is tried again in {0} s, or after "Restart Kernel".', params.number('rest'))
          : t('Cells run without them. "Restart Kernel" copies them with the next cell.'),
      ];
  }
}

/** See `src/session/folder-copy/left-out.ts`. */
export function filesLeftOut(params: Params, t: Translate): Sentences {
  const count = params.number('count');
  const path = params.text('path');
  const first =
    path === '' ? '' : ` ${path}${params.number('size') > 0 ? ` (${bytes(params.number('size'))})` : ''} ${why()}.`;
  return [
    (count > 1
      ? t("{0} files of the notebook's project are not in the sandbox:", count)
      : t("Files of the notebook's project are not in the sandbox:")) + (first || ' …'),
    isRoom()
      ? t('For more room raise the setting sandboxedIPython.maxMemory. The log names what is missing.')
      : t('The log names what is missing.'),
  ];

  function isRoom(): boolean {
    return ['tooLarge', 'tooMuch', 'full'].includes(params.text('reason'));
  }
  function why(): string {
    switch (params.text('reason')) {
      case 'tooLarge':
        return t('is over {0}', bytes(params.number('limit')));
      case 'tooMuch':
        return t('and others are over {0} in all', bytes(params.number('limit')));
      case 'tooMany':
        return t('and others are over {0} files', params.number('limit'));
      case 'more':
        return t('has too many files to look at');
      case 'slow':
        return t('could not be looked at in time, so it is not tried with every cell');
      case 'name':
        return t('has a name that a sandbox cannot have');
      case 'rules':
        return t('cannot be matched in time with the patterns of .gitignore, so it is not copied');
      case 'unreadable':
        return t('cannot be read');
      case 'changed':
        return t('changed while it was read');
      case 'full':
        return t('found no room');
      case 'ignored':
        return t('is named by .gitignore');
      case 'hidden':
        return t('is hidden');
      case 'key':
        return t('is taken for keys or credentials');
      case 'generated':
        return t('is what tools make');
      case 'link':
        return t('is a link');
      case 'special':
        return t('is neither a file nor a folder');
      default:
        return t('could not be written');
    }
  }
}

/** A cell asked in vain for a path that may be one of the user's computer. */
export function notInProject(params: Params, t: Translate): Sentences {
  const [path, project] = [params.text('path'), params.text('project')];
  return [
    path === '' || project === ''
      ? t("Of your files, only those of the notebook's project are in the sandbox.")
      : t(
          '{0} is not in the sandbox: of your files it has a copy of the folder "{1}", and nothing else.',
          path,
          project,
        ),
    t(
      'Put the file into that folder, and write its path from the notebook, such as "data.csv". A folder above the notebook is copied as a whole where it is a Git repository, or has a requirements.txt, in the workspace.',
    ),
  ];
}
