import type { AnswerMetadata, EventType, ExecuteReply, JsonObject, SandboxEvent } from '../protocol/messages';
import { Callbacks } from './callbacks';
import {
  foldEvent,
  foldReply,
  foldStream,
  forgetOutputs,
  newCellOutputs,
  type CellOutputs,
  type Folded,
} from './cell-outputs';
import { answerOf } from './answer';
import { Places, type Place } from './places';
import type { CellOutput, RunEdit } from './types';
import { modelOf, Widgets } from './widgets';

/** What a comm's callbacks may show in the cell of their comm. */
const OUTPUTS: ReadonlySet<EventType> = new Set<EventType>([
  'stream',
  'display_data',
  'execute_result',
  'error',
  'clear_output',
  'notice',
]);

/** Where a display is shown, so that `update_display_data` finds it, in whichever cell and long after it ended. */
interface Display extends Place {
  output: Extract<CellOutput, { data: unknown }>;
}
/** Where a widget is shown. */
interface View extends Display {
  model: string;
}
/** Places of widgets that are drawn anew when they change, and of displays that are updated; the oldest stay as they are then. */
const MAX_VIEWS = 1_000;
const MAX_DISPLAYS = { ofKey: 1_000, all: 20_000 };
/** Characters that are drawn between two calls of `redraw`, about: with 20 calls a second as much as VS Code can take. */
const MAX_DRAWN_CHARACTERS = 1_000_000;
/** Characters of a widget's own data, which is kept as long as the widget is drawn anew. Honest data name a model and say `HBox(…)`. */
const MAX_VIEW_CHARACTERS = 64 * 1024;
/** Milliseconds of drawing between two calls, and of one call. */
const MAX_DRAWING_MS = 20;
const newDrawing = (): { characters: number; ms: number } => ({ characters: 0, ms: 0 });
const isEnough = ({ characters, ms }: { characters: number; ms: number }): boolean =>
  characters > MAX_DRAWN_CHARACTERS || ms > MAX_DRAWING_MS;

interface Run {
  cell: string;
  state: CellOutputs;
}

/**
 * The outputs of one notebook: the state of every run whose cell still shows it, and the displays by `display_id`.
 * Holds no text and no images beyond the stream that is open.
 */
export class NotebookOutputs {
  private readonly runs = new Map<string, Run>();
  /** By cell: its run. */
  private readonly byCell = new Map<string, string>();
  private readonly displays = new Places<Display>(MAX_DISPLAYS);
  private readonly widgets = new Widgets();
  private readonly callbacks = new Callbacks();
  /** By model. */
  private readonly views = new Places<View>({ ofKey: MAX_VIEWS, all: MAX_VIEWS });
  /** Views that are to be drawn anew. */
  private readonly waiting = new Set<View>();
  /** What was drawn since the last `redraw`: characters and milliseconds. */
  private drawing = newDrawing();

  /** A run of this cell begins; the run before it loses its claim on the cell. */
  begin(run: string, cell: string): void {
    this.releaseCell(cell);
    this.runs.set(run, { cell, state: newCellOutputs });
    this.byCell.set(cell, run);
  }

  /** Events of runs that are not ours, or no longer, change nothing. */
  fold(event: SandboxEvent): RunEdit[] {
    this.callbacks.handle(event);
    const name = OUTPUTS.has(event.msg_type)
      ? this.callbacks.runOf(event.parent_header.msg_id)
      : event.parent_header.msg_id;
    if (this.widgets.hear(event)) {
      return [];
    }
    const answer = answerOf(event);
    if (answer !== undefined) {
      return this.echo(answer, event.t);
    }
    if (event.msg_type === 'update_display_data') {
      return this.update(event.content);
    }
    const run = this.runs.get(name);
    if (run === undefined) {
      return [];
    }
    const edits = this.apply(name, run, foldEvent(run.state, event));
    if (event.msg_type === 'display_data' || event.msg_type === 'execute_result') {
      this.remember(name, edits, event.content.transient);
    }
    return edits;
  }

  /** Whether `redraw` has something to do. */
  get needsRedraw(): boolean {
    return this.widgets.isChanged || this.waiting.size > 0;
  }

  /**
   * Draws the widgets that have changed since the last call, or some of them, as this takes a bounded time. A cell may change them
   * thousands of times a second: call this 20 times a second at most.
   */
  redraw(): RunEdit[] {
    for (const model of this.widgets.takeChanged()) {
      for (const view of this.views.of(model)) {
        this.waiting.add(view);
      }
    }
    this.drawing = newDrawing();
    const edits: RunEdit[] = [];
    for (const view of this.waiting) {
      if (isEnough(this.drawing)) {
        break;
      }
      this.waiting.delete(view);
      const { run, id, output, model } = view;
      if (this.views.has(model, view)) {
        edits.push({ run, edit: { kind: 'replace', id, output: this.drawn(output, model) } });
      }
    }
    return edits;
  }

  /** What `Output` widgets have captured since the last call, for the kernel's own widgets: see `Widgets.takeCaptured`. */
  takeCaptured(): { commId: string; outputs: JsonObject[] }[] {
    return this.widgets.takeCaptured();
  }

  /** The run's end by a reply that did not come as an event, or was not folded yet. */
  end(name: string, reply: ExecuteReply): RunEdit[] {
    const run = this.runs.get(name);
    return run === undefined ? [] : this.apply(name, run, foldReply(run.state, reply));
  }

  /** The user cleared this cell: updates for its displays and text for its streams start anew. */
  forget(cell: string): void {
    const name = this.byCell.get(cell);
    const run = name === undefined ? undefined : this.runs.get(name);
    if (name === undefined || run === undefined) {
      return;
    }
    this.forgetDisplays(name);
    run.state = forgetOutputs(run.state);
  }

  /** The cell is gone, or belongs to another run. */
  release(name: string): void {
    const run = this.runs.get(name);
    if (run !== undefined) {
      this.byCell.delete(run.cell);
    }
    this.runs.delete(name);
    this.forgetDisplays(name);
  }

  releaseCell(cell: string): void {
    const name = this.byCell.get(cell);
    if (name !== undefined) {
      this.release(name);
    }
  }

  private echo({ cell: name, echo }: AnswerMetadata, t: number): RunEdit[] {
    const run = this.runs.get(name);
    return run === undefined || echo === '' ? [] : this.apply(name, run, foldStream(run.state, 'stdout', echo, t));
  }

  private apply(name: string, run: Run, folded: Folded): RunEdit[] {
    run.state = folded.state;
    if (folded.edits.some((edit) => edit.kind === 'clear' || edit.kind === 'replaceAll')) {
      this.forgetDisplays(name);
    }
    return folded.edits.map((edit) => {
      const model = edit.kind === 'append' || edit.kind === 'replaceAll' ? modelOf(edit.output) : undefined;
      if (
        model === undefined ||
        !('output' in edit) ||
        !('data' in edit.output) ||
        JSON.stringify(edit.output.data).length > MAX_VIEW_CHARACTERS
      ) {
        return { run: name, edit };
      }
      const view = { run: name, id: edit.id, output: edit.output, model };
      this.views.add(model, view);
      if (!isEnough(this.drawing)) {
        return { run: name, edit: { ...edit, output: this.drawn(edit.output, model) } };
      }
      this.waiting.add(view);
      return { run: name, edit };
    });
  }

  /** A widget as text shows it. */
  private drawn(output: View['output'], model: string): View['output'] {
    const { drawing } = this;
    const began = performance.now();
    const fallback = this.widgets.text(model);
    drawing.ms += performance.now() - began;
    drawing.characters += fallback?.length ?? 0;
    return fallback === undefined ? output : { ...output, fallback };
  }

  private remember(run: string, edits: RunEdit[], transient: Record<string, unknown>): void {
    const displayId = transient['display_id'];
    if (typeof displayId !== 'string') {
      return;
    }
    for (const { edit } of edits) {
      if ((edit.kind === 'append' || edit.kind === 'replaceAll') && 'data' in edit.output) {
        this.displays.add(displayId, { run, id: edit.id, output: { ...edit.output, data: {}, metadata: {} } });
      }
    }
  }

  private update(content: {
    data: Display['output']['data'];
    metadata: Display['output']['metadata'];
    transient: Record<string, unknown>;
  }): RunEdit[] {
    const displayId = content.transient['display_id'];
    const displays = typeof displayId === 'string' ? [...this.displays.of(displayId)] : [];
    return displays.map(({ run, id, output }) => ({
      run,
      edit: { kind: 'replace', id, output: { ...output, data: content.data, metadata: content.metadata } },
    }));
  }

  private forgetDisplays(run: string): void {
    this.views.forget(run);
    this.displays.forget(run);
  }
}
