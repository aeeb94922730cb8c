import { MESSAGE_ID, type JsonObject, type JsonValue, type SandboxEvent } from '../protocol/messages';
import { HeldOutputs, isObject, text } from './held-outputs';
import type { CellOutput } from './types';

/** The mime type of a widget's place in a cell; its value names the model. */
export const WIDGET_VIEW = 'application/vnd.jupyter.widget-view+json';
/** No honest notebook has as many, or says as much (characters); what was not heard of for longest goes, and shows as any other widget. */
const MAX_WIDGETS = 10_000;
const MAX_CHARACTERS = 32_000_000;
/** What a widget costs beside what it says, about, and a child of it. */
const WIDGET_COST = 200;
const CHILD_COST = 150;
const MAX_CHILDREN = 10_000;
const CHILD = /^IPY_MODEL_(.{1,256})$/;
/** Characters of a progress bar. */
const BAR = 20;
/** Characters of a widget's text that are kept. */
const LONGEST_TEXT = 10_000;
/** Characters that are shown of what `Output` widgets hold, the last ones: all of it is shown anew with each change. */
const LONGEST_SHOWN = 200_000;
/** Characters of what goes back to an `Output` widget in the kernel. */
const LONGEST_STATE = 4_000_000;

/** Children that are looked at to draw one widget: the others are not shown. */
const MAX_DRAWN = 10_000;

/** One capture of a run by an `Output` widget. It is over when the widget has another one, or none. */
interface Capture {
  readonly widget: string;
}

interface Widget {
  children: readonly string[];
  /** Of a widget that is a progress bar or text. */
  says: Says | undefined;
  /** Of an `Output` widget. */
  holds: HeldOutputs | undefined;
  captures: { run: string; capture: Capture } | undefined;
  /** It has captured what the kernel's own widget does not know of. */
  news: boolean;
  /** How many losses had been told when all that it held was known. */
  whole: number;
  cost: number;
}

interface Says {
  kind: 'text' | 'progress';
  text: string;
  value: number;
  max: number;
  min: number;
  /** What it shows, once that was asked for. */
  line?: string;
}
const SAYS: Readonly<Record<string, Says['kind']>> = {
  FloatProgressModel: 'progress',
  IntProgressModel: 'progress',
  HTMLModel: 'text',
  LabelModel: 'text',
};

/**
 * The `Output` widgets of a notebook, and which widgets hold them. While one of them captures a cell, the cell's output goes
 * to it and not to the cell, as in every Jupyter front end. What it holds, and how far a
 * progress bar is, is told as text, for where no widget can be drawn. Bounded in number and in what they say.
 */
export class Widgets {
  /** The least recently heard first. */
  readonly #widgets = new Map<string, Widget>();
  /** By model: the widgets that have it among their children. */
  readonly #parents = new Map<string, Set<string>>();
  /** By run: the captures of it, the innermost last. Those that are over are taken out when they are met. */
  readonly #captures = new Map<string, Capture[]>();
  /** Those whose text has changed since this was asked. */
  #changed = new Set<string>();
  /** `Output` widgets that have captured something and capture no more. */
  readonly #untold = new Set<string>();
  /** Gaps that were told. */
  #losses = 0;
  #cost = 0;
  #gen = 0;
  #seq = 0;

  /** Takes a comm's message, or an output of a run that is captured. False: it is neither. */
  hear(event: SandboxEvent): boolean {
    this.#begin(event);
    switch (event.msg_type) {
      case 'comm_open':
        if (event.content.target_name === 'jupyter.widget') {
          this.#open(event.content.comm_id, stateOf(event.content.data));
        }
        return true;
      case 'comm_msg': {
        const { comm_id: id, data } = event.content;
        if (data['method'] === 'update') {
          this.#update(id, stateOf(data));
        }
        // what a front end has set; of an Output widget what we sent ourselves, and it may have captured more since
        if (data['method'] === 'echo_update') {
          this.#update(id, { ...stateOf(data), outputs: null });
        }
        return true;
      }
      case 'comm_close':
        this.#forget(event.content.comm_id);
        return true;
      case 'gap':
      case 'comm_gap':
        this.#losses += 1;
        return false;
      case 'stream':
      case 'display_data':
      case 'execute_result':
      case 'error':
      case 'clear_output': {
        const id = this.#capturing(event.parent_header.msg_id);
        const widget = id === undefined ? undefined : this.#widgets.get(id);
        if (id === undefined || widget?.holds === undefined) {
          return false;
        }
        widget.holds.capture(event);
        widget.news = true;
        this.#changed.add(id);
        this.#weigh(id, widget);
        return true;
      }
      default:
        return false;
    }
  }

  /** Whether a widget's text has changed since `takeChanged`. */
  get isChanged(): boolean {
    return this.#changed.size > 0;
  }

  /** The widgets whose text has changed since this was asked, and all that have one of them somewhere below. */
  takeChanged(): ReadonlySet<string> {
    const changed = this.#changed;
    this.#changed = new Set();
    for (const id of changed) {
      for (const parent of this.#parents.get(id) ?? []) {
        changed.add(parent);
      }
    }
    return changed;
  }

  /** What `model` shows, as text; undefined if its own words for itself say as much. */
  text(model: string): string | undefined {
    const tree = this.#tree(model).flatMap((id) => this.#widgets.get(id) ?? []);
    const said = tree.flatMap(({ says }) => says ?? []);
    if (said.some(({ kind }) => kind === 'progress')) {
      return firstOf(said);
    }
    const texts: string[] = [];
    let room = LONGEST_SHOWN + 1;
    for (const { holds } of tree.reverse()) {
      if (room <= 0) {
        break;
      }
      for (const text of holds?.lastTexts(room + 1).reverse() ?? []) {
        if (text === '') {
          continue;
        }
        texts.push(text.replace(/\n$/, ''));
        room -= text.length;
      }
    }
    if (texts.length === 0) {
      return undefined;
    }
    const shown = texts.reverse().join('\n');
    return shown.length <= LONGEST_SHOWN ? shown : `…${shown.slice(-LONGEST_SHOWN)}`;
  }

  /**
   * What `Output` widgets have captured since this was asked, and no longer capture: a front end tells it to the kernel, where
   * `out.outputs` are read. One that holds too much for that, or not all, is left out.
   */
  takeCaptured(): { commId: string; outputs: JsonObject[] }[] {
    const taken: { commId: string; outputs: JsonObject[] }[] = [];
    for (const commId of this.#untold) {
      const widget = this.#widgets.get(commId);
      if (widget !== undefined) {
        widget.news = false;
      }
      if (widget?.holds !== undefined && widget.whole === this.#losses && widget.holds.size <= LONGEST_STATE) {
        taken.push({ commId, outputs: widget.holds.toJson() });
      }
    }
    this.#untold.clear();
    return taken;
  }

  /** Comms end with their kernel: here a newer one speaks, or another sandbox's. */
  #begin({ gen, seq }: SandboxEvent): void {
    if (gen > this.#gen || (seq > 0 && seq < this.#seq)) {
      this.#forgetAll();
      this.#gen = gen;
    }
    if (seq > 0) {
      this.#seq = seq;
    }
  }

  #open(id: string, state: JsonObject): void {
    this.#forget(id);
    const holds = state['_model_name'] === 'OutputModel' ? new HeldOutputs() : undefined;
    const kind = typeof state['_model_name'] === 'string' ? SAYS[state['_model_name']] : undefined;
    const says: Says | undefined = kind === undefined ? undefined : { kind, text: '', value: NaN, min: 0, max: 100 };
    this.#widgets.set(id, {
      children: [],
      holds,
      says,
      captures: undefined,
      news: false,
      whole: this.#losses,
      cost: 0,
    });
    this.#update(id, state);
  }

  #update(id: string, state: JsonObject): void {
    const widget = this.#widgets.get(id);
    if (widget === undefined) {
      return;
    }
    if (Array.isArray(state['children'])) {
      this.#setChildren(
        id,
        widget,
        state['children']
          .slice(0, MAX_CHILDREN)
          .flatMap((child) => (typeof child === 'string' && CHILD.exec(child)?.[1]) || []),
      );
      this.#changed.add(id);
    }
    const { says } = widget;
    if (says !== undefined) {
      const { value, min, max } = state;
      widget.says = {
        kind: says.kind,
        text: value === undefined ? says.text : text(value).slice(0, LONGEST_TEXT),
        value: numeric(value, says.value),
        min: numeric(min, says.min),
        max: numeric(max, says.max),
      };
      this.#changed.add(id);
    }
    if (widget.holds !== undefined && Array.isArray(state['outputs'])) {
      widget.holds.replace(state['outputs']);
      widget.whole = this.#losses;
      this.#changed.add(id);
    }
    if (widget.holds !== undefined && typeof state['msg_id'] === 'string') {
      this.#endCapture(id, widget);
      const run = state['msg_id'];
      if (MESSAGE_ID.test(run)) {
        this.#capture(id, widget, run);
      }
    }
    this.#weigh(id, widget);
  }

  #setChildren(id: string, widget: Widget, children: readonly string[]): void {
    for (const child of widget.children) {
      const parents = this.#parents.get(child);
      parents?.delete(id);
      if (parents?.size === 0) {
        this.#parents.delete(child);
      }
    }
    widget.children = [...new Set(children)];
    for (const child of widget.children) {
      const parents = this.#parents.get(child);
      if (parents === undefined) {
        this.#parents.set(child, new Set([id]));
      } else {
        parents.add(id);
      }
    }
  }

  /** It was heard of: others that were not make room. */
  #weigh(id: string, widget: Widget): void {
    const cost =
      WIDGET_COST + CHILD_COST * widget.children.length + (widget.says?.text.length ?? 0) + (widget.holds?.size ?? 0);
    this.#cost += cost - widget.cost;
    widget.cost = cost;
    this.#widgets.delete(id);
    this.#widgets.set(id, widget);
    for (const oldest of this.#widgets.keys()) {
      if (oldest === id || (this.#widgets.size <= MAX_WIDGETS && this.#cost <= MAX_CHARACTERS)) {
        return;
      }
      this.#forget(oldest);
    }
  }

  #forget(id: string): void {
    const widget = this.#widgets.get(id);
    if (widget === undefined) {
      return;
    }
    this.#cost -= widget.cost;
    this.#setChildren(id, widget, []);
    this.#endCapture(id, widget);
    this.#widgets.delete(id);
    this.#changed.delete(id);
    this.#untold.delete(id);
  }

  #forgetAll(): void {
    this.#widgets.clear();
    this.#parents.clear();
    this.#captures.clear();
    this.#changed.clear();
    this.#untold.clear();
    this.#cost = 0;
  }

  /** The innermost widget that captures this run. */
  #capturing(run: string): string | undefined {
    const captures = this.#captures.get(run) ?? [];
    while (captures.length > 0) {
      const last = captures.at(-1);
      if (last !== undefined && this.#isGoingOn(last)) {
        return last.widget;
      }
      captures.pop();
    }
    this.#captures.delete(run);
    return undefined;
  }

  #capture(id: string, widget: Widget, run: string): void {
    const captures = this.#captures.get(run) ?? [];
    const capture = { widget: id };
    captures.push(capture);
    widget.captures = { run, capture };
    this.#untold.delete(id);
    // each widget captures once: where that many are there twice, half of them are over
    this.#captures.set(
      run,
      captures.length > 2 * this.#widgets.size ? captures.filter((one) => this.#isGoingOn(one)) : captures,
    );
  }

  #isGoingOn(capture: Capture): boolean {
    return this.#widgets.get(capture.widget)?.captures?.capture === capture;
  }

  #endCapture(id: string, widget: Widget): void {
    const run = widget.captures?.run;
    widget.captures = undefined;
    if (widget.news) {
      this.#untold.add(id);
    }
    if (run !== undefined) {
      this.#capturing(run);
    }
  }

  /** `model` and what is below it, each once: a cell may make circles. */
  #tree(model: string): string[] {
    const found = new Set([model]);
    let looked = 0;
    for (const id of found) {
      for (const child of this.#widgets.get(id)?.children ?? []) {
        looked += 1;
        if (looked > MAX_DRAWN) {
          return [...found];
        }
        found.add(child);
      }
    }
    return [...found];
  }
}

/** The model that a display shows, if that is a widget. */
export function modelOf(output: CellOutput): string | undefined {
  const view = 'data' in output ? output.data[WIDGET_VIEW] : undefined;
  const model = isObject(view) ? view['model_id'] : undefined;
  return typeof model === 'string' ? model : undefined;
}

/** What else a sandbox may send in a number's place is none, and is not asked what it would be. */
const numeric = (value: JsonValue | undefined, before: number): number =>
  value === undefined ? before : typeof value === 'number' ? value : NaN;

/** The words and bars of a row, as many as are shown. */
function firstOf(said: readonly Says[]): string {
  let shown = '';
  for (const one of said) {
    shown += one.line ??= asLine(one);
    if (shown.length > LONGEST_SHOWN) {
      return `${shown.slice(0, LONGEST_SHOWN)}…`;
    }
  }
  return shown;
}

function asLine({ kind, text: said, value, min, max }: Says): string {
  if (kind === 'text') {
    return decoded(said.replace(/<[^<>]*>/g, ''));
  }
  const part = (value - min) / (max - min);
  const full = Math.round(Math.min(1, Math.max(0, Number.isFinite(part) ? part : 0)) * BAR);
  return `|${'█'.repeat(full)}${' '.repeat(BAR - full)}|`;
}

/** What Python's `html.escape` makes, tqdm's way to say anything, and other numbered characters; each once. */
const decoded = (html: string): string =>
  html.replace(
    /&(?:(lt|gt|amp|quot|apos|nbsp)|#(?:[xX]([0-9a-fA-F]{1,6})|(\d{1,7})));/g,
    (whole, name: string | undefined, hex: string | undefined, decimal: string | undefined) => {
      if (name !== undefined) {
        return NAMED[name] ?? whole;
      }
      const code = hex === undefined ? Number(decimal) : parseInt(hex, 16);
      return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'", nbsp: '\u00a0' };

const stateOf = (data: JsonObject): JsonObject => (isObject(data['state']) ? data['state'] : {});
