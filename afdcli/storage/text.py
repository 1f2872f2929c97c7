"""How file names and other text are written into results, and read back without loss.

Two things can go wrong with text that strangers chose, file names above all:

- A name need not be valid UTF-8. Python holds its odd bytes as lone surrogates, which no file
  format accepts. `printable` writes them as ``\\xff`` (any other lone surrogate as ``\\ud800``).
- A spreadsheet runs a CSV cell that starts with ``= + - @`` as a formula
  (https://owasp.org/www-community/attacks/CSV_Injection). `neutralise` puts a single quote before
  it, in CSV only; JSONL and Parquet stay exact.
"""

from __future__ import annotations

import re

#: First characters that some spreadsheet takes for a formula, in ASCII and in full width, and
#: the quote itself, so that `restore` knows which quotes are ours.
FORMULA_STARTS = "=+-@\t\r\n＝＋－＠'"

# A backslash that would read as one of our escapes is escaped itself: that makes it lossless.
_ESCAPE = re.compile(r"[\ud800-\udfff]|\\(?=x[0-9a-f]{2}|u[0-9a-f]{4})")
_UNESCAPE = re.compile(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})")


def printable(text: str) -> str:
    """*text* with lone surrogates escaped, so that it can be encoded; undone by `unprintable`."""
    return _ESCAPE.sub(_escape, text)


def unprintable(text: str) -> str:
    """Undo `printable`: the text, or file name, as the system knows it."""
    return _UNESCAPE.sub(_unescape, text)


def clean(text: str) -> str:
    """*text* without control characters, which could steer the reader's terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def neutralise(text: str) -> str:
    """*text* as a CSV cell that no spreadsheet runs; undone by `restore`."""
    return "'" + text if text[:1] and text[0] in FORMULA_STARTS else text


def restore(cell: str) -> str:
    """Undo `neutralise`."""
    return cell[1:] if cell[:1] == "'" else cell


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # PEP 383: a byte of a name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return "\\x5c" if match[0] == "\\" else f"\\u{code:04x}"


def _unescape(match: re.Match[str]) -> str:
    if match[2]:
        return chr(int(match[2], 16))
    code = int(match[1], 16)
    return chr(code + 0xDC00) if code >= 0x80 else chr(code)
