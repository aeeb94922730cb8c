/** The place where something is shown: an output of a run. */
export interface OutputPlace {
  readonly run: string;
  readonly id: number;
}

/**
 * Places of outputs by a key. The oldest places of a key, and of all keys, are removed to make room for new ones. The places of a run are
 * found without a search through those of other runs, because a cell may clear its output thousands of times a second.
 */
export class Places<T extends OutputPlace> {
  readonly #byKey = new Map<string, Set<T>>();
  readonly #byRun = new Map<string, Map<T, string>>();
  /** The key of each place, the oldest place first. */
  readonly #all = new Map<T, string>();

  constructor(private readonly bounds: { ofKey: number; all: number }) {}

  add(key: string, place: T): void {
    const ofKey = this.#byKey.get(key) ?? new Set<T>();
    const ofRun = this.#byRun.get(place.run) ?? new Map<T, string>();
    ofKey.add(place);
    ofRun.set(place, key);
    this.#byKey.set(key, ofKey);
    this.#byRun.set(place.run, ofRun);
    this.#all.set(place, key);
    if (ofKey.size > this.bounds.ofKey) {
      this.#remove(first(ofKey.keys()));
    }
    if (this.#all.size > this.bounds.all) {
      this.#remove(first(this.#all.keys()));
    }
  }

  of(key: string): Iterable<T> {
    return this.#byKey.get(key) ?? [];
  }

  has(key: string, place: T): boolean {
    return this.#byKey.get(key)?.has(place) === true;
  }

  forget(run: string): void {
    for (const place of [...(this.#byRun.get(run)?.keys() ?? [])]) {
      this.#remove(place);
    }
  }

  #remove(place: T | undefined): void {
    const key = place && this.#all.get(place);
    if (place === undefined || key === undefined) {
      return;
    }
    this.#all.delete(place);
    remove(this.#byKey, key, place);
    remove(this.#byRun, place.run, place);
  }
}

function remove<T>(
  map: Map<string, { delete(place: T): boolean; readonly size: number }>,
  key: string,
  place: T,
): void {
  const places = map.get(key);
  places?.delete(place);
  if (places?.size === 0) {
    map.delete(key);
  }
}

const first = <T>(values: Iterator<T, unknown>): T | undefined => {
  const { done, value } = values.next();
  return done === true ? undefined : value;
};
