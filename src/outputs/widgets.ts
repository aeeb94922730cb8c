import { MESSAGE_ID, type JsonObject, type JsonValue, type SandboxEvent } from '../protocol/messages';
import { PerKernel } from '../protocol/per-kernel';
import { HeldOutputs, isObject, text } from './held-outputs';
import type { CellOutput } from './types';

/** The MIME type of a widget's view in a cell; its value names the model. */
export const WIDGET_VIEW = 'application/vnd.jupyter.widget-view+json';
/**
 * Maximum number of widgets and of their text in UTF-16 units, more than any honest notebook has. The widgets that were not changed for
 * longest are forgotten and then shown like widgets of other kinds.
 */
const MAX_WIDGETS = 10_000;
const MAX_COST = 32_000_000;
/** Approximate cost of a widget in addition to its text, and of each child. */
const WIDGET_COST = 200;
const CHILD_COST = 150;
const MAX_CHILDREN = 10_000;
const CHILD = /^IPY_MODEL_(.{1,256})$/;
/** Length of a progress bar in characters. */
const BAR_LENGTH = 20;
/** Maximum length of a widget's text that is kept, in UTF-16 units. */
const MAX_TEXT_LENGTH = 10_000;
/** Maximum length of the end of `Output` widgets' text that is shown, in UTF-16 units: all of it is sent again with each change. */
const MAX_SHOWN_LENGTH = 200_000;
/** Maximum size of the outputs that are sent back to an `Output` widget in the kernel, in UTF-16 units. */
const MAX_SENT_LENGTH = 4_000_000;

/** Maximum number of children that are visited to draw one widget; the others are not shown. */
const MAX_VISITED_CHILDREN = 10_000;

/** What an `Output` widget has captured, as the kernel that has the widget wants it. */
export interface CapturedOutputs {
  kernel: string;
  commId: string;
  outputs: JsonObject[];
}

/** One capture of a run by an `Output` widget. It is over when the widget has another capture or none. */
interface Capture {
  readonly widget: string;
}

interface Widget {
  children: readonly string[];
  /** Set for a widget that is a progress bar or text. */
  content: WidgetContent | undefined;
  /** Set for an `Output` widget. */
  outputs: HeldOutputs | undefined;
  captures: { run: string; capture: Capture } | undefined;
  kernel: KernelWidgets;
  /** Whether it has captured outputs that the kernel's own widget does not know. */
  hasUnsentOutputs: boolean;
  /** The number of gaps when the widget's outputs were last known completely. */
  completeAtGap: number;
  cost: number;
}

/** The widgets of one kernel. */
interface KernelWidgets {
  readonly name: string;
  gen: number;
  readonly ids: Set<string>;
}

interface WidgetContent {
  kind: 'text' | 'progress';
  text: string;
  value: number;
  max: number;
  min: number;
  /** The text that is shown, once it was asked for. */
  line?: string;
}
const CONTENT_KIND: Readonly<Record<string, WidgetContent['kind']>> = {
  FloatProgressModel: 'progress',
  IntProgressModel: 'progress',
  HTMLModel: 'text',
  LabelModel: 'text',
};

/**
 * The `Output` widgets, progress bars and texts of a notebook, and the widgets that contain them. While an `Output` widget captures a
 * cell, the cell's output goes to the widget and not to the cell, as in every Jupyter front end. The outputs that it holds, and the value of
 * a progress bar, can be shown as text where no widget can be drawn. The number of widgets and the size of their text are bounded.
 */
export class Widgets {
  /** The widgets by model, the least recently changed first. */
  readonly #widgets = new Map<string, Widget>();
  /** For each model, the widgets that have it as a child. */
  readonly #parents = new Map<string, Set<string>>();
  /** The captures of each run, the innermost last. Captures that are over are removed when they are found. */
  readonly #captures = new Map<string, Capture[]>();
  /** The widgets whose text has changed since `takeChanged`. */
  #changed = new Set<string>();
  /** `Output` widgets that have captured something and no longer capture. */
  readonly #unsent = new Set<string>();
  /** The number of `gap` and `comm_gap` events. */
  #gaps = 0;
  #cost = 0;
  readonly #kernels = new PerKernel<KernelWidgets>((name) => ({ name, gen: 0, ids: new Set() }));
  #seq = 0;

  /** Takes a message of a comm, or an output of a run that is captured. Returns false for any other event. */
  handle(event: SandboxEvent): boolean {
    this.#forgetOfOldKernel(event);
    switch (event.msg_type) {
      case 'comm_open':
        if (event.content.target_name === 'jupyter.widget') {
          this.#open(event.kernel, event.content.comm_id, stateOf(event.content.data));
        }
        return true;
      case 'comm_msg': {
        const { comm_id: id, data } = event.content;
        if (data['method'] === 'update') {
          this.#update(id, stateOf(data));
        }
        // State that a front end has set. For an `Output` widget we have sent it ourselves, and the widget may have captured more since.
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
        this.#gaps += 1;
        return false;
      case 'stream':
      case 'display_data':
      case 'execute_result':
      case 'error':
      case 'clear_output': {
        const id = this.#capturingWidget(event.parent_header.msg_id);
        const widget = id === undefined ? undefined : this.#widgets.get(id);
        if (id === undefined || widget?.outputs === undefined) {
          return false;
        }
        widget.outputs.capture(event);
        widget.hasUnsentOutputs = true;
        this.#changed.add(id);
        this.#updateCost(id, widget);
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

  /** The widgets whose text has changed since the last call, and all widgets that contain one of them. */
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

  /** The text that `model` shows; undefined if it is no better than the widget's own `text/plain`. */
  text(model: string): string | undefined {
    const tree = this.#tree(model).flatMap((id) => this.#widgets.get(id) ?? []);
    const contents = tree.flatMap(({ content }) => content ?? []);
    if (contents.some(({ kind }) => kind === 'progress')) {
      return rowOf(contents);
    }
    const texts: string[] = [];
    let room = MAX_SHOWN_LENGTH + 1;
    for (const { outputs } of tree.reverse()) {
      if (room <= 0) {
        break;
      }
      for (const text of outputs?.lastTexts(room + 1).reverse() ?? []) {
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
    return shown.length <= MAX_SHOWN_LENGTH ? shown : `…${shown.slice(-MAX_SHOWN_LENGTH)}`;
  }

  /**
   * The outputs of the `Output` widgets that have captured since the last call and no longer capture. A front end sends them to the kernel,
   * where a cell can read `out.outputs`. A widget whose outputs are too large or incomplete is left out.
   */
  takeCaptured(): CapturedOutputs[] {
    const taken: CapturedOutputs[] = [];
    for (const commId of this.#unsent) {
      const widget = this.#widgets.get(commId);
      if (widget !== undefined) {
        widget.hasUnsentOutputs = false;
      }
      if (
        widget?.outputs !== undefined &&
        widget.completeAtGap === this.#gaps &&
        widget.outputs.size <= MAX_SENT_LENGTH
      ) {
        taken.push({ kernel: widget.kernel.name, commId, outputs: widget.outputs.toJson() });
      }
    }
    this.#unsent.clear();
    return taken;
  }

  /**
   * Forgets the kernel's widgets if the event is from a newer generation of the kernel, and all widgets if it is from another sandbox,
   * because comms end with their kernel.
   */
  #forgetOfOldKernel({ kernel: name, gen, seq }: SandboxEvent): void {
    if (seq > 0 && seq < this.#seq) {
      this.#forgetAll();
    }
    if (seq > 0) {
      this.#seq = seq;
    }
    const kernel = this.#kernels.of(name);
    if (gen > kernel.gen) {
      for (const id of kernel.ids) {
        this.#forget(id);
      }
      kernel.gen = gen;
    }
  }

  #open(kernelName: string, id: string, state: JsonObject): void {
    this.#forget(id);
    const kernel = this.#kernels.of(kernelName);
    kernel.ids.add(id);
    const outputs = state['_model_name'] === 'OutputModel' ? new HeldOutputs() : undefined;
    const kind = typeof state['_model_name'] === 'string' ? CONTENT_KIND[state['_model_name']] : undefined;
    const content: WidgetContent | undefined =
      kind === undefined ? undefined : { kind, text: '', value: NaN, min: 0, max: 100 };
    this.#widgets.set(id, {
      children: [],
      outputs,
      content,
      captures: undefined,
      kernel,
      hasUnsentOutputs: false,
      completeAtGap: this.#gaps,
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
    const { content } = widget;
    if (content !== undefined) {
      const { value, min, max } = state;
      widget.content = {
        kind: content.kind,
        text: value === undefined ? content.text : text(value).slice(0, MAX_TEXT_LENGTH),
        value: numeric(value, content.value),
        min: numeric(min, content.min),
        max: numeric(max, content.max),
      };
      this.#changed.add(id);
    }
    if (widget.outputs !== undefined && Array.isArray(state['outputs'])) {
      widget.outputs.replace(state['outputs']);
      widget.completeAtGap = this.#gaps;
      this.#changed.add(id);
    }
    if (widget.outputs !== undefined && typeof state['msg_id'] === 'string') {
      this.#endCapture(id, widget);
      const run = state['msg_id'];
      if (MESSAGE_ID.test(run)) {
        this.#capture(id, widget, run);
      }
    }
    this.#updateCost(id, widget);
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

  /** Updates the cost of a widget that has changed, and forgets the widgets that were not changed for longest if the total is too high. */
  #updateCost(id: string, widget: Widget): void {
    const cost =
      WIDGET_COST +
      CHILD_COST * widget.children.length +
      (widget.content?.text.length ?? 0) +
      (widget.outputs?.size ?? 0);
    this.#cost += cost - widget.cost;
    widget.cost = cost;
    this.#widgets.delete(id);
    this.#widgets.set(id, widget);
    for (const oldest of this.#widgets.keys()) {
      if (oldest === id || (this.#widgets.size <= MAX_WIDGETS && this.#cost <= MAX_COST)) {
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
    widget.kernel.ids.delete(id);
    this.#changed.delete(id);
    this.#unsent.delete(id);
  }

  #forgetAll(): void {
    this.#kernels.clear();
    this.#widgets.clear();
    this.#parents.clear();
    this.#captures.clear();
    this.#changed.clear();
    this.#unsent.clear();
    this.#cost = 0;
  }

  /** The innermost widget that captures this run. */
  #capturingWidget(run: string): string | undefined {
    const captures = this.#captures.get(run) ?? [];
    while (captures.length > 0) {
      const last = captures.at(-1);
      if (last !== undefined && this.#isActive(last)) {
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
    this.#unsent.delete(id);
    // A widget has at most one capture: if there are more than twice as many captures as widgets, half of the captures are over.
    this.#captures.set(
      run,
      captures.length > 2 * this.#widgets.size ? captures.filter((one) => this.#isActive(one)) : captures,
    );
  }

  #isActive(capture: Capture): boolean {
    return this.#widgets.get(capture.widget)?.captures?.capture === capture;
  }

  #endCapture(id: string, widget: Widget): void {
    const run = widget.captures?.run;
    widget.captures = undefined;
    if (widget.hasUnsentOutputs) {
      this.#unsent.add(id);
    }
    if (run !== undefined) {
      this.#capturingWidget(run);
    }
  }

  /** `model` and all widgets below it, each once, because a cell may create circles. */
  #tree(model: string): string[] {
    const found = new Set([model]);
    let visited = 0;
    for (const id of found) {
      for (const child of this.#widgets.get(id)?.children ?? []) {
        visited += 1;
        if (visited > MAX_VISITED_CHILDREN) {
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

/** The number itself, or NaN for any other value that a sandbox sends. Nothing is converted. */
const numeric = (value: JsonValue | undefined, before: number): number =>
  value === undefined ? before : typeof value === 'number' ? value : NaN;

/** The texts and bars of several widgets in one row, cut at the maximum length. */
function rowOf(contents: readonly WidgetContent[]): string {
  let shown = '';
  for (const content of contents) {
    shown += content.line ??= asLine(content);
    if (shown.length > MAX_SHOWN_LENGTH) {
      return `${shown.slice(0, MAX_SHOWN_LENGTH)}…`;
    }
  }
  return shown;
}

function asLine({ kind, text: html, value, min, max }: WidgetContent): string {
  if (kind === 'text') {
    return decoded(html.replace(/<[^<>]*>/g, ''));
  }
  const part = (value - min) / (max - min);
  const full = Math.round(Math.min(1, Math.max(0, Number.isFinite(part) ? part : 0)) * BAR_LENGTH);
  return `|${'█'.repeat(full)}${' '.repeat(BAR_LENGTH - full)}|`;
}

/** Decodes the entities of Python's `html.escape`, which tqdm uses for all its text, and other numeric entities, each once. */
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
