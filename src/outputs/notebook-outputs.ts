import type { AnswerMetadata, EventType, ExecuteReply, JsonObject, SandboxEvent } from '../protocol/messages';
import { Callbacks } from './callbacks';
import { foldEvent, foldReply, foldStream, forgetOutputs, newCellOutputs, type CellOutputs, type Folded } from './cell-outputs';
import { answerOf } from './past';
import type { CellOutput, RunEdit } from './types';
import { modelOf, Widgets } from './widgets';

/** What a comm's callbacks may show in the cell of their comm. */
const OUTPUTS: ReadonlySet<EventType> = new Set<EventType>(['stream', 'display_data', 'execute_result', 'error', 'clear_output', 'notice']);

/** Where a display is shown, so that `update_display_data` finds it, in whichever cell and long after it ended. */
interface Display { run: string; id: number; output: Extract<CellOutput, { data: unknown }> }
/** Where a widget is shown. */
interface View extends Display { model: string }
/** Places of widgets that are drawn anew when they change; the oldest stay as they are then. */
const MAX_VIEWS = 1_000;
interface Run { cell: string; state: CellOutputs }

/**
 * The outputs of one notebook: the state of every run whose cell still shows it, and the displays by `display_id`.
 * Holds no text and no images beyond the stream that is open.
 */
export class NotebookOutputs {
  private readonly runs = new Map<string, Run>();
  private readonly displays = new Map<string, Display[]>();
  private readonly widgets = new Widgets();
  private readonly callbacks = new Callbacks();
  private views: View[] = [];

  /** A run of this cell begins; the run before it loses its claim on the cell. */
  begin(run: string, cell: string): void {
    for (const [other, { cell: its }] of this.runs) {
      if (its === cell) { this.release(other); }
    }
    this.runs.set(run, { cell, state: newCellOutputs });
  }

  /** Events of runs that are not ours, or no longer, change nothing. */
  fold(event: SandboxEvent): RunEdit[] {
    this.callbacks.hear(event);
    const name = OUTPUTS.has(event.msg_type) ? this.callbacks.runOf(event.parent_header.msg_id) : event.parent_header.msg_id;
    const changed = this.widgets.hear(event);
    if (changed !== null) { return changed.length === 0 ? [] : this.redraw(changed); }
    const answer = answerOf(event);
    if (answer !== undefined) { return this.echo(answer); }
    if (event.msg_type === 'update_display_data') { return this.update(event.content); }
    const run = this.runs.get(name);
    if (run === undefined) { return []; }
    const edits = this.apply(name, run, foldEvent(run.state, event));
    if (event.msg_type === 'display_data' || event.msg_type === 'execute_result') { this.remember(name, edits, event.content.transient); }
    return edits;
  }

  /** What `Output` widgets have captured since the last call, for the kernel's own widgets: see `Widgets.takeCaptured`. */
  takeCaptured(): { commId: string; outputs: JsonObject[] }[] { return this.widgets.takeCaptured(); }

  /** The run's end by a reply that did not come as an event, or was not folded yet. */
  end(name: string, reply: ExecuteReply): RunEdit[] {
    const run = this.runs.get(name);
    return run === undefined ? [] : this.apply(name, run, foldReply(run.state, reply));
  }

  /** The user cleared this cell: updates for its displays and text for its streams start anew. */
  forget(cell: string): void {
    for (const [name, run] of this.runs) {
      if (run.cell === cell) {
        this.forgetDisplays(name);
        run.state = forgetOutputs(run.state);
      }
    }
  }

  /** The cell is gone, or belongs to another run. */
  release(name: string): void {
    this.runs.delete(name);
    this.forgetDisplays(name);
  }

  releaseCell(cell: string): void {
    for (const [name, run] of this.runs) {
      if (run.cell === cell) { this.release(name); }
    }
  }

  private echo({ cell: name, echo }: AnswerMetadata): RunEdit[] {
    const run = this.runs.get(name);
    return run === undefined || echo === '' ? [] : this.apply(name, run, foldStream(run.state, 'stdout', echo));
  }

  private apply(name: string, run: Run, folded: Folded): RunEdit[] {
    run.state = folded.state;
    if (folded.edits.some((edit) => edit.kind === 'clear' || edit.kind === 'replaceAll')) { this.forgetDisplays(name); }
    return folded.edits.map((edit) => {
      const model = edit.kind === 'append' || edit.kind === 'replaceAll' ? modelOf(edit.output) : undefined;
      if (model === undefined || !('output' in edit) || !('data' in edit.output)) { return { run: name, edit }; }
      this.views.push({ run: name, id: edit.id, output: edit.output, model });
      if (this.views.length > MAX_VIEWS) { this.views.shift(); }
      return { run: name, edit: { ...edit, output: this.drawn(edit.output, model) } };
    });
  }

  /** A widget as text shows it. */
  private drawn(output: View['output'], model: string): View['output'] {
    const fallback = this.widgets.text(model);
    return fallback === undefined ? output : { ...output, fallback };
  }

  private redraw(changed: readonly string[]): RunEdit[] {
    return this.views.filter(({ model }) => this.widgets.has(model, changed))
      .map(({ run, id, output, model }) => ({ run, edit: { kind: 'replace', id, output: this.drawn(output, model) } }));
  }

  private remember(run: string, edits: RunEdit[], transient: Record<string, unknown>): void {
    const displayId = transient['display_id'];
    if (typeof displayId !== 'string') { return; }
    for (const { edit } of edits) {
      if ((edit.kind === 'append' || edit.kind === 'replaceAll') && 'data' in edit.output) {
        const kept = { ...edit.output, data: {}, metadata: {} };
        this.displays.set(displayId, [...this.displays.get(displayId) ?? [], { run, id: edit.id, output: kept }]);
      }
    }
  }

  private update(content: { data: Display['output']['data']; metadata: Display['output']['metadata']; transient: Record<string, unknown> }): RunEdit[] {
    const displayId = content.transient['display_id'];
    const displays = typeof displayId === 'string' ? this.displays.get(displayId) ?? [] : [];
    return displays.map(({ run, id, output }) =>
      ({ run, edit: { kind: 'replace', id, output: { ...output, data: content.data, metadata: content.metadata } } }));
  }

  private forgetDisplays(run: string): void {
    this.views = this.views.filter((view) => view.run !== run);
    for (const [displayId, displays] of this.displays) {
      const others = displays.filter((display) => display.run !== run);
      if (others.length === 0) { this.displays.delete(displayId); } else if (others.length < displays.length) { this.displays.set(displayId, others); }
    }
  }
}
