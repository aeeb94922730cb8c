import type { SandboxSettings, SettingName } from '../../session/settings';
import { settingsForNewKernel, settingsForNewSandbox } from '../configuration';

/**
 * Changed settings that need a new sandbox (`image` also when its image was rebuilt), and those that need a new
 * kernel.
 */
export interface PendingSettings {
  sandbox: readonly SettingName[];
  kernel: readonly SettingName[];
}
export const NOTHING_PENDING: PendingSettings = { sandbox: [], kernel: [] };

/** Compares the settings that a running sandbox was given with the current ones. */
export class AppliedSettings {
  #isImageOld = false;

  constructor(private settings: SandboxSettings) {}

  get current(): SandboxSettings {
    return this.settings;
  }

  /** Records that the sandbox now has these settings. */
  applied(settings: Partial<SandboxSettings>): void {
    this.settings = { ...this.settings, ...settings };
  }

  /**
   * Records that the image of these settings was rebuilt.
   * @returns whether the sandbox runs the previous image
   */
  imageRebuilt({ image, packages }: SandboxSettings): boolean {
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
