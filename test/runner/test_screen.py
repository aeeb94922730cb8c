"""How much of a stream's text counts as visible, and what is left out of it, compared with a terminal that draws
everything.
"""

import random
import re
import sys

import pytest
from sandbox import RUNNER

sys.path.insert(0, str(RUNNER))
from sandboxed_ipython.screen import Screen, without_overwritten

TOKENS = re.compile("\x1b\\[([\\d:;<=>?]{0,60})([@-~])|[\r\b\n]|[^\r\b\n\x1b]+|\x1b")


def drawn(text):
    """Returns what the window shows, by the rules of ``src/outputs/stream-text.ts``: rows of (character, style), the
    cursor, and its style. A style is the parameters of the last ``ESC[…m``, which is enough for the styles here.
    """
    rows, row, column, style = [[]], 0, 0, ""
    for match in TOKENS.finditer(text):
        token, parameters, command = match.group(), match.group(1), match.group(2)
        line = rows[row]
        if token == "\r":
            column = 0
        elif token == "\n":
            row, column = row + 1, 0
            if row == len(rows):
                rows.append([])
        elif token == "\b":
            if column:
                rows[row], column = line[: column - 1] + line[column:], column - 1
        elif command == "m":
            style = "" if parameters == "0" else parameters
        elif command == "A":
            row = max(row - int(parameters or 1), 0, len(rows) - 64)
        elif command == "B":
            row = min(row + int(parameters or 1), len(rows) - 1)
        elif command == "K":
            rows[row] = (
                []
                if parameters == "2"
                else [(" ", "")] * column + line[column:]
                if parameters == "1"
                else line[:column]
            )
        elif command is None:
            written = [(character, style) for character in token]
            rows[row] = line[:column] + [(" ", "")] * (column - len(line)) + written + line[column + len(written) :]
            column += len(token)
    return rows, row, column, style


def as_text(rows):
    text, last = "", ""
    for character, style in [cell for row in rows for cell in [*row, ("\n", None)]][:-1]:
        if style not in (last, None):
            text, last = text + "\x1b[%sm" % (style or "0"), style
        text += character
    return text


def cut(text, chance):
    """Splits a text as it arrives in reads."""
    parts = [""]
    for character in text:
        if chance.random() < 0.2:
            parts.append("")
        parts[-1] += character
    return parts


@pytest.mark.parametrize(
    "alphabet",
    [
        "ab\r\n",
        ["a", "bcd", "\r", "\b", "\n", "\x1b[A", "\x1b[2A", "\x1b[K", "\x1b[2K", "\x1b[1K", "\x1b[B"],
        ["a", "bcd", "\r", "\n", "\x1b[31m", "\x1b[0m", "\x1b[A"],
        ["ä", "€€", "😀", "x", "\r", "\b"],
    ],
)
def test_no_text_takes_more_room_than_is_counted(alphabet):
    chance = random.Random(1)
    for _ in range(3000):
        text = "".join(chance.choice(alphabet) for _ in range(chance.randrange(60)))
        screen = Screen()
        counted = sum(screen.write(part) for part in cut(text, chance))
        unfinished = re.search("\x1b(\\[\\d{0,4})?\\Z", text)
        rows = drawn(text[: unfinished.start()] if unfinished else text)[0]
        seen = len(as_text(rows).encode())
        styles = 9 * len(rows) if "m" in text else 0  # where a row begins and ends in other styles than its text
        assert seen <= counted * (1 if text.isascii() and not styles else 2) + styles, repr(text)
        if set(text) <= set("ab\n"):
            assert seen == counted


def test_many_rows_and_long_lines_count_in_full():
    for text in ("x" * 100_000, "line\n" * 50_000, "ä\n" * 300 + "\x1b[A" * 100 + "\rab"):
        screen = Screen()
        assert sum(screen.write(text[at : at + 777]) for at in range(0, len(text), 777)) in (
            len(text.encode()),
            300 * 3,
        )


@pytest.mark.parametrize(
    "alphabet",
    [
        "ab\r\n",
        ["abc", "d", "ä€", "\r", "\r", "\n", "\x1b[31m", "\x1b[0m", "\b", "\x1b[K"],
        ["abc", "d", "\r", "\r", "\r", "\x1b[31m", "\x1b[1m", "\x1b[0m"],
    ],
)
def test_text_that_is_left_out_does_not_change_what_is_visible(alphabet):
    chance = random.Random(2)
    for _ in range(3000):
        before, text, after = ("".join(chance.choice(alphabet) for _ in range(chance.randrange(30))) for _ in range(3))
        assert drawn(before + without_overwritten(text) + after) == drawn(before + text + after), repr(
            (before, text, after)
        )


def test_a_progress_bar_that_was_drawn_a_thousand_times_is_one_line():
    assert without_overwritten("\r".join("%3d%%" % (i // 10) for i in range(1000)) + "\n") == "  0%\r 99%\n"
    assert len(without_overwritten("\r\x1b[32m bar \x1b[0m" * 1000)) < 50


def test_a_colour_that_is_left_on_stays_on():
    text = "\x1b[31m10%\r\x1b[1m20%\r30%\x1b[?25l\r40%\n"
    assert without_overwritten(text) == "\x1b[31m10%\r\x1b[1m\x1b[?25l40%\n"
