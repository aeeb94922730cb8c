import type { AnswerMetadata, EventOf, EventType, ExecuteReply, SandboxEvent } from '../protocol/messages';
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
import { Places, type OutputPlace } from './places';
import type { CellOutput, RunEdit } from './types';
import { modelOf, Widgets, type CapturedOutputs } from './widgets';

/** The events of a comm's callbacks that are shown in the cell that opened the comm. */
const OUTPUT_TYPES: ReadonlySet<EventType> = new Set<EventType>([
  'stream',
  'display_data',
  'execute_result',
  'error',
  'clear_output',
  'notice',
]);

/** The place where a display is shown, so that `update_display_data` finds it in any cell, even long after the cell ended. */
interface Display extends OutputPlace {
  output: Extract<CellOutput, { data: unknown }>;
}
/** The place where a widget is shown. */
interface WidgetView extends Display {
  model: string;
}
/** Maximum numbers of widget views that are redrawn and of displays that are updated; older ones become static. */
const MAX_VIEWS = 1_000;
const MAX_DISPLAYS = { ofKey: 1_000, all: 20_000 };
/** Approximate maximum length in UTF-16 units of the text that is drawn between two calls of `redraw`: VS Code can process this 20 times a second. */
const MAX_DRAWN_LENGTH = 1_000_000;
/**
 * Maximum length of a display's data as JSON, which is kept while the widget is redrawn. Honest data name a model and have a text such as
 * `HBox(…)`.
 */
const MAX_VIEW_LENGTH = 64 * 1024;
/** Maximum time for drawing in one call of `redraw`, and between two calls. */
const MAX_DRAWING_MS = 20;
type DisplayEvent = EventOf<'display_data' | 'update_display_data' | 'execute_result'>;
/** The key of a display. Each kernel chooses its own `display_id`s. */
function displayKey({ kernel, content: { transient } }: DisplayEvent): string | undefined {
  const displayId = transient['display_id'];
  return typeof displayId === 'string' ? `${kernel}/${displayId}` : undefined;
}
const newDrawing = (): { length: number; ms: number } => ({ length: 0, ms: 0 });
const isEnough = ({ length, ms }: { length: number; ms: number }): boolean =>
  length > MAX_DRAWN_LENGTH || ms > MAX_DRAWING_MS;

interface Run {
  cell: string;
  state: CellOutputs;
}

/**
 * The outputs of one notebook: the state of every run that its cell still shows, and the displays by `display_id`.
 * It holds no text and no images except for open streams.
 */
export class NotebookOutputs {
  private readonly runs = new Map<string, Run>();
  /** The run of each cell. */
  private readonly byCell = new Map<string, string>();
  private readonly displays = new Places<Display>(MAX_DISPLAYS);
  private readonly widgets = new Widgets();
  private readonly callbacks = new Callbacks();
  /** The widget views by model. */
  private readonly views = new Places<WidgetView>({ ofKey: MAX_VIEWS, all: MAX_VIEWS });
  /** The views that wait for a redraw. */
  private readonly waiting = new Set<WidgetView>();
  /** The length of the text that was drawn since the last `redraw`, and the time that it took. */
  private drawing = newDrawing();

  /** Begins a run of this cell. The previous run no longer changes the cell. */
  begin(run: string, cell: string): void {
    this.releaseCell(cell);
    this.runs.set(run, { cell, state: newCellOutputs });
    this.byCell.set(cell, run);
  }

  /** Folds an event into edits. Events of runs that are unknown or were released change nothing. */
  fold(event: SandboxEvent): RunEdit[] {
    this.callbacks.handle(event);
    const name = OUTPUT_TYPES.has(event.msg_type)
      ? this.callbacks.runOf(event.parent_header.msg_id)
      : event.parent_header.msg_id;
    if (this.widgets.handle(event)) {
      return [];
    }
    const answer = answerOf(event);
    if (answer !== undefined) {
      return this.echo(answer, event.t);
    }
    if (event.msg_type === 'update_display_data') {
      return this.update(event);
    }
    const run = this.runs.get(name);
    if (run === undefined) {
      return [];
    }
    const edits = this.apply(name, run, foldEvent(run.state, event));
    if (event.msg_type === 'display_data' || event.msg_type === 'execute_result') {
      this.remember(name, edits, event);
    }
    return edits;
  }

  /** Whether `redraw` has widgets to draw. */
  get needsRedraw(): boolean {
    return this.widgets.isChanged || this.waiting.size > 0;
  }

  /**
   * Redraws widgets that have changed since the last call. It takes a bounded time, so some may wait for the next call. A cell may change
   * widgets thousands of times a second: call this at most 20 times a second.
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

  /** The outputs that `Output` widgets have captured since the last call, to be sent to the kernel. See {@link Widgets.takeCaptured}. */
  takeCaptured(): CapturedOutputs[] {
    return this.widgets.takeCaptured();
  }

  /** Ends the run by a reply that did not arrive as an event or was not folded yet. */
  end(name: string, reply: ExecuteReply): RunEdit[] {
    const run = this.runs.get(name);
    return run === undefined ? [] : this.apply(name, run, foldReply(run.state, reply));
  }

  /** Called when the user has cleared this cell. New text goes to a new output, and its displays get no more updates. */
  forget(cell: string): void {
    const name = this.byCell.get(cell);
    const run = name === undefined ? undefined : this.runs.get(name);
    if (name === undefined || run === undefined) {
      return;
    }
    this.forgetDisplays(name);
    run.state = forgetOutputs(run.state);
  }

  /** Forgets a run whose cell was deleted or belongs to another run. */
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
        JSON.stringify(edit.output.data).length > MAX_VIEW_LENGTH
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

  /** The output with the widget's text as its `fallback`. */
  private drawn(output: WidgetView['output'], model: string): WidgetView['output'] {
    const { drawing } = this;
    const began = performance.now();
    const fallback = this.widgets.text(model);
    drawing.ms += performance.now() - began;
    drawing.length += fallback?.length ?? 0;
    return fallback === undefined ? output : { ...output, fallback };
  }

  private remember(run: string, edits: RunEdit[], event: DisplayEvent): void {
    const key = displayKey(event);
    if (key === undefined) {
      return;
    }
    for (const { edit } of edits) {
      if ((edit.kind === 'append' || edit.kind === 'replaceAll') && 'data' in edit.output) {
        this.displays.add(key, { run, id: edit.id, output: { ...edit.output, data: {}, metadata: {} } });
      }
    }
  }

  private update(event: DisplayEvent): RunEdit[] {
    const { content } = event;
    const key = displayKey(event);
    const displays = key === undefined ? [] : [...this.displays.of(key)];
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
