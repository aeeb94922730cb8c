import type { SandboxSettings, SettingName } from '../../session/settings';
import { settingsForNewKernel, settingsForNewSandbox } from '../configuration';

/** Changed settings: those that ask for a new sandbox (`image` also where that was made anew), and those that ask for a new kernel. */
export interface PendingSettings {
  sandbox: readonly SettingName[];
  kernel: readonly SettingName[];
}
export const NOTHING_PENDING: PendingSettings = { sandbox: [], kernel: [] };

/** The settings that a running sandbox has, beside those that hold now. */
export class AppliedSettings {
  #isImageOld = false;

  constructor(private settings: SandboxSettings) {}

  get current(): SandboxSettings {
    return this.settings;
  }

  /** The sandbox has these now. */
  applied(settings: Partial<SandboxSettings>): void {
    this.settings = { ...this.settings, ...settings };
  }

  /** The image of these settings was made anew. True: the sandbox has the one before. */
  imageMade({ image, packages }: SandboxSettings): boolean {
    if (this.settings.image !== image || this.settings.packages.join() !== packages.join()) {
      return false;
    }
    this.#isImageOld = true;
    return true;
  }

  pending(now: SandboxSettings): PendingSettings {
    const changed = settingsForNewSandbox(this.settings, now);
    return {
      sandbox: this.#isImageOld && !changed.includes('image') ? [...changed, 'image'] : changed,
      kernel: settingsForNewKernel(this.settings, now),
    };
  }
}
