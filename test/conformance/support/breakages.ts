import type { SandboxEvent } from '../../../src/protocol/messages';

/** One way in which a session could be broken: how it would change the events of a notebook's run. */
export interface Breakage {
  broken: string;
  notebook: string;
  filter: (events: readonly SandboxEvent[]) => SandboxEvent[];
}

const without =
  (fits: (event: SandboxEvent) => boolean) =>
  (events: readonly SandboxEvent[]): SandboxEvent[] =>
    events.filter((event) => !fits(event));
const each =
  (change: (event: SandboxEvent) => SandboxEvent[]) =>
  (events: readonly SandboxEvent[]): SandboxEvent[] =>
    events.flatMap(change);
const isOutput = ({ msg_type }: SandboxEvent): boolean =>
  ['stream', 'display_data', 'execute_result', 'error'].includes(msg_type);

export const BREAKAGES: readonly Breakage[] = [
  {
    broken: 'displays that are never updated',
    notebook: 'displays-update',
    filter: without(({ msg_type }) => msg_type === 'update_display_data'),
  },
  {
    broken: 'stderr that comes as stdout',
    notebook: 'streams-order',
    filter: each((event) => [
      event.msg_type === 'stream' ? { ...event, content: { ...event.content, name: 'stdout' } } : event,
    ]),
  },
  {
    broken: 'carriage returns that are lost',
    notebook: 'streams-terminal',
    filter: each((event) => [
      event.msg_type === 'stream'
        ? { ...event, content: { ...event.content, text: event.content.text.replaceAll('\r', '') } }
        : event,
    ]),
  },
  { broken: 'late output at the cell that ran last', notebook: 'async-tasks', filter: lateGoesToTheLast },
  { broken: 'an output that is dropped', notebook: 'displays-basic', filter: nth(isOutput, 5, () => []) },
  {
    broken: 'an output that comes twice',
    notebook: 'displays-basic',
    filter: nth(isOutput, 5, (event) => [event, event]),
  },
  {
    broken: 'a count that is off by one',
    notebook: 'metadata-counts',
    filter: each((event) => [
      event.msg_type === 'execute_input'
        ? { ...event, content: { ...event.content, execution_count: event.content.execution_count + 1 } }
        : event,
    ]),
  },
  {
    broken: 'errors without a traceback',
    notebook: 'errors-tracebacks',
    filter: each((event) => [
      event.msg_type === 'error' ? { ...event, content: { ...event.content, traceback: [] } } : event,
    ]),
  },
  { broken: 'a display that overtakes the text before it', notebook: 'streams-order', filter: displaysFirst },
  {
    broken: 'outputs that are never cleared',
    notebook: 'displays-clear',
    filter: without(({ msg_type }) => msg_type === 'clear_output'),
  },
  {
    broken: 'clear_output that never waits',
    notebook: 'displays-clear',
    filter: each((event) => [event.msg_type === 'clear_output' ? { ...event, content: { wait: false } } : event]),
  },
  {
    broken: 'results that come as displays',
    notebook: 'metadata-counts',
    filter: each((event) => [event.msg_type === 'execute_result' ? { ...event, msg_type: 'display_data' } : event]),
  },
  {
    broken: 'comms without their bytes',
    notebook: 'comms-cells',
    filter: each((event) => [{ ...event, buffers: [] }]),
  },
  {
    broken: 'comms that answer nothing',
    notebook: 'comms-host',
    filter: without(({ msg_type }) => msg_type === 'comm_msg'),
  },
  { broken: 'the richest type of a bundle lost', notebook: 'displays-repr', filter: each(withoutHtml) },
];

function nth(fits: (event: SandboxEvent) => boolean, n: number, change: (event: SandboxEvent) => SandboxEvent[]) {
  return (events: readonly SandboxEvent[]): SandboxEvent[] => {
    let seen = 0;
    return events.flatMap((event) => (fits(event) && seen++ === n ? change(event) : [event]));
  };
}

function lateGoesToTheLast(events: readonly SandboxEvent[]): SandboxEvent[] {
  let last = '';
  return events.map((event) => {
    if (event.msg_type === 'execute_input') {
      last = event.parent_header.msg_id;
    }
    return isOutput(event) ? { ...event, parent_header: { msg_id: last } } : event;
  });
}

function displaysFirst(events: readonly SandboxEvent[]): SandboxEvent[] {
  const result: SandboxEvent[] = [];
  for (const event of events) {
    const before = result.at(-1);
    if (event.msg_type === 'display_data' && before?.msg_type === 'stream') {
      result.splice(-1, 0, event);
    } else {
      result.push(event);
    }
  }
  return result;
}

function withoutHtml(event: SandboxEvent): SandboxEvent[] {
  if (event.msg_type !== 'execute_result') {
    return [event];
  }
  const data = { ...event.content.data };
  delete data['text/html'];
  return [{ ...event, content: { ...event.content, data } }];
}
