"""ICC profiles that the tests make themselves (ICC.1:2022)."""

from __future__ import annotations

import struct

#: Columns X, Y, Z of the primaries, adapted to D50.
ADOBE_RGB = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
SRGB = ((0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))


def fixed(*values: float) -> bytes:
    """s15Fixed16 numbers."""
    return struct.pack(f">{len(values)}i", *(round(v * 65536) for v in values))


def rgb_profile(name: str, primaries: tuple[tuple[float, ...], ...], gamma: float = 2.2) -> bytes:
    """A profile of three primaries and one gamma."""
    xyz = {tag: b"XYZ \0\0\0\0" + fixed(*p) for tag, p in zip(_PRIMARIES, primaries, strict=True)}
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    return _profile(name, b"RGB ", b"XYZ ", {**xyz, b"rTRC": curve, b"gTRC": curve, b"bTRC": curve})


def cmyk_profile(name: str, inverted: bool = False) -> bytes:
    """A profile of sixteen corners: without ink Lab white, with any black (or *inverted*)."""
    corners = [255 if (i == 0) is not inverted else 0 for i in range(16)]
    table = b"".join(bytes([light, 128, 128]) for light in corners)
    ramp = bytes(range(256))
    head = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    return _profile(name, b"CMYK", b"Lab ", {b"A2B0": head + ramp * 4 + table + ramp * 3})


_PRIMARIES = (b"rXYZ", b"gXYZ", b"bXYZ")


def _profile(name: str, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = name.encode() + b"\0"
    about = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    white = b"XYZ \0\0\0\0" + fixed(0.9642, 1.0, 0.8249)
    parts = {b"desc": about, b"wtpt": white, **tags}
    at = 128 + 4 + 12 * len(parts)
    table, body = struct.pack(">I", len(parts)), b""
    for tag, data in parts.items():
        table += tag + struct.pack(">II", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    kind = b"prtr" if space == b"CMYK" else b"mntr"
    head = struct.pack(">I4sI", at + len(body), b"\0\0\0\0", 0x02400000) + kind + space + connection
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + white[8:]
    return head.ljust(128, b"\0") + table + body
