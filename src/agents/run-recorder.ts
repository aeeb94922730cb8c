import { describe, paragraph, untranslated } from '../messages';
import { CellDocument } from '../outputs/document';
import { NotebookOutputs } from '../outputs/notebook-outputs';
import { plainText } from '../outputs/plain-text';
import type { CellOutput, RunEdit } from '../outputs/types';
import type { ExecuteReply, SandboxEvent } from '../protocol/messages';
import type { Run, RunResult } from './run';
import { RUNNING, verdictOf, type Verdict } from './verdict';

interface RecordedRun {
  readonly document: CellDocument;
  readonly began: number;
  end: { verdict: Verdict; at: number; executionCount: number | null } | undefined;
  /** Approximate number of characters of the outputs at the run's end. */
  size: number;
}

export interface RecorderOptions {
  /** Number of ended runs that are kept. */
  maxEndedRuns: number;
  /** Approximate number of characters of their outputs. */
  maxEndedChars: number;
  /** A clock in milliseconds. */
  now?: () => number;
}

/**
 * Keeps the runs of one sandbox, and folds its events into them by the same reducer as a notebook's cells, so that overwritten lines, cleared
 * outputs and updated displays look as in a notebook.
 */
export class RunRecorder {
  readonly #outputs = new NotebookOutputs();
  readonly #runs = new Map<string, RecordedRun>();

  /**
   * @param sandboxId for the run objects
   */
  constructor(
    private readonly sandboxId: string,
    private readonly options: RecorderOptions,
  ) {}

  begin(runId: string): void {
    this.#runs.set(runId, { document: new CellDocument(), began: this.#now(), end: undefined, size: 0 });
    this.#outputs.begin(runId, runId);
    this.#forgetOldest();
  }

  /** Folds an event of the sandbox. Events of unknown runs change nothing. */
  fold(event: SandboxEvent): void {
    this.#apply(this.#outputs.fold(event));
  }

  /** Ends a run by its reply, which need not have arrived as an event. Text of its threads may still follow. */
  end(runId: string, reply: ExecuteReply): void {
    const run = this.#runs.get(runId);
    if (run === undefined || run.end !== undefined) {
      return;
    }
    this.#apply(this.#outputs.end(runId, reply));
    run.end = { verdict: verdictOf(reply), at: this.#now(), executionCount: reply.execution_count };
    run.size = sizeOf(run.document);
  }

  /** A run as it is now; undefined if it is unknown or was forgotten. */
  get(runId: string): Run | undefined {
    const run = this.#runs.get(runId);
    if (run === undefined) {
      return undefined;
    }
    this.#apply(this.#outputs.redraw()); // widgets have the text of their current state
    const { document, began, end } = run;
    return {
      kind: 'run',
      sandbox_id: this.sandboxId,
      run_id: runId,
      ...outputsOf(document),
      ...(end?.verdict ?? RUNNING),
      execution_count: document.order ?? end?.executionCount ?? null,
      truncated: null,
      duration_ms: Math.round((end?.at ?? this.#now()) - began),
    };
  }

  #now(): number {
    return this.options.now?.() ?? performance.now();
  }

  #apply(edits: readonly RunEdit[]): void {
    for (const { run, edit } of edits) {
      this.#runs.get(run)?.document.apply(edit);
    }
  }

  /** Forgets ended runs, the oldest first, while there are too many or they hold too much. */
  #forgetOldest(): void {
    const ended = [...this.#runs].filter(([, { end }]) => end !== undefined);
    let chars = ended.reduce((sum, [, { size }]) => sum + size, 0);
    let count = ended.length;
    for (const [runId, { size }] of ended) {
      if (count <= this.options.maxEndedRuns && chars <= this.options.maxEndedChars) {
        return;
      }
      count -= 1;
      chars -= size;
      this.#runs.delete(runId);
      this.#outputs.release(runId);
    }
  }
}

function sizeOf(document: CellDocument): number {
  let size = 0;
  for (const { output } of document.outputs.values()) {
    size += output.output_type === 'stream' ? output.text.length : JSON.stringify(output).length;
  }
  return size;
}

type Outputs = Pick<Run, 'stdout' | 'stderr' | 'results' | 'error' | 'notices'>;

function outputsOf(document: CellDocument): Outputs {
  const outputs: Outputs = { stdout: '', stderr: '', results: [], error: null, notices: [] };
  for (const { output } of document.outputs.values()) {
    add(outputs, output);
  }
  return outputs;
}

function add(outputs: Outputs, output: CellOutput): void {
  switch (output.output_type) {
    case 'stream':
      outputs[output.name] += plainText(output.text);
      return;
    case 'display_data':
    case 'execute_result':
      outputs.results.push(resultOf(output));
      return;
    case 'error':
      outputs.error = {
        name: plainText(output.ename),
        value: plainText(output.evalue),
        traceback: plainText(output.traceback.join('\n')),
      };
      return;
    case 'failure':
    case 'notice': {
      const { failure } = output;
      const message = describe(failure, { t: untranslated, platform: process.platform });
      if (output.output_type === 'notice') {
        outputs.notices.push(paragraph(message));
      } else {
        outputs.error = { name: message.name, value: message.message, traceback: '' };
      }
    }
  }
}

/** Text is plain, as nobody draws its colours; a widget's text is what the widget shows. */
function resultOf({ output_type, data, fallback }: Extract<CellOutput, { data: unknown }>): RunResult {
  const text = fallback ?? data['text/plain'];
  return {
    ...data,
    ...(typeof text === 'string' && { 'text/plain': plainText(text) }),
    is_main_result: output_type === 'execute_result',
  };
}
