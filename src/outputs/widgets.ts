import type { JsonObject, JsonValue, SandboxEvent } from '../protocol/messages';
import { foldEvent, newCellOutputs, type CellOutputs } from './cell-outputs';
import { emptyStream, foldText, textOf, type StreamText } from './stream-text';
import type { CellOutput } from './types';

/** The mime type of a widget's place in a cell; its value names the model. */
export const WIDGET_VIEW = 'application/vnd.jupyter.widget-view+json';
/** No honest notebook has as many; what is over it shows as any other widget. */
const MAX_WIDGETS = 10_000;
const CHILD = /^IPY_MODEL_(.+)$/;

interface Widget {
  children: readonly string[];
  /** Of a widget that is a progress bar or text. */
  says: Says | undefined;
  /** Of an `Output` widget: what it holds. */
  holds: Map<number, CellOutput | StreamText> | undefined;
  state: CellOutputs;
}

interface Says { kind: 'text' | 'progress'; value: JsonValue; max: JsonValue; min: JsonValue }
const SAYS: Readonly<Record<string, Says['kind']>> = { FloatProgressModel: 'progress', IntProgressModel: 'progress', HTMLModel: 'text', LabelModel: 'text' };
/** Characters of a progress bar. */
const BAR = 20;
/** Characters of a widget's text that are looked at. */
const LONGEST_TEXT = 10_000;

/**
 * The `Output` widgets of a notebook, and which widgets hold them. While one of them captures a cell, the cell's output goes
 * to it and not to the cell, as in every Jupyter front end. What it holds, and how far a
 * progress bar is, is told as text, for where no widget can be drawn.
 */
export class Widgets {
  readonly #widgets = new Map<string, Widget>();
  /** By run: the `Output` widgets that capture it, the innermost last. */
  readonly #capturing = new Map<string, string[]>();

  /** Takes a comm's message, or an output of a run that is captured. Null: it is neither; else the widgets whose text changed. */
  hear(event: SandboxEvent): string[] | null {
    switch (event.msg_type) {
      case 'comm_open':
        return event.content.target_name === 'jupyter.widget' ? this.#open(event.content.comm_id, stateOf(event.content.data)) : [];
      case 'comm_msg':
        return event.content.data['method'] === 'update' ? this.#update(event.content.comm_id, stateOf(event.content.data)) : [];
      case 'comm_close':
        this.#widgets.delete(event.content.comm_id);
        this.#endCapture(event.content.comm_id);
        return [];
      case 'stream': case 'display_data': case 'execute_result': case 'error': case 'clear_output': {
        const id = this.#capturing.get(event.parent_header.msg_id)?.at(-1);
        const widget = id === undefined ? undefined : this.#widgets.get(id);
        if (id === undefined || widget?.holds === undefined) { return null; }
        hold(widget, event);
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
    const texts = tree.flatMap((id) => [...this.#widgets.get(id)?.holds?.values() ?? []].map(asText)).filter((text) => text !== '');
    return texts.length === 0 ? undefined : texts.map((text) => text.replace(/\n$/, '')).join('\n');
  }

  #open(id: string, state: JsonObject): string[] {
    if (this.#widgets.size >= MAX_WIDGETS) { return []; }
    const holds = state['_model_name'] === 'OutputModel' ? new Map<number, CellOutput | StreamText>() : undefined;
    const kind = typeof state['_model_name'] === 'string' ? SAYS[state['_model_name']] : undefined;
    const says: Says | undefined = kind === undefined ? undefined : { kind, value: null, min: 0, max: 100 };
    this.#widgets.set(id, { children: [], holds, says, state: newCellOutputs });
    return this.#update(id, state);
  }

  #update(id: string, state: JsonObject): string[] {
    const widget = this.#widgets.get(id);
    if (widget === undefined) { return []; }
    let changed = false;
    if (Array.isArray(state['children'])) {
      widget.children = state['children'].flatMap((child) => (typeof child === 'string' && CHILD.exec(child)?.[1]) || []);
      changed = true;
    }
    const { says } = widget;
    if (says !== undefined) {
      widget.says = { ...says, value: state['value'] ?? says.value, min: state['min'] ?? says.min, max: state['max'] ?? says.max };
      changed = true;
    }
    if (widget.holds !== undefined && Array.isArray(state['outputs'])) {
      widget.holds = new Map(state['outputs'].flatMap(savedOutput).map((output, index) => [index, output]));
      widget.state = { ...newCellOutputs, nextId: widget.holds.size };
      changed = true;
    }
    if (widget.holds !== undefined && typeof state['msg_id'] === 'string') {
      this.#endCapture(id);
      const run = state['msg_id'];
      if (run !== '') { this.#capturing.set(run, [...this.#capturing.get(run) ?? [], id]); }
    }
    return changed ? [id] : [];
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
  const model = typeof view === 'object' && view !== null && !Array.isArray(view) ? view['model_id'] : undefined;
  return typeof model === 'string' ? model : undefined;
}

function hold(widget: Widget, event: SandboxEvent): void {
  const { state, edits } = foldEvent(widget.state, event);
  widget.state = state;
  const { holds } = widget;
  if (holds === undefined) { return; }
  for (const edit of edits) {
    if (edit.kind === 'clear' || edit.kind === 'replaceAll') { holds.clear(); }
    if (edit.kind === 'append' || edit.kind === 'replaceAll') {
      holds.set(edit.id, edit.output.output_type === 'stream' ? foldText(emptyStream, edit.output.text).stream : edit.output);
    } else if (edit.kind === 'appendText' || edit.kind === 'replaceText') {
      const before = holds.get(edit.id);
      holds.set(edit.id, foldText(edit.kind === 'replaceText' || before === undefined || !('rows' in before) ? emptyStream : before, edit.text).stream);
    }
  }
}

/** What else a sandbox may send in a number's place is none, and is not asked what it would be. */
const numeric = (value: JsonValue | undefined): number => (typeof value === 'number' ? value : NaN);

function asLine({ kind, value, min, max }: Says): string {
  if (kind === 'text') { return text(value).slice(0, LONGEST_TEXT).replace(/<[^<>]*>/g, '').replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&'); }
  const part = (numeric(value) - numeric(min)) / (numeric(max) - numeric(min));
  const full = Math.round(Math.min(1, Math.max(0, Number.isFinite(part) ? part : 0)) * BAR);
  return `|${'█'.repeat(full)}${' '.repeat(BAR - full)}|`;
}

function asText(output: CellOutput | StreamText): string {
  if ('rows' in output) { return textOf(output); }
  switch (output.output_type) {
    case 'stream': return output.text;
    case 'error': return output.traceback.length > 0 ? output.traceback.join('\n') : `${output.ename}: ${output.evalue}`;
    case 'display_data': case 'execute_result': return text(output.data['text/plain']);
    case 'failure': case 'notice': return '';
  }
}

/** An entry of an `Output` widget's own list, of which only the text is wanted. */
function savedOutput(value: JsonValue): CellOutput[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) { return []; }
  if (value['output_type'] === 'stream') { return [{ output_type: 'stream', name: 'stdout', text: text(value['text']) }]; }
  if (value['output_type'] === 'error') {
    const lines = value['traceback'];
    return [{ output_type: 'error', ename: text(value['ename']), evalue: text(value['evalue']), traceback: Array.isArray(lines) ? lines.map(text) : [] }];
  }
  const data = value['data'];
  return typeof data === 'object' && data !== null && !Array.isArray(data) ? [{ output_type: 'display_data', data, metadata: {}, transient: {} }] : [];
}

const stateOf = (data: JsonObject): JsonObject => {
  const { state } = data;
  return typeof state === 'object' && state !== null && !Array.isArray(state) ? state : {};
};

const text = (value: JsonValue | undefined): string => typeof value === 'string' ? value : '';
