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
const CHILD_COST = 50;
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

interface Widget {
  children: readonly string[];
  /** Of a widget that is a progress bar or text. */
  says: Says | undefined;
  /** Of an `Output` widget. */
  holds: HeldOutputs | undefined;
  /** It has captured what the kernel's own widget does not know of. */
  news: boolean;
  /** Nothing that it has captured was lost on the way here. */
  whole: boolean;
  cost: number;
}

interface Says { kind: 'text' | 'progress'; text: string; value: number; max: number; min: number }
const SAYS: Readonly<Record<string, Says['kind']>> = { FloatProgressModel: 'progress', IntProgressModel: 'progress', HTMLModel: 'text', LabelModel: 'text' };

/**
 * The `Output` widgets of a notebook, and which widgets hold them. While one of them captures a cell, the cell's output goes
 * to it and not to the cell, as in every Jupyter front end. What it holds, and how far a
 * progress bar is, is told as text, for where no widget can be drawn. Bounded in number and in what they say.
 */
export class Widgets {
  /** The least recently heard first. */
  readonly #widgets = new Map<string, Widget>();
  /** By run: the `Output` widgets that capture it, the innermost last. */
  readonly #capturing = new Map<string, string[]>();
  #cost = 0;
  #gen = 0;
  #seq = 0;

  /** Takes a comm's message, or an output of a run that is captured. Null: it is neither; else the widgets whose text changed. */
  hear(event: SandboxEvent): string[] | null {
    this.#begin(event);
    switch (event.msg_type) {
      case 'comm_open':
        return event.content.target_name === 'jupyter.widget' ? this.#open(event.content.comm_id, stateOf(event.content.data)) : [];
      case 'comm_msg': {
        const { comm_id: id, data } = event.content;
        if (data['method'] === 'update') { return this.#update(id, stateOf(data)); }
        // what a front end has set; of an Output widget what we sent ourselves, and it may have captured more since
        return data['method'] === 'echo_update' ? this.#update(id, { ...stateOf(data), outputs: null }) : [];
      }
      case 'comm_close':
        this.#forget(event.content.comm_id);
        return [];
      case 'gap': case 'comm_gap':
        for (const widget of this.#widgets.values()) { widget.whole = false; }
        return null;
      case 'stream': case 'display_data': case 'execute_result': case 'error': case 'clear_output': {
        const id = this.#capturing.get(event.parent_header.msg_id)?.at(-1);
        const widget = id === undefined ? undefined : this.#widgets.get(id);
        if (id === undefined || widget?.holds === undefined) { return null; }
        widget.holds.capture(event);
        widget.news = true;
        this.#weigh(id, widget);
        return [id];
      }
      default:
        return null;
    }
  }

  /** Whether `model` is, or somewhere in it has, one of `ids`. */
  has(model: string, ids: readonly string[]): boolean { return this.#tree(model).some((id) => ids.includes(id)); }

  /** What `model` shows, as text; undefined if its own words for itself say as much. */
  text(model: string): string | undefined {
    const tree = this.#tree(model);
    const said = tree.flatMap((id) => this.#widgets.get(id)?.says ?? []);
    if (said.some(({ kind }) => kind === 'progress')) { return said.map(asLine).join(''); }
    const texts = tree.flatMap((id) => this.#widgets.get(id)?.holds?.texts() ?? []).filter((one) => one !== '');
    if (texts.length === 0) { return undefined; }
    const shown = texts.map((one) => one.replace(/\n$/, '')).join('\n');
    return shown.length <= LONGEST_SHOWN ? shown : `…${shown.slice(-LONGEST_SHOWN)}`;
  }

  /**
   * What `Output` widgets have captured since this was asked, and no longer capture: a front end tells it to the kernel, where
   * `out.outputs` are read. One that holds too much for that, or not all, is left out.
   */
  takeCaptured(): { commId: string; outputs: JsonObject[] }[] {
    const capturing = new Set([...this.#capturing.values()].flat());
    const taken: { commId: string; outputs: JsonObject[] }[] = [];
    for (const [commId, widget] of this.#widgets) {
      if (!widget.news || widget.holds === undefined || capturing.has(commId)) { continue; }
      widget.news = false;
      if (widget.whole && widget.holds.size <= LONGEST_STATE) { taken.push({ commId, outputs: widget.holds.toJson() }); }
    }
    return taken;
  }

  /** Comms end with their kernel: here a newer one speaks, or another sandbox's. */
  #begin({ gen, seq }: SandboxEvent): void {
    if (gen > this.#gen || (seq > 0 && seq < this.#seq)) {
      this.#forgetAll();
      this.#gen = gen;
    }
    if (seq > 0) { this.#seq = seq; }
  }

  #open(id: string, state: JsonObject): string[] {
    this.#forget(id);
    const holds = state['_model_name'] === 'OutputModel' ? new HeldOutputs() : undefined;
    const kind = typeof state['_model_name'] === 'string' ? SAYS[state['_model_name']] : undefined;
    const says: Says | undefined = kind === undefined ? undefined : { kind, text: '', value: NaN, min: 0, max: 100 };
    this.#widgets.set(id, { children: [], holds, says, news: false, whole: true, cost: 0 });
    return this.#update(id, state);
  }

  #update(id: string, state: JsonObject): string[] {
    const widget = this.#widgets.get(id);
    if (widget === undefined) { return []; }
    let changed = false;
    if (Array.isArray(state['children'])) {
      widget.children = state['children'].slice(0, MAX_CHILDREN).flatMap((child) => (typeof child === 'string' && CHILD.exec(child)?.[1]) || []);
      changed = true;
    }
    const { says } = widget;
    if (says !== undefined) {
      const { value, min, max } = state;
      widget.says = {
        kind: says.kind, text: value === undefined ? says.text : text(value).slice(0, LONGEST_TEXT),
        value: numeric(value, says.value), min: numeric(min, says.min), max: numeric(max, says.max),
      };
      changed = true;
    }
    if (widget.holds !== undefined && Array.isArray(state['outputs'])) {
      widget.holds.replace(state['outputs']);
      widget.whole = true;
      changed = true;
    }
    if (widget.holds !== undefined && typeof state['msg_id'] === 'string') {
      this.#endCapture(id);
      const run = state['msg_id'];
      if (MESSAGE_ID.test(run)) { this.#capturing.set(run, [...this.#capturing.get(run) ?? [], id]); }
    }
    this.#weigh(id, widget);
    return changed ? [id] : [];
  }

  /** It was heard of: others that were not make room. */
  #weigh(id: string, widget: Widget): void {
    const cost = WIDGET_COST + CHILD_COST * widget.children.length + (widget.says?.text.length ?? 0) + (widget.holds?.size ?? 0);
    this.#cost += cost - widget.cost;
    widget.cost = cost;
    this.#widgets.delete(id);
    this.#widgets.set(id, widget);
    for (const oldest of this.#widgets.keys()) {
      if (oldest === id || (this.#widgets.size <= MAX_WIDGETS && this.#cost <= MAX_CHARACTERS)) { return; }
      this.#forget(oldest);
    }
  }

  #forget(id: string): void {
    this.#cost -= this.#widgets.get(id)?.cost ?? 0;
    if (this.#widgets.delete(id)) { this.#endCapture(id); }
  }

  #forgetAll(): void {
    this.#widgets.clear();
    this.#capturing.clear();
    this.#cost = 0;
  }

  #endCapture(id: string): void {
    for (const [run, ids] of this.#capturing) {
      const others = ids.filter((other) => other !== id);
      if (others.length === 0) { this.#capturing.delete(run); } else if (others.length < ids.length) { this.#capturing.set(run, others); }
    }
  }

  /** `model` and all below it, each once: a cell may make circles. */
  #tree(model: string): string[] {
    const found = new Set([model]);
    for (const id of found) {
      for (const child of this.#widgets.get(id)?.children ?? []) { found.add(child); }
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
const numeric = (value: JsonValue | undefined, before: number): number => (value === undefined ? before : typeof value === 'number' ? value : NaN);

function asLine({ kind, text: said, value, min, max }: Says): string {
  if (kind === 'text') { return decoded(said.replace(/<[^<>]*>/g, '')); }
  const part = (value - min) / (max - min);
  const full = Math.round(Math.min(1, Math.max(0, Number.isFinite(part) ? part : 0)) * BAR);
  return `|${'█'.repeat(full)}${' '.repeat(BAR - full)}|`;
}

/** What Python's `html.escape` makes, tqdm's way to say anything, and other numbered characters; each once. */
const decoded = (html: string): string => html.replace(/&(?:(lt|gt|amp|quot|apos|nbsp)|#(?:[xX]([0-9a-fA-F]{1,6})|(\d{1,7})));/g, (whole, name: string | undefined, hex: string | undefined, decimal: string | undefined) => {
  if (name !== undefined) { return NAMED[name] ?? whole; }
  const code = hex === undefined ? Number(decimal) : parseInt(hex, 16);
  return code > 0 && code <= 0x10FFFF ? String.fromCodePoint(code) : whole;
});
const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: '\'', nbsp: '\u00a0' };

const stateOf = (data: JsonObject): JsonObject => (isObject(data['state']) ? data['state'] : {});
