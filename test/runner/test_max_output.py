"""``maxOutput``: what counts, what does not, and the notices of a cell that reaches it."""

import json

import pytest


def test_output_over_the_limit_is_dropped_and_counted(new_sandbox):
    sandbox = new_sandbox(max_output=100_000)
    cell = sandbox.run("print('x' * 1_000_000)\nprint('end')")
    begun, notice = cell.contents("notice")
    assert begun == {"code": "OutputDropped", "params": {"limit": 100_000}}, (
        "said at once, when nobody knows how much there will be"
    )
    assert notice["code"] == "OutputDropped" and notice["params"]["limit"] == 100_000
    assert notice["params"]["bytes"] + len(cell.text()) == 1_000_005
    assert sandbox.run("print('next')").text() == "next\n"


@pytest.mark.parametrize("line", ["x" * 99, "é" * 49 + "x"])
def test_output_at_the_limit_is_shown_up_to_the_last_whole_line(new_sandbox, line):
    sandbox = new_sandbox(max_output=100_000)
    cell = sandbox.run(
        "import sys\nline = %r + '\\n'\n_ = sys.stdout.write(line * 400); _ = sys.stdout.write(line * 10_000)" % line
    )
    assert cell.text() == (line + "\n") * 1000
    assert [event["msg_type"] for event in cell.events if event["msg_type"] in ("stream", "notice")][-2:] == [
        "notice",
        "notice",
    ], "behind all text"
    assert cell.contents("notice")[-1]["params"] == {"bytes": 940_000, "total": 1_040_000, "limit": 100_000}


def test_a_line_over_the_limit_is_shown_up_to_a_whole_character(new_sandbox):
    sandbox = new_sandbox(max_output=100_001)
    assert sandbox.run("print('é' * 1_000_000)").text() == "é" * 50_000


def test_text_that_json_escapes_takes_at_most_six_times_its_bytes_in_the_log(new_sandbox):
    """So the log has room for everything that a cell may show: 10 MB of NUL fit into 64 MB."""
    sandbox = new_sandbox()
    assert (
        sandbox.run("import os, subprocess\nsubprocess.run(['head', '-c', '1000000', '/dev/zero']);").text()
        == "\0" * 1_000_000
    )
    folder = "/sandbox/.interactive/events/"
    assert (
        int(sandbox.run("sum(os.path.getsize(%r + name) for name in os.listdir(%r))" % (folder, folder)).result)
        < 6_100_000
    )


def test_redrawing_does_not_exceed_the_limit(new_sandbox):
    sandbox = new_sandbox(max_output=100_000)
    cell = sandbox.run(
        "from IPython.display import clear_output\nfor i in range(10):\n    clear_output(wait=True); print('y' * 50_000)"
    )
    assert not cell.contents("notice")


FLOODS = {
    "metadata": "display({'text/plain': ''}, metadata={'x': 'A' * 1000}, raw=True)",
    "transient": "display({'text/plain': ''}, transient={'x': 'A' * 1000}, raw=True)",
    "a value that is no text": "display({'application/json': ['A'] * 300}, raw=True)",
    "nothing": "display({'text/plain': ''}, raw=True)",
    "streams by turns": "print(1); print(2, file=sys.stderr)",
    "errors": "shell._showtraceback(ValueError, ValueError('A' * 1000), [])",
    "other fields": "kernel.channel.send('stream', {'name': 'stdout', 'text': '', 'x': 'A' * 1000}, kernel.running)",
}


@pytest.mark.parametrize("what", FLOODS)
def test_all_parts_of_an_output_count_and_every_output_counts(new_sandbox, what):
    sandbox = new_sandbox(max_output=100_000)
    cell = sandbox.run(
        "import sys\nshell = get_ipython(); kernel = shell.sandbox\nfor _ in range(2000):\n    %s" % FLOODS[what]
    )
    shown = [
        event
        for event in cell.events
        if event["channel"] == "iopub" and event["msg_type"] not in ("status", "notice", "execute_input")
    ]
    room = 100_000 + (
        1_100_000 if what == "errors" else 0
    )  # so that a cell that printed too much still shows how it failed
    assert sum(len(json.dumps(event["content"])) for event in shown) < 1.5 * room and len(shown) <= room / 100 + 100
    assert [content["code"] for content in cell.contents("notice")] in (
        ["OutputDropped"] * 2,
        [] if what == "errors" else None,
    )
    assert sandbox.run("print('next')").text() == "next\n"


def test_small_displays_count_a_hundred_bytes_each(new_sandbox):
    sandbox = new_sandbox(max_output=1_000_000)
    send = "kernel = get_ipython().sandbox\nfor i in range(%d): kernel.channel.send('display_data', {'data': {'text/plain': str(i)}}, kernel.running)"
    assert not sandbox.run(send % 10_000).contents("notice")
    notice = sandbox.run(send % 10_001).contents("notice")[-1]
    assert notice["code"] == "OutputDropped" and notice["params"]["bytes"] < 100


def test_nothing_is_shown_after_the_first_dropped_output(new_sandbox):
    sandbox = new_sandbox(max_output=100_000)
    cell = sandbox.send(
        "for i in range(200): print('line', i, 'x' * 1000)\nfor i in range(50): print('tail', i)\nprint('error', file=__import__('sys').stderr); 'result'; input('?')\n1 / 0"
    )
    notice = sandbox.stream.wait(lambda event: event["msg_type"] == "notice")
    assert notice["content"]["params"] == {"limit": 100_000}
    sandbox.answer("")
    cell = sandbox.finish(cell)
    assert [content["code"] for content in cell.contents("notice")] == ["OutputDropped"] * 2
    assert [part[0] for part in cell.order] == ["stdout", "error"] and "tail" not in cell.text()
    lines = cell.text().splitlines()
    assert [line.split()[1] for line in lines] == [str(i) for i in range(len(lines))]


@pytest.mark.parametrize("clear", ["clear_output()", "clear_output(wait=True)"])
def test_a_clear_starts_the_budget_again_after_the_limit_too(new_sandbox, clear):
    sandbox = new_sandbox(max_output=100_000)
    cell = sandbox.run(
        "from IPython.display import clear_output\nimport time\nprint('x' * 200_000); time.sleep(0.2); %s; print('shown')"
        % clear
    )
    assert cell.text().endswith("shown\n") and cell.contents("notice") == [
        {"code": "OutputDropped", "params": {"limit": 100_000}}
    ]


def test_a_drawing_over_the_limit_that_is_never_replaced_reports_its_loss(new_sandbox):
    cell = new_sandbox(max_output=100_000).run(
        "from IPython.display import clear_output\nprint('x' * 200_000); clear_output(wait=True)"
    )
    assert cell.contents("notice")[-1]["params"]["total"] == 200_001


def test_an_update_of_a_display_replaces_its_size(new_sandbox):
    sandbox = new_sandbox(max_output=200_000)
    cell = sandbox.run(
        "h = display('', display_id=True)\nfor i in range(300): h.update({'text/html': '%d ' % i + 'x' * 50_000}, raw=True)\nprint('behind them')"
    )
    assert cell.contents("update_display_data")[-1]["data"]["text/html"].startswith("299 ")
    assert cell.text() == "behind them\n" and not cell.contents("notice")


def test_updates_of_a_display_in_another_cell_count_in_that_cell(new_sandbox):
    sandbox = new_sandbox(max_output=200_000)
    sandbox.run("h = display('', display_id=True); g = display('', display_id=True)")
    update = "%s.update({'text/html': 'x' * 120_000}, raw=True)"
    assert not sandbox.run(update % "h" + "; print('y' * 150_000)").contents("notice")
    assert len(sandbox.run(update % "g").contents("notice")) == 2, "both together are over the limit of their cell"
    assert not sandbox.run(update % "h").contents("notice")


@pytest.mark.parametrize(
    "bar",
    [
        "sys.stderr.write('\\r%6d ' % i + '#' * 93)",
        "sys.stderr.write('\\r\\x1b[32m%6d ' % i + 'ä' * 40 + '\\x1b[0m')",
    ],
)
def test_a_progress_bar_counts_as_one_line(new_sandbox, bar):
    cell = new_sandbox(max_output=100_000).run("import sys\nfor i in range(60_000): %s\nprint('done')" % bar)
    assert (
        "59999" in cell.text("stderr").rpartition("\r")[2] and cell.text() == "done\n" and not cell.contents("notice")
    )


@pytest.mark.parametrize(
    "bar", ["'\\n\\r%6d' % i + '#' * 93 + '\\x1b[A'", "'\\x1b[2K\\r%6d' % i + '#' * 93", "'\\b' * 5 + '%5d' % i"]
)
def test_bars_with_several_lines_or_backspaces_count_what_is_visible_unless_they_are_a_flood(new_sandbox, bar):
    sandbox = new_sandbox(max_output=20_000)
    assert not sandbox.run("import sys\nfor i in range(2_000): sys.stderr.write(%s)" % bar).contents("notice")
    assert sandbox.run("while True:\n    sys.stderr.write(%s)\n    i += 1" % bar, timeout=10).contents("notice")


LONG_PIECES = """
import json
kernel = get_ipython().sandbox
def piece(i, size, text, last=False, kind='display_data', name='a'):
    head = {'id': name, 'size': size, 'msg_type': kind, 'parent_header': {'msg_id': kernel.running}, 'i': i, 'last': last}
    kernel.channel.socket.send(b'C' + json.dumps(head).encode() + b'\\n' + text)
"""


@pytest.mark.parametrize(
    "claims",
    [
        "for i in range(100): piece(i, 1, b'x' * 32768)",
        "for i in range(100): piece(0, 1, b'x' * 100_000)",
        "for i in range(3000): piece(i, 90_000, b'')",
        "for i in range(3000): piece(i, 90_000, b'x')",
        "for i in range(100): piece(i, -1, b'x' * 32768)",
        "for i in range(100): piece(i, 90_000, b'\\xff' * 32768)",
        "for i in range(100): piece(i, 40_000, b'x' * 32768, last=True)",
    ],
)
def test_pieces_count_their_real_size_and_not_the_claimed_size(new_sandbox, claims):
    sandbox = new_sandbox(max_output=100_000)
    cell = sandbox.run(LONG_PIECES + claims)
    assert cell.reply["status"] == "ok"
    assert int(sandbox.place.sh("cat %s/events/*.jsonl | wc -c" % sandbox.place.queue)) < 300_000
    assert sandbox.run("display({'text/plain': 'y' * 60_000}, raw=True)").contents("display_data") == [
        {"data": {"text/plain": "y" * 60_000}, "metadata": {}, "transient": {}}
    ]


def test_a_long_message_that_only_claims_to_be_an_update_counts_in_full(new_sandbox):
    sandbox = new_sandbox(max_output=1_000_000)
    cell = sandbox.run(
        "import json\nfrom sandboxed_ipython import packets\nk = get_ipython().sandbox\ndisplay('', display_id='d')\n"
        "for i in range(100):\n"
        "    for p in packets.split({'msg_type': 'display_data', 'parent_header': {'msg_id': k.running}, 'content': {'data': {'a/b': 'x' * 100_000}, 'transient': {'display_id': 'd'}}}, 's%d' % i):\n"
        '        k.channel.socket.send(p.replace(b\'"msg_type":"display_data","parent\', b\'"msg_type":"update_display_data","parent\', 1) if p[:1] == b\'C\' else p)'
    )
    assert len(cell.contents("display_data")) <= 11 and len(cell.contents("notice")) == 2
