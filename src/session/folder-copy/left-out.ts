/** Reasons why an item is never copied. They are logged and not shown in a message. */
export type Excluded = 'notebook' | 'hidden' | 'key' | 'ignored' | 'generated' | 'link' | 'special';
/**
 * Reasons why an item that the user may expect is not copied. `more`: the rest of a folder was not examined; `rules`: matching the
 * .gitignore takes too long.
 */
export type Missing =
  | 'tooLarge'
  | 'tooMuch'
  | 'tooMany'
  | 'more'
  | 'slow'
  | 'name'
  | 'rules'
  | 'unreadable'
  | 'changed'
  | 'full'
  | 'refused';
export type Reason = Excluded | Missing;

export interface LeftOut {
  /** Relative to the folder; '' is the folder itself. */
  path: string;
  reason: Reason;
  /** Bytes. */
  size?: number;
  /** A folder inside it that was not left out. */
  but?: string;
}

/** Whether this item covers a path. */
export const isAbout = ({ path: whole, but }: LeftOut, path: string): boolean =>
  isIn(path, whole) && (but === undefined || !isIn(path, but));

/** Whether a path is the folder or inside it; '' is the folder that contains everything. */
export const isIn = (path: string, folder: string): boolean =>
  folder === '' || path === folder || path.startsWith(`${folder}/`);

const EXCLUDED: Record<Excluded, string> = {
  notebook: 'the notebook itself',
  hidden: 'dotfiles',
  key: 'keys and credentials',
  ignored: 'named by .gitignore',
  generated: 'made by tools',
  link: 'links',
  special: 'neither file nor folder',
};
const MISSING: Record<Missing, string> = {
  tooLarge: 'too large',
  tooMuch: 'more bytes in all than allowed',
  tooMany: 'more files than allowed',
  more: 'not looked at',
  slow: 'not looked at in time',
  name: 'a name that a sandbox cannot have',
  rules: 'a .gitignore takes too long to match',
  unreadable: 'cannot be read',
  changed: 'changed while it was read',
  full: 'no room in the sandbox',
  refused: 'the sandbox cannot have it there',
};
/** Texts of the reasons for the log. */
export const REASONS: Record<Reason, string> = { ...EXCLUDED, ...MISSING };

export const isMissing = (reason: Reason): reason is Missing => reason in MISSING;

/** Maximum number of items that each list keeps; the rest are only counted. */
const MAX_KEPT_ITEMS = 200;

/** All items that were left out. The first ones are listed, the rest are counted. */
export class LeftOuts {
  readonly excluded: LeftOut[] = [];
  readonly missing: LeftOut[] = [];
  excludedCount = 0;
  missingCount = 0;

  add(one: LeftOut): void {
    if (isMissing(one.reason)) {
      this.missingCount += 1;
      if (this.missing.length < MAX_KEPT_ITEMS) {
        this.missing.push(one);
      }
    } else {
      this.excludedCount += 1;
      if (this.excluded.length < MAX_KEPT_ITEMS) {
        this.excluded.push(one);
      }
    }
  }
}
