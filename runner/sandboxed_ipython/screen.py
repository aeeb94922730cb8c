"""Measures how much of a stream's text is visible: a progress bar that draws its line a million times is one line.

The window obeys ``\\r``, ``\\b``, cursor up and down (``ESC[A``, ``ESC[B``) and erase line (``ESC[K``), and gives each
character its style (``src/outputs/stream-text.ts``). This module measures the same text, and drops what is overwritten
within one read.
"""

import re

#: Number of rows that the cursor can reach in the window.
_REACHABLE_ROWS = 64
_CONTROL = re.compile("[\r\b]|\x1b\\[\\d{0,4}[ABK]")
_TOKENS = re.compile("\x1b\\[(\\d{0,4})([ABK])|\b+|[\r\n]|[^\r\b\n\x1b]+|\x1b")
_UNFINISHED = re.compile("\x1b(\\[\\d{0,4})?\\Z")
#: Controls that move within a line or erase it. The columns of a text that contains one are not known from its length.
_MOVES = re.compile("\b|\x1b\\[\\d{0,4}[ABK]")
#: Control sequences that the window knows, and the ones that end all earlier styles.
_SEQUENCES = re.compile("\x1b\\[[\\d:;<=>?]{0,60}[@-~]")
_RESET = frozenset(("\x1b[m", "\x1b[0m"))


class Screen:
    """The rows of one stream output. Only their lengths are kept.

    Columns are counted in bytes of UTF-8, including control sequences, which is never fewer than the window's columns.
    Deleted or erased text counts as if it still stood there. So a text that overwrites other text takes no more room
    than is counted, except for a factor below 2 where long characters or styles overwrite short ones, and for the
    styles at the beginning and the end of a row.
    """

    __slots__ = ("_column", "_held", "_row", "_rows")

    def __init__(self):
        self._rows = [0]
        self._row = self._column = 0
        self._held = ""  # the start of a control sequence that the next text may complete

    def write(self, text: str) -> int:
        """Adds a text. Returns the number of bytes by which the visible text grows."""
        text = self._held + text
        unfinished = _UNFINISHED.search(text, max(0, len(text) - 6))
        self._held = unfinished.group() if unfinished else ""
        if unfinished:
            text = text[: unfinished.start()]
        if self._row == len(self._rows) - 1 and self._column == self._rows[-1] and not _moves_the_cursor(text):
            return self._append(text)
        return self._draw(text)

    def _append(self, text):
        # the last rows suffice; splitting a long text at every line feed would cost more than everything else
        first, *others = [bytes_of(line) for line in text.rsplit("\n", _REACHABLE_ROWS)]
        if len(others) < _REACHABLE_ROWS:
            self._rows[-1] += first
        self._rows = (self._rows + others)[-_REACHABLE_ROWS:]
        self._row, self._column = len(self._rows) - 1, self._rows[-1]
        return bytes_of(text)

    def _draw(self, text):
        rows, row, column, grown = self._rows, self._row, self._column, 0
        for match in _TOKENS.finditer(text):
            token = match.group()
            if token == "\r":
                column = 0
            elif token == "\n":
                row, column = row + 1, 0
                if row == len(rows):
                    rows.append(0)
                    grown += 1
            elif token[0] == "\b":
                column = max(0, column - len(token))
            elif match.group(2) == "A":
                row = max(row - int(match.group(1) or 1), 0, len(rows) - _REACHABLE_ROWS)
            elif match.group(2) == "B":
                row = min(row + int(match.group(1) or 1), len(rows) - 1)
            else:
                # text that is erased up to the cursor becomes blanks, also beyond the line's end
                if match.group(2) is None:
                    column += bytes_of(token)
                if column > rows[row]:
                    grown += column - rows[row]
                    rows[row] = column
        surplus = max(0, len(rows) - _REACHABLE_ROWS)
        self._rows, self._row, self._column = rows[surplus:], row - surplus, column
        return grown


def _moves_the_cursor(text):
    # a single character is found a hundred times faster than two characters or a pattern
    return "\r" in text or "\b" in text or ("\x1b" in text and _CONTROL.search(text) is not None)


def without_overwritten(text: str) -> str:
    """Returns the text without what it overwrites itself.

    Of the parts of a line between two ``\\r``, those are dropped that a later part with at least as many characters
    overwrites.
    """
    if "\r" not in text:
        return text
    return "\n".join(_line_without_overwritten(line) for line in text.split("\n"))


def _line_without_overwritten(line):
    if line.count("\r") < 2 or _MOVES.search(line):
        return line
    first, *parts = line.split("\r")  # the first part continues the line
    columns = [len(_SEQUENCES.sub("", part) if "\x1b" in part else part) for part in parts]
    seen, longest = [], -1
    for count in reversed(columns[1:]):
        longest = max(longest, count)
        seen.append(longest)
    shown, sequences = [first], []
    for part, count, behind in zip(parts, columns, [*reversed(seen), -1]):
        if count > behind:
            shown.append("".join(sequences) + part)
            sequences = []
            continue
        for sequence in _SEQUENCES.findall(part):  # the style stays in effect though the text is dropped
            if sequence in _RESET:
                sequences = []
            sequences.append(sequence)
    return "\r".join(shown)


def bytes_of(text: str) -> int:
    """Returns the number of UTF-8 bytes of a text."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
