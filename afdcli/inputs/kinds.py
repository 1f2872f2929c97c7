"""Which files become rows, and under which kind the others are counted."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from afdcli.codec.sniff import sniff, sniff_foreign
from afdcli.errors import UsageError

#: Suffixes of the formats that afd decodes.
READ_SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".bmp", ".tif", ".tiff"),
        *(".gif", ".heic", ".heif", ".hif", ".jxl"),
    )
)
_FOREIGN = (
    "jif jfi pjpeg pjpg mpo apng dib avifs heics heifs avci avcs jp2 j2k jpx"
    " jpf jpm j2c jpc jph jhc jls jxr wdp hdp psd psb xcf ico cur icns tga vda icb vst pcx dcx"
    " ppm pgm pbm pnm pam pfm exr hdr dds qoi sgi rgb rgba bw ras xbm xpm iff ilbm lbm bpg flif"
    " jng mng fits fit dcm dicom svg svgz wmf emf eps btf bigtiff"
    # of cameras
    " dng raw cr2 cr3 crw nef nrw arw srf sr2 orf rw2 raf pef srw x3f 3fr fff iiq mos mef erf"
    " kdc dcr mrw rwl gpr"
)
#: Image suffixes in lower case, including formats that afd does not decode. A file with such a
#: suffix becomes a row, whatever it contains.
SUFFIXES = READ_SUFFIXES | {f".{suffix}" for suffix in _FOREIGN.split()}
HIDDEN = "hidden"
_KINDS = {
    "text": (
        "txt md rst csv tsv json jsonl ndjson geojson xml html htm xhtml yaml yml toml ini cfg conf"
        " log py js ts css sh c h cc cpp java tex bib srt vtt nfo cls url xmp"
    ),
    "video": "mp4 m4v mov avi mkv webm mpg mpeg wmv flv 3gp mts m2ts ogv mxf asf vob",
    "audio": "mp3 wav flac ogg oga opus m4a aac wma aif aiff mid amr",
    "archive": "zip tar gz tgz bz2 tbz tbz2 xz txz zst 7z rar lz4 iso jar",
    "document": "pdf doc docx odt xls xlsx ods ppt pptx odp rtf epub ps ai djvu",
    "data": "parquet arrow feather npy npz h5 hdf5 pkl pickle pt pth safetensors onnx sqlite db"
    " tfrecord bin dat mat",
}
_BY_SUFFIX = {f".{suffix}": kind for kind, all_ in _KINDS.items() for suffix in all_.split()}
_BY_BYTES = (  # (offset in the file, bytes there, kind)
    (4, b"ftyp", "video"),
    (8, b"AVI ", "video"),
    (0, b"\x1aE\xdf\xa3", "video"),
    (8, b"WAVE", "audio"),
    (0, b"ID3", "audio"),
    (0, b"fLaC", "audio"),
    (0, b"OggS", "audio"),
    (0, b"%PDF", "document"),
    (0, b"PK\3\4", "archive"),
    (0, b"\x1f\x8b", "archive"),
    (0, b"BZh", "archive"),
    (0, b"\xfd7zXZ\0", "archive"),
    (257, b"ustar", "archive"),
    (0, b"PAR1", "data"),
)


@dataclass(frozen=True)
class Rule:
    """Which files in folders, archives and stores become rows.

    Attributes:
        suffixes: in lower case and with dots. If given, only they decide, and no file is opened.
            None: files with an image suffix, or whose first bytes are those of an image.
    """

    suffixes: frozenset[str] | None = None

    @classmethod
    def parse(cls, text: str | None) -> Rule:
        """Parse a list such as "jpg,png"; None gives the default.

        Raises:
            UsageError: *text* is not such a list.
        """
        if text is None:
            return cls()
        names = {part.strip().lower().lstrip(".") for part in text.split(",")} - {""}
        if not names or any("/" in name for name in names):
            raise UsageError(f"--suffixes {text}: write them like jpg,jpeg,png")
        return cls(frozenset(f".{name}" for name in names))

    @property
    def opens(self) -> bool:
        """Whether files without an image suffix are opened to look at their first bytes."""
        return self.suffixes is None

    def named(self, name: str) -> bool:
        """Whether the suffix of *name* alone makes it a row."""
        return _suffix(name) in (SUFFIXES if self.suffixes is None else self.suffixes)

    def skips(self, name: str, head: Callable[[], bytes]) -> str:
        """Kind of a file that does not become a row, e.g. "text"; "" for a row.

        Args:
            name: path within the folder or archive, with forward slashes.
            head: returns the file's first `afdcli.codec.sniff.SNIFF_BYTES`; called only if the name
                does not decide.

        Raises:
            OSError: from *head*.
        """
        if is_hidden(name):
            return HIDDEN
        if self.named(name):
            return ""
        if not self.opens:
            return _kind(name, None)
        data = head()
        return "" if sniff(data) or sniff_foreign(data) else _kind(name, data)


def is_hidden(name: str) -> bool:
    """True for hidden files.

    Their name or a folder in their path starts with a dot (such as macOS AppleDouble files,
    ``._x``), or they are in ``__MACOSX``, where archives made on macOS keep AppleDouble files.
    """
    return any(
        part == "__MACOSX" or (part[:1] == "." and part not in (".", ".."))
        for part in name.split("/")
    )


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122


def _kind(name: str, head: bytes | None) -> str:
    kind = _BY_SUFFIX.get(_suffix(name))
    if kind or head is None:
        return kind or "other"
    if not head:
        return "empty"
    for at, magic, found in _BY_BYTES:
        if head[at : at + len(magic)] == magic:
            return found
    return "text" if _is_text(head) else "other"


def _is_text(head: bytes) -> bool:
    text = head.decode("utf-8", "replace").rstrip(
        "\N{REPLACEMENT CHARACTER}"
    )  # a character may be cut off
    return all(c.isprintable() or c in "\t\r\n\f\ufeff" for c in text) and "\ufffd" not in text
