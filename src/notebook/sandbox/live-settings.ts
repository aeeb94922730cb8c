import type * as vscode from 'vscode';
import { silentLog, type Log } from '../../log';
import type { FilesSetting, SandboxSettings } from '../../session/settings';
import { readSettings } from '../configuration';
import { NOTHING_PENDING, type PendingSettings } from './applied-settings';
import type { LiveSandbox } from './live-sandbox';

export interface LiveSettingsOptions {
  notebook: vscode.NotebookDocument;
  /** The notebook's sandbox. Undefined while it has none. */
  live: () => LiveSandbox | undefined;
  /** Called when {@link LiveSettings.pending} may have changed. */
  changed: () => void;
  log: Log;
}

/** Compares the settings of a notebook's running sandbox with the current ones, and applies those that it can take. */
export class LiveSettings {
  constructor(private readonly options: LiveSettingsOptions) {}

  /** Nothing is pending while a setting is invalid. The next cell reports the invalid setting. */
  get pending(): PendingSettings {
    const live = this.options.live();
    try {
      // An unused sandbox is replaced before anything runs in it.
      return live === undefined || live.isUnused
        ? NOTHING_PENDING
        : live.settings.pending(readSettings(this.options.notebook.uri, silentLog));
    } catch {
      return NOTHING_PENDING;
    }
  }

  /**
   * Applies those current settings that a running sandbox can take. {@link pending} lists the ones that need a new
   * sandbox.
   */
  async apply(): Promise<void> {
    const { notebook, live: liveNow, changed, log } = this.options;
    const live = liveNow();
    if (live !== undefined && this.pending.sandbox.includes('maxMemory')) {
      const { maxMemory } = readSettings(notebook.uri, log);
      if (await live.session.setMemory(maxMemory)) {
        live.settings.applied({ maxMemory });
      }
    }
    changed();
  }

  /** Records that the running sandbox now has these settings. */
  applied(settings: Partial<SandboxSettings>): void {
    this.options.live()?.settings.applied(settings);
  }

  /** The setting `files` by which the running sandbox's folders are laid out. Without a sandbox, that of `settings`. */
  filesSetting(settings: SandboxSettings): FilesSetting {
    return (this.options.live()?.settings.current ?? settings).files;
  }

  /** Whether these settings need a new sandbox, not only a new kernel. */
  needNewSandbox(settings: SandboxSettings): boolean {
    return (this.options.live()?.settings.pending(settings) ?? NOTHING_PENDING).sandbox.length > 0;
  }

  /**
   * Records that the image of these settings was rebuilt.
   * @returns whether the running sandbox uses the previous image
   */
  imageRebuilt(settings: SandboxSettings): boolean {
    const live = this.options.live();
    // An unused sandbox is replaced anyway before anything runs in it.
    const isOld = live?.settings.imageRebuilt(settings) === true && !live.isUnused;
    if (isOld) {
      this.options.changed();
    }
    return isOld;
  }
}
