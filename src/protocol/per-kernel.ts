import { MAX_KERNELS } from './messages';

/** A value for each kernel of a sandbox. A sandbox may name any number of kernels, so the oldest values make room for new ones. */
export class PerKernel<T extends object> {
  readonly #values = new Map<string, T>();

  /** @param create makes the value of a kernel that has none yet */
  constructor(private readonly create: (kernel: string) => T) {}

  of(kernel: string): T {
    const known = this.#values.get(kernel);
    if (known !== undefined) {
      return known;
    }
    const value = this.create(kernel);
    this.#values.set(kernel, value);
    const [oldest] = this.#values.keys();
    if (this.#values.size > MAX_KERNELS && oldest !== undefined) {
      this.#values.delete(oldest);
    }
    return value;
  }

  clear(): void {
    this.#values.clear();
  }
}
