"""``sys.stdout`` and similar streams: how threads, raw bytes, C code and other programs affect what a cell prints."""

import re

import pytest

LONG_PRINTS = """
import threading
def printing(letter):
    for _ in range(20): print(letter * 70_000)
threads = [threading.Thread(target=printing, args=(letter,)) for letter in "€漢"]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_a_long_print_stays_whole_beside_prints_of_another_thread(new_sandbox):
    text = new_sandbox(max_output=50_000_000).run(LONG_PRINTS).text()
    assert "\ufffd" not in text
    assert [len(run) % 70_000 for run in re.findall("€+|漢+", text)] == [0] * len(re.findall("€+|漢+", text))
    assert text.count("€") == text.count("漢") == 20 * 70_000


THREADS_THAT_PRINT = """
import sys, threading
sys.setswitchinterval(0.00001)
def work(name):
    for i in range(30): print(name, i, 'x', sep='-', file=sys.stderr if i % 7 == 0 else sys.stdout)
threads = [threading.Thread(target=work, args=(name,)) for name in 'abc']
for thread in threads: thread.start()
work('m')
for thread in threads: thread.join()
sys.setswitchinterval(0.005)
"""


def test_a_line_that_print_writes_in_pieces_stays_whole_beside_prints_of_other_threads(sandbox):
    for _ in range(5):
        cell = sandbox.run(THREADS_THAT_PRINT)
        lines = [line for name in ("stdout", "stderr") for line in cell.text(name).splitlines()]
        assert sorted(lines) == sorted("%s-%d-x" % (name, i) for name in "abcm" for i in range(30))
        assert all(text.endswith("\n") for _, text in cell.order)


def test_a_line_without_an_end_is_seen_at_once_and_does_not_delay_other_threads(sandbox):
    msg_id = sandbox.send("""
import ctypes, threading, time
def work():
    print('begun', end=''); ctypes.CDLL(None).sleep(3)
thread = threading.Thread(target=work); thread.start(); time.sleep(0.5)
start = time.monotonic(); print(' by another'); seconds = time.monotonic() - start
thread.join(); seconds
""")
    sandbox.wait_text("begun", 2.5)
    cell = sandbox.finish(msg_id)
    assert cell.text() == "begun by another\n" and float(cell.result) < 1.5


def test_a_print_that_waits_for_another_threads_print_ends(sandbox):
    cell = sandbox.run(
        """
import threading
class Waiting:
    def __str__(self):
        thread = threading.Thread(target=print, args=('inner',)); thread.start(); thread.join()
        return 'outer'
threads = [threading.Thread(target=print, args=('of', Waiting()))]
threads[0].start(); threads[0].join()
""",
        seconds=40,
    )
    assert cell.reply["status"] == "ok" and "inner" in cell.text() and "outer" in cell.text()


def test_threads_that_display_and_print_at_once_lose_nothing(sandbox):
    cell = sandbox.run("""
import sys, threading
def work(name):
    for number in range(40):
        print('%s %d ' % (name, number) + 'x' * 5_000); display({'text/plain': name * 50_000}, raw=True); print('%s %d' % (name, number), file=sys.stderr)
threads = [threading.Thread(target=work, args=(name,)) for name in 'ab']
for thread in threads: thread.start()
for thread in threads: thread.join()
""")
    assert (
        len(re.findall("[ab] [0-9]+ x{5000}", cell.text())) == 80
        and len(re.findall("[ab] [0-9]+", cell.text("stderr"))) == 80
    )
    shown = [content["data"]["text/plain"] for content in cell.contents("display_data")]
    assert sorted(shown) == ["a" * 50_000] * 40 + ["b" * 50_000] * 40


def test_a_fork_while_another_thread_prints_can_print(sandbox):
    cell = sandbox.run("""
import os, threading
over = threading.Event()
def printing():
    while not over.is_set(): print('x' * 100_000)
thread = threading.Thread(target=printing); thread.start()
for _ in range(20):
    child = os.fork()
    if child == 0: print('child'); os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
over.set(); thread.join()
""")
    assert cell.reply["status"] == "ok"


@pytest.mark.parametrize(
    "how",
    [
        "os.set_blocking(1, False)",
        "transport, _ = await asyncio.get_running_loop().connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout)",
    ],
)
def test_every_print_arrives_through_a_pipe_that_was_made_non_blocking(new_sandbox, how):
    sandbox = new_sandbox()
    cell = sandbox.run("import asyncio, os, sys\n%s\nfor _ in range(50): print('ä' * 50_000)\nos.get_blocking(1)" % how)
    assert cell.reply["status"] == "ok" and cell.result == "False"
    assert cell.text() == ("ä" * 50_000 + "\n") * 50


C_STREAM_THAT_WAITS = """
import ctypes, os, threading, time
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
reading, writing = os.pipe()
stream = ctypes.c_void_p(libc.fdopen(reading, b'r'))
buffer = ctypes.create_string_buffer(100)
threading.Thread(target=lambda: libc.fgets(buffer, 100, stream), daemon=True).start()
time.sleep(0.3)
libc.printf(b'of C\\n')
"""
C_STDOUT_THAT_IS_LOCKED = """
import ctypes, threading, time
libc = ctypes.CDLL(None)
stdout = ctypes.c_void_p.in_dll(libc, 'stdout')
libc.printf(b'of C\\n')
threading.Thread(target=lambda: (libc.flockfile(stdout), time.sleep(1000)), daemon=True).start()
time.sleep(0.3)
"""


@pytest.mark.parametrize("code, text", [(C_STREAM_THAT_WAITS, "of C\n"), (C_STDOUT_THAT_IS_LOCKED, "")])
def test_a_c_stream_that_a_thread_keeps_locked_delays_no_cell(new_sandbox, code, text):
    sandbox = new_sandbox()
    assert sandbox.run(code, seconds=20).text() == text
    assert sandbox.run("6 * 7", seconds=20).result == "42"


def test_single_bytes_are_shown_in_their_own_cell(sandbox):
    assert sandbox.run("import sys; sys.stdout.buffer.write(b'one'); sys.stdout.buffer.write(b'\\n')").text() == "one\n"
    assert sandbox.run(
        "import array; sys.stdout.buffer.write(array.array('H', [0x4141])), sys.stdout.buffer.raw.write(b'C')"
    ).order == [("stdout", "AAC"), ("execute_result", "(2, 1)")]
    assert sandbox.run("sys.stdout.buffer.write('text')").reply["ename"] == "TypeError"
    assert sandbox.run("with sys.stdout.buffer as file: file.write(b'a')\nprint('b', flush=True)").text() == "ab\n"


def test_half_a_character_at_a_cells_end_is_shown_in_that_cell(sandbox):
    assert sandbox.run("import os; os.write(1, 'ä'.encode()[:1]); os.write(2, '😀'.encode()[:3]);").order == [
        ("stdout", "\ufffd"),
        ("stderr", "\ufffd"),
    ]
    assert sandbox.run("os.write(1, 'ä'.encode()[1:]); print('ö')").text() == "\ufffdö\n"
    assert sandbox.run("os.write(1, 'ä'.encode()[:1]); os._exit(1)").text() == "\ufffd"


def test_click_prints_colours_to_the_stream(sandbox):
    assert (
        sandbox.run(
            "import sys; [type(stream).__module__.startswith('ipykernel.') for stream in (sys.stdout, sys.stderr)]"
        ).result
        == "[True, True]"
    )


@pytest.mark.smoke
def test_pythons_original_streams_are_separate_objects_that_write_to_the_same_cell(sandbox):
    code = "import sys\nprint('a')\nsys.__stdout__.write('b\\n')\nprint('c', file=sys.__stderr__)\n"
    cell = sandbox.run(
        code
        + "sys.__stdout__ is sys.stdout, sys.__stderr__ is sys.stderr, sys.__stdout__.fileno(), sys.__stderr__.fileno()"
    )
    assert (cell.text(), cell.text("stderr"), cell.result) == ("a\nb\n", "c\n", "(False, False, 1, 2)")


@pytest.mark.smoke
def test_wurlitzer_accepts_the_streams_and_output_of_c_code_is_shown_once(sandbox):
    """The cell does what wurlitzer does: it refuses two streams with one descriptor, and makes one stream write to the
    place of the other.
    """
    code = """
import ctypes, os, sys
for name in ("stdout", "stderr"):
    ours, original = getattr(sys, name).fileno(), getattr(sys, "__%s__" % name).fileno()
    assert ours != original and not ours == original and ours == int(ours) and original == int(original) and ours in {ours}
    kept = os.dup(original)
    os.dup2(ours, original)
    ctypes.CDLL(None).puts(b"from C to " + name.encode())
    ctypes.CDLL(None).fflush(None)
    os.dup2(kept, original)
    os.close(kept)
"""
    cell = sandbox.run(code)
    assert (cell.reply["status"], cell.text(), cell.text("stderr")) == (
        "ok",
        "from C to stdout\nfrom C to stderr\n",
        "",
    )


def test_the_descriptor_number_of_a_stream_can_be_passed_to_another_process(sandbox):
    code = "import copy, pickle, sys\nnumber = sys.stdout.fileno()\npickle.loads(pickle.dumps(number)), copy.deepcopy([number]), type(copy.copy(number)).__name__"
    assert sandbox.run(code).result == "(1, [1], 'int')"


CLOSED = "import io\nclosed = io.StringIO()\nclosed.close()\nsys.{0} = closed"
RAISES = "class Broken:\n    def __getattr__(self, name): raise OSError('no')\nsys.{0} = Broken()"


@pytest.mark.smoke
@pytest.mark.parametrize("name", ["stdout", "stderr"])
@pytest.mark.parametrize("code", ["sys.{0} = None", "del sys.{0}", "sys.{0} = 3", CLOSED, RAISES])
def test_a_stream_that_cannot_be_written_to_is_replaced_between_cells(sandbox, name, code):
    sandbox.run("import sys")
    sandbox.run(code.format(name))
    cell = sandbox.run("print('again', file=sys.{0}); sys.{0} = sys.__{0}__; print('more', file=sys.{0})".format(name))
    assert (cell.reply["status"], cell.text(name)) == ("ok", "again\nmore\n")
    assert sandbox.run("print('on', file=sys.%s)" % name).text(name) == "on\n"


def test_a_stream_of_the_cells_own_stays_between_cells(sandbox):
    sandbox.run("import io, sys\nkept = sys.stdout = io.StringIO()")
    sandbox.run("print('mine')")
    assert sandbox.run("sys.stdout = sys.__stdout__\nkept.getvalue()").result == "'mine\\n'"


def test_a_stream_whose_closed_attribute_hangs_can_be_interrupted(sandbox):
    sandbox.run(
        "import sys, time\nclass Slow:\n    write = print\n    @property\n    def closed(self): time.sleep(1000)\nsys.stdout = Slow()"
    )
    msg_id = sandbox.send("1")
    sandbox.started(msg_id)
    sandbox.interrupt(msg_id)
    assert sandbox.finish(msg_id).reply["status"] == "error"
    assert sandbox.run("print(2)").text() == "2\n"


def test_what_is_printed_is_not_kept_in_memory(sandbox):
    cell = sandbox.run("""
import gc, sys
gc.collect(); before = sys.getallocatedblocks()
for i in range(20_000): print(i)
sys.getallocatedblocks() - before
""")
    assert int(cell.result) < 10_000
