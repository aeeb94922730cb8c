import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(__dirname, '../../..');
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');

/** The tests that show each row of docs/troubleshooting.md: a file, and words of the test's name. */
const SHOWN_BY: Readonly<Record<string, readonly (readonly [file: string, test: string])[]>> = {
  'No Docker or Podman answers in the places where the extension looks, or `DOCKER_HOST` or the current Docker context names an engine that cannot be used':
    [
      ['test/arrival/noEngine.test.ts', 'is told in the cell which products give one'],
      ['test/extension/suite/engine.test.ts', "is reported with the name of its product if that product's context"],
    ],
  "You may not use the engine's socket": [
    ['test/extension/suite/engine.test.ts', 'is reported with how to get access if the user may not use it'],
  ],
  'The engine is older than Docker 19.03 or Podman 4': [
    ['test/extension/suite/engine.test.ts', 'is reported with the required version if it is too old'],
  ],
  'The engine answers a request with an error': [
    ['test/unit/engineConnect.test.ts', 'passes on an error of the engine'],
  ],
  'The engine answers neither a request nor a ping for 5 to 60 s; images and installs wait longer': [
    [
      'test/unit/engineConnect.test.ts',
      'abandons an engine that accepts a connection and does not answer within five seconds',
    ],
    ['test/silent/silentEngine.test.ts', 'is given up in time by ${name}'],
    ['test/session/outOfReach.test.ts', 'requests end in time'],
  ],
  'The engine answers a request late, and still answers pings': [
    ['test/session/busyEngine.test.ts', 'is waited for while it answers pings'],
    ['test/session/busyEngine.test.ts', 'is given up as busy, not as silent, when it has been busy for too long'],
    ['test/unit/session.test.ts', 'tells the running cell that the engine is busy'],
  ],
  'Downloading the base image or installing the packages failed': [
    ['test/session/image.test.ts', "gives pip's own reason if a package does not exist"],
  ],
  'The base image has no Python 3.9 or later, or no way to install IPython': [
    ['test/session/image.test.ts', 'is refused for a base without Python'],
  ],
  'The engine would not hold a sandbox to a limit': [
    ['test/session/hardening.test.ts', 'is removed without being started if'],
  ],
  'A setting has a value that cannot be used': [
    ['test/unit/sessionSettings.test.ts', 'refuse a wrong ${name} by its name'],
  ],
  'The container did not start': [
    ['test/unit/session.test.ts', "reports the container's output if no hello comes in time"],
  ],
  "The computer's disk is full": [
    ['test/session/engineEnds.test.ts', 'lets a running sandbox continue, names the cause'],
  ],
  'You cancelled the start of a sandbox or an installation': [
    ['test/extension/suite/lost.test.ts', 'is no longer started when the user cancels, restarts or shuts down'],
  ],
  'You press **Interrupt**': [
    ['test/runner/test_endings.py', 'test_one_press_ends_the_cell_and_keeps_state'],
    ['test/session/session.test.ts', 'interrupts ${what} and keeps the state'],
  ],
  'A cell swallows the interrupt, or runs in C code': [
    ['test/runner/test_endings.py', 'test_the_third_press_kills_the_kernel_and_the_reply_says_so'],
    ['test/runner/test_deadlines.py', 'test_the_third_press_ends_a_cell_that_runs_c_code'],
    ['test/session/session.test.ts', 'kills the kernel with the third press'],
  ],
  'The cell did not run or was ended, because a cell before it failed, the run was interrupted, or the kernel was restarted or ended':
    [['test/extension/suite/cells.test.ts', 'are not run if they follow an error in the same run']],
  'A cell runs longer than `timeout`, also without a window; a pause of the container and the sleep of the computer do not count':
    [
      ['test/runner/test_deadlines.py', 'test_the_time_limit_applies_while_no_host_is_attached'],
      ['test/runner/test_deadlines.py', 'test_time_in_which_the_sandbox_was_paused_does_not_count'],
      ['test/session/session.test.ts', 'interrupts a cell over its time limit, and kills'],
    ],
  'Python needs more than `maxMemory`': [
    ['test/session/deaths.test.ts', "'over the memory limit'"],
    [
      'test/runner/test_conditions.py',
      'test_files_in_memory_and_a_heap_together_run_out_of_memory_and_the_error_has_the_size_of_the_files',
    ],
  ],
  'Python ends by itself: `os._exit`, a segmentation fault, `kill -9`': [
    ['test/session/deaths.test.ts', "'that calls os._exit'"],
    ['test/session/deaths.test.ts', "'with a segmentation fault'"],
    ['test/session/deaths.test.ts', "'that is killed'"],
  ],
  'Shared memory or a mapped file finds no room': [
    ['test/session/deaths.test.ts', "'whose shared memory finds no room'"],
  ],
  'Python does not start': [
    [
      'test/session/deaths.test.ts',
      'is reported to the cells and the reset that wait for a kernel that does not start',
    ],
  ],
  'Python ends while no cell runs: a thread or the callback of a widget ended it': [
    ['test/session/deaths.test.ts', 'while no cell runs is reported by the next cell'],
  ],
  'A process that a cell started needs more memory than `maxMemory` allows': [
    ['test/runner/test_conditions.py', 'test_a_child_that_the_memory_limit_kills_is_reported_while_the_cell_continues'],
  ],
  '`/sandbox`, `/tmp` or `/dev/shm` is full': [
    ['test/runner/test_conditions.py', 'test_a_full_file_system_is_reported_once_while_the_cell_continues'],
    ['test/session/deaths.test.ts', "'room in /sandbox'"],
  ],
  'A cell starts more processes or threads than `pids`': [
    ['test/runner/test_conditions.py', 'test_a_refused_process_is_reported_with_the_limit_while_the_cell_continues'],
    ['test/runner/test_conditions.py', 'test_a_refused_thread_is_reported_too'],
    ['test/session/deaths.test.ts', "'processes'"],
  ],
  'Hundreds of processes or threads are busy, as in a fork bomb': [
    ['test/runner/test_hostile_load.py', 'test_a_fork_bomb_ends_at_the_time_limit_and_delays_nothing'],
    [
      'test/runner/test_hostile_load.py',
      'test_everything_that_a_cell_starts_has_a_lower_priority_than_the_supervisor_for_good',
    ],
  ],
  'The queue in the sandbox is full': [
    ['test/session/session.test.ts', 'continues with a full /sandbox and a full queue'],
    ['test/runner/test_limits.py', 'test_foreign_files_are_removed_from_a_full_queue'],
  ],
  'An object never returns its names for completion': [
    ['test/runner/test_deadlines.py', 'test_an_object_that_never_lists_its_names_delays_no_cell'],
  ],
  'A cell shows more than `maxOutput`, or more than 10,000 outputs': [
    ['test/session/sessionSettings.test.ts', 'maxOutput: output of a cell beyond it is dropped'],
  ],
  'The window was away, and the sandbox has printed more than `logBudget` meanwhile': [
    ['test/unit/sessionMissing.test.ts', 'is reported as missing in the cells that had started'],
  ],
  'The state of one widget is larger than half of `logBudget`': [
    ['test/runner/test_eventlog.py', 'test_state_over_the_budget_is_refused_once_and_later_messages_reach_readers'],
  ],
  'A message of a widget is larger than 16 MB, or too many messages wait for the running cell': [
    ['test/unit/sessionComms.test.ts', 'are refused before anything is sent if they are too long'],
  ],
  'The cell, or a program that it started, reads standard input, which is empty': [
    ['test/runner/test_programs.py', 'test_reading_stdin_finds_its_end_and_is_reported_in_the_cell'],
  ],
  '`%load` or `set_next_input()` puts more characters into the notebook than a cell takes': [
    ['test/extension/suite/nextInput.test.ts', 'is refused with a message if it is too long to read'],
  ],
  "Python's own: the package is not in the image": [
    ['test/extension/suite/libraries.test.ts', 'are installed by %pip in a cell, can be imported at once'],
  ],
  'pip could not install the packages; its own reason follows': [
    ['test/session/libraries.test.ts', 'that do not exist'],
    ['test/session/libraries.test.ts', 'that need a compiler for their source are reported with the reason'],
  ],
  'The packages need more than the limit that the message names': [
    ['test/session/libraries.test.ts', 'over the limit are not installed at all'],
  ],
  'The cell asks for more than names with versions, or for too much at once': [
    ['test/extension/suite/libraries.test.ts', "that cannot be installed are reported with pip's reason"],
  ],
  "Python's own error, or that of a program such as `!git clone`: there is no network in a sandbox": [
    ['test/runner/test_network.py', 'test_an_error_that_came_from_the_missing_network_is_reported'],
  ],
  "Python's own: the file is not in the sandbox": [
    ['test/extension/suite/filesTold.test.ts', 'are reported when a cell cannot find one that .gitignore excludes'],
  ],
  'A cell asks in vain for a path outside of the project': [
    ['test/runner/test_places.py', 'test_a_missing_path_outside_of_the_project_is_reported'],
    ['test/extension/suite/project.test.ts', 'is named as the limit of what is copied, when a cell cannot find a'],
  ],
  'No file of the project is in the sandbox': [
    ['test/extension/suite/filesTold.test.ts', 'are reported once, with the next step, if the folder is too wide'],
  ],
  'Some files of the project are not in the sandbox': [
    ['test/extension/suite/filesTold.test.ts', 'are each reported once if there is no room for them'],
  ],
  'The container is stopped or removed, or its first process killed': [
    ['test/session/deaths.test.ts', "'is stopped'"],
    ['test/session/deaths.test.ts', "'is removed'"],
    ['test/session/deaths.test.ts', "'loses its supervisor'"],
    ['test/extension/suite/lost.test.ts', 'is reported by the running cell if its container is removed'],
  ],
  'The first process of the sandbox hangs for 10 s, or cannot go on': [
    ['test/runner/test_reactor.py', 'test_a_turn_that_does_not_end_ends_the_process_with_its_stack'],
    ['test/unit/session.test.ts', 'reports why its supervisor ended with exit code ${exitCode}'],
  ],
  'Nobody uses the sandbox for `idleTimeout`, or no window has it for `keepAlive`': [
    ['test/session/attach.test.ts', 'ends when it was not used for the idle timeout'],
    ['test/extension/suite/reattach.test.ts', 'reports in its next cell what became of its sandbox'],
  ],
  'The container is paused from outside': [
    ['test/session/session.test.ts', 'shows a pause within two seconds'],
    ['test/extension/suite/lost.test.ts', "is reported only in the cell's output if its container is paused"],
  ],
  'The engine is stopped or killed': [
    ['test/session/engineEnds.test.ts', 'stopped and started again'],
    ['test/session/engineEnds.test.ts', 'loses its sandboxes when it is killed and started again'],
    ['test/session/engineEnds.test.ts', 'does not end the cell when it is killed and its containers live on'],
  ],
  'The engine, or the connection to it, hangs': [
    ['test/session/engineEnds.test.ts', 'does not end the cell when it hangs'],
    ['test/session/outOfReach.test.ts', 'the cell reports it, requests end in time'],
    ['test/extension/suite/kernel.test.ts', 'only a reset replaces it'],
  ],
  'A stream to the engine breaks': [
    ['test/session/faults.test.ts', 'no cell runs twice or hangs'],
    ['test/session/outOfReach.test.ts', 'its output comes once there is an answer'],
  ],
  'Communication with the sandbox failed, or output could not be read': [
    ['test/extension/suite/kernel.test.ts', 'ends the sandbox of an earlier window that uses another protocol'],
    ['test/session/badInput.test.ts', 'an invalid message is reported as left out once per cell'],
  ],
  "The notebook's sandbox is on another container engine than the one that answers: the Docker context was switched, another engine answers first, or one has taken its place at the same socket":
    [['test/extension/suite/kernel.test.ts', 'leaves a sandbox on another engine there: a cell runs in a new one on']],
  'The window reloads or crashes, or the tab is closed': [
    ['test/window/reload.test.ts', 'shows every number once after a reload'],
    ['test/window/reload.test.ts', 'after its extension host was killed'],
    ['test/extension/suite/reattach.test.ts', 'shows a running cell as running, with all of its output'],
  ],
  'A cell is deleted while it runs': [
    ['test/extension/suite/cells.test.ts', 'are interrupted if they are deleted while they run'],
    ['test/extension/suite/cells.test.ts', 'run on if another cell of the same run is deleted while it waits'],
  ],
  'The notebook is renamed, or saved for the first time': [
    ['test/extension/suite/reattach.test.ts', 'keeps its sandbox under another name'],
    ['test/window/saveAs.test.ts', 'keeps its sandbox when it is saved'],
    ['test/extension/suite/reattach.test.ts', 'gets a sandbox of its own if it is a copy'],
  ],
  'Another window opens the notebook, or uses its sandbox': [
    ['test/window/twoWindows.test.ts', 'is offered to the second'],
    ['test/window/twoWindows.test.ts', 'is not taken over when both windows show the same tab'],
  ],
};

describe('every row of docs/troubleshooting.md', () => {
  /** The first sentence of the second column, without links. */
  const rows = read('docs/troubleshooting.md')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| Message |'))
    .map((line) => (line.split(' | ')[1] ?? '').replace(/\[([^\]]*)\]\([^)]*\)/g, '$1'))
    .map((when) => /^(.*?)\.(?: |$)/.exec(when)?.[1] ?? when);

  it('is in this table, and the table has no other rows', () => {
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
