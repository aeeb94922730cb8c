import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(__dirname, '../../..');
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');

/** Which tests show each row of README's "What happens when …": a file, and words of the test's name. */
const SHOWN_BY: Readonly<Record<string, readonly (readonly [file: string, test: string])[]>> = {
  'you press interrupt': [
    ['test/runner/test_endings.py', 'test_one_press_ends_the_cell_and_keeps_state'],
    ['test/session/session.test.ts', 'interrupts ${what} and keeps the state'],
  ],
  'a cell swallows the interrupt, or sits in C': [
    ['test/runner/test_endings.py', 'test_the_third_press_kills_and_says_so'],
    ['test/runner/test_deadlines.py', 'test_the_third_press_ends_what_sits_in_c'],
    ['test/session/session.test.ts', 'kills with the third press'],
  ],
  'a cell runs longer than `timeout`': [
    ['test/runner/test_deadlines.py', 'test_the_time_limit_holds_while_no_host_is_there'],
    ['test/runner/test_deadlines.py', 'test_time_in_which_the_sandbox_was_paused_does_not_count'],
    ['test/session/session.test.ts', 'interrupts a cell over its time limit, and kills'],
  ],
  'Python ends by itself: `os._exit`, a segmentation fault, `kill -9`': [
    ['test/session/deaths.test.ts', "'that calls os._exit'"],
    ['test/session/deaths.test.ts', "'with a segmentation fault'"],
    ['test/session/deaths.test.ts', "'that is killed'"],
  ],
  "Python ends while no cell runs: by a thread, a widget's callback": [
    ['test/session/deaths.test.ts', 'while no cell runs is said by the next cell'],
  ],
  'Python needs more than `maxMemory`': [
    ['test/session/deaths.test.ts', "'over the memory limit'"],
    ['test/runner/test_conditions.py', 'test_files_in_memory_and_a_heap_together_are_out_of_memory'],
  ],
  'a process that a cell started does': [
    ['test/runner/test_conditions.py', 'test_a_child_that_the_memory_limit_ends_is_told'],
  ],
  'shared memory or a mapped file finds no room': [
    ['test/session/deaths.test.ts', "'whose shared memory finds no room'"],
  ],
  'a cell asks in vain for a path outside of the project': [
    ['test/runner/test_places.py', 'test_a_path_outside_of_the_project_that_a_cell_asks_for_in_vain_is_told'],
    ['test/extension/suite/project.test.ts', 'outside of it are told'],
  ],
  '`/sandbox`, `/tmp` or `/dev/shm` is full': [
    ['test/runner/test_conditions.py', 'test_a_full_place_is_told_once_while_the_cell_goes_on'],
    ['test/session/deaths.test.ts', "'room in /sandbox'"],
  ],
  'the queue in the sandbox is full': [
    ['test/session/session.test.ts', 'runs on with a full /sandbox and a full queue'],
    ['test/runner/test_limits.py', 'test_a_full_queue_is_emptied_of_what_is_not_ours'],
  ],
  'there are too many processes or threads': [
    ['test/runner/test_conditions.py', 'test_no_room_for_processes_is_told'],
    ['test/runner/test_conditions.py', 'test_no_room_for_threads_is_told'],
    ['test/session/deaths.test.ts', "'processes'"],
  ],
  'hundreds of processes or threads are busy, as with a fork bomb': [
    ['test/runner/test_hostile_load.py', 'test_a_fork_bomb_ends_at_the_time_limit_and_holds_up_nobody'],
    ['test/runner/test_hostile_load.py', 'test_all_that_a_cell_starts_comes_after_the_supervisor_for_good'],
  ],
  'the container is stopped or removed, or its first process killed': [
    ['test/session/deaths.test.ts', "'is stopped'"],
    ['test/session/deaths.test.ts', "'is removed'"],
    ['test/session/deaths.test.ts', "'loses its supervisor'"],
    ['test/extension/suite/lost.test.ts', 'whose container is removed under a cell'],
  ],
  'the first process of the sandbox hangs for 10 s, or cannot go on': [
    ['test/runner/test_reactor.py', 'test_a_turn_that_does_not_end_ends_the_process_and_says_where'],
    ['test/unit/session.test.ts', 'says why its supervisor ended with status ${exitCode}'],
  ],
  'the container is paused': [
    ['test/session/session.test.ts', 'paused: shown within two seconds'],
    ['test/extension/suite/lost.test.ts', 'whose container is paused'],
  ],
  'the engine is stopped or killed': [
    ['test/session/engineEnds.test.ts', 'stopped and started again'],
    ['test/session/engineEnds.test.ts', 'killed and started again: its sandboxes are gone'],
    ['test/session/engineEnds.test.ts', 'where containers outlive it'],
  ],
  'the engine hangs, or what is between does': [
    ['test/session/engineEnds.test.ts', 'that hangs: the cell says so'],
    ['test/session/outOfReach.test.ts', 'it says so, what is asked ends in time'],
    ['test/extension/suite/kernel.test.ts', 'only a reset replaces it'],
  ],
  'a stream to the engine breaks': [
    ['test/session/faults.test.ts', 'no cell runs twice, none is stuck'],
    ['test/session/outOfReach.test.ts', 'its output comes when there is one'],
  ],
  'the engine answers neither a request nor a ping': [
    ['test/unit/engineConnect.test.ts', 'gives up an engine that accepts and never answers after five seconds'],
    ['test/silent/silentEngine.test.ts', 'is given up in time by ${name}'],
    ['test/session/outOfReach.test.ts', 'what is asked ends in time'],
  ],
  'the engine is busy: a request is late, pings are answered': [
    ['test/session/busyEngine.test.ts', 'is waited for while it answers pings'],
    ['test/session/busyEngine.test.ts', 'is given up as busy after minutes'],
    ['test/unit/session.test.ts', 'tells the cell that runs that the engine is busy'],
  ],
  "the computer's disk is full": [
    ['test/session/engineEnds.test.ts', 'lets a sandbox that runs go on, says what it lacks'],
  ],
  'Python does not start': [['test/session/deaths.test.ts', 'of a kernel that does not start is told']],
  'an object never says its names': [
    ['test/runner/test_deadlines.py', 'test_an_object_that_never_says_its_names_holds_up_no_cell'],
  ],
  'the window reloads or crashes, the tab is closed': [
    ['test/window/reload.test.ts', 'shows every number once after a reload'],
    ['test/window/reload.test.ts', 'after its extension host was killed'],
    ['test/extension/suite/reattach.test.ts', 'shows a cell that runs as running'],
  ],
  'a cell is deleted while it runs': [
    ['test/extension/suite/cells.test.ts', 'that are deleted while they run are interrupted'],
    ['test/extension/suite/cells.test.ts', 'of which one is deleted while it waits'],
  ],
  'the notebook is renamed, or saved for the first time': [
    ['test/extension/suite/reattach.test.ts', 'keeps its sandbox under another name'],
    ['test/window/saveAs.test.ts', 'keeps its sandbox when it is saved'],
    ['test/extension/suite/reattach.test.ts', 'has a sandbox of its own when it is a copy'],
  ],
  'another window opens the notebook': [
    ['test/window/twoWindows.test.ts', 'is offered to the second'],
    ['test/window/twoWindows.test.ts', 'is not taken from the one by the other'],
  ],
  'nobody uses the sandbox for `idleTimeout`, or no window has it for `keepAlive`': [
    ['test/session/attach.test.ts', 'ends when it was not used for so long'],
    ['test/extension/suite/reattach.test.ts', 'says in its next cell what became of its sandbox'],
  ],
};

describe('README\'s "What happens when …"', () => {
  const readme = read('README.md');
  const section = readme.slice(readme.indexOf('## What happens when'), readme.indexOf('## When something is wrong'));
  const rows = section
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| when |'))
    .map((line) => line.split(' | ')[0]?.slice(2) ?? '');

  it('has a row for each of these, and no other', () => {
    assert.deepEqual(rows, Object.keys(SHOWN_BY));
  });

  for (const [row, tests] of Object.entries(SHOWN_BY)) {
    it(`${row}: shown by ${tests.length} tests`, () => {
      for (const [file, test] of tests) {
        assert.ok(existsSync(path.join(ROOT, file)) && read(file).includes(test), `${file}: ${test}`);
      }
    });
  }
});
