"""How file names and other text are written into results, and read back without loss.

Untrusted text, file names above all, has two problems:

- A name need not be valid UTF-8. Python represents its invalid bytes as lone surrogates, which no
  file format accepts. `printable` writes them as ``\\xff`` (other lone surrogates as ``\\ud800``).
- A spreadsheet runs a CSV cell that starts with ``= + - @`` as a formula
  (https://owasp.org/www-community/attacks/CSV_Injection). `neutralise` prefixes it with a single
  quote, in CSV only; JSONL and Parquet keep the exact text.
"""

from __future__ import annotations

import re

#: First characters that a spreadsheet may take for a formula, ASCII and full-width, and the quote
#: itself, so that `restore` removes only quotes that `neutralise` added.
FORMULA_STARTS = "=+-@\t\r\n＝＋－＠'"

# A backslash that would read as one of our escapes is itself escaped, so that nothing is lost.
_ESCAPE = re.compile(r"[\ud800-\udfff]|\\(?=x[0-9a-f]{2}|u[0-9a-f]{4})")
_UNESCAPE = re.compile(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})")


def printable(text: str) -> str:
    """*text* with lone surrogates escaped, so that it is valid UTF-8; undone by `unprintable`."""
    return _ESCAPE.sub(_escape, text)


def unprintable(text: str) -> str:
    """Undo `printable`: the original text or file name."""
    return _UNESCAPE.sub(_unescape, text)


def clean(text: str) -> str:
    """*text* with unprintable characters replaced: they could control the reader's terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def reason_of(error: BaseException) -> str:
    """The message of *error* on one line, or the name of its type if it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def neutralise(text: str) -> str:
    """*text* as a CSV cell that no spreadsheet runs as a formula; undone by `restore`."""
    return "'" + text if text[:1] and text[0] in FORMULA_STARTS else text


def restore(cell: str) -> str:
    """Undo `neutralise`."""
    return cell[1:] if cell[:1] == "'" else cell


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # PEP 383: a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return "\\x5c" if match[0] == "\\" else f"\\u{code:04x}"


def _unescape(match: re.Match[str]) -> str:
    if match[2]:
        return chr(int(match[2], 16))
    code = int(match[1], 16)
    return chr(code + 0xDC00) if code >= 0x80 else chr(code)
