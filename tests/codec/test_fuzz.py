"""Hostile files: each gives a photo or a `PhotoError`, and kills no process."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kit.pictures import encoded, heic, jxl_of_jpeg, scene
from PIL import Image

from afdcli.codec.jpeg_dct import CoefficientsError, coefficient_refusal, file_coefficients
from afdcli.codec.jpeg_frame import JpegHeader
from afdcli.codec.jpeg_header import parse_header
from afdcli.codec.limits import Limits
from afdcli.codec.read import read_photo
from afdcli.errors import PhotoError

SECONDS = 60  # for each file, on a busy machine
SEEDS = (
    encoded(scene(33, 41)),
    encoded(scene(33, 41), progressive=True, restart_marker_blocks=2),
    encoded(scene(33, 41)[..., 0]),
    encoded(Image.new("CMYK", (9, 9))),
    encoded(scene(33, 41), keep_rgb=True, subsampling="4:4:4"),
)
OTHERS = (
    *(encoded(scene(33, 41), f) for f in ("PNG", "WEBP", "AVIF", "BMP", "TIFF", "GIF", "JXL")),
    heic(scene(33, 41)),
    jxl_of_jpeg(encoded(scene(33, 41))),
)


def check_header(data: bytes) -> JpegHeader | None:
    """Parse *data*; the header must be consistent for any input."""
    try:
        header = parse_header(data)
    except PhotoError:
        return None
    assert 0 <= header.height < 65536 and 0 <= header.width < 65536
    ends = [0, *(place for pair in header.kept for place in pair)]
    assert ends == sorted(ends) and ends[-1] <= len(data)
    assert isinstance(header.subsampling, str)
    if not coefficient_refusal(header):
        again = parse_header(header.essential(data))  # libjpeg gets what the gate checked
        assert not coefficient_refusal(again)
        assert (again.components, again.process, len(again.scans)) == (
            header.components,
            header.process,
            len(header.scans),
        )
        assert (again.height, again.width) == (header.height, header.width)
        for i in range(len(header.components)):
            assert min(header.blocks(i)) >= 1 and min(header.block_size(i)) >= 8
    return header


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.binary(max_size=300))
@example(b"\xff\xd8\xff")
@example(b"\xff\xd8\xff\xc0\0\x08\x08\0\x10\0\x10\0")
def test_header_of_random_bytes(tail):
    check_header(tail)
    check_header(b"\xff\xd8" + tail)
    check_header(SEEDS[0][:200] + tail)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255)), max_size=8),
    st.integers(0, 2000),
)
def test_header_of_mutated_files(seed, changes, cut):
    data = bytearray(seed)
    for place, value in changes:
        data[place % len(data)] = value
    check_header(bytes(data))
    check_header(bytes(data[:cut]))


def mutations(seeds: tuple[bytes, ...], count: int) -> list[bytes]:
    """*count* damaged files, always the same: bytes changed, removed, doubled or cut off."""
    rng = random.Random(2)
    files = []
    for i in range(count):
        data = bytearray(seeds[i % len(seeds)])
        for _ in range(rng.choice((1, 1, 2, 5, 20))):
            at = rng.randrange(2, len(data))
            data[at] = rng.randrange(256)
        a, b = sorted(rng.randrange(2, len(data)) for _ in range(2))
        kind = rng.randrange(6)
        if kind == 0:
            del data[a:b]
        elif kind == 1:
            data[a:a] = data[a:b]
        elif kind == 2:
            del data[b:]
        files.append(bytes(data))
    return files


def verdict(source: Path | bytes) -> str:
    """Runs in a worker process: "photo", or the code of the error."""
    try:
        photo = read_photo(source, Limits(max_pixels=20_000_000))
    except PhotoError as error:
        return str(error.code)
    rows, cols = photo.coefficients.planes[0].levels.shape[:2]
    if photo.file_coefficients is None or photo.coefficients.planes[0].block_size == (8, 8):
        assert (rows, cols) == (-(-photo.height // 8), -(-photo.width // 8))
    return "photo"


def gate_verdict(data: bytes) -> str:
    """Runs in a worker: files that pass the gate go to jpeglib, without Pillow first."""
    try:
        header = parse_header(data)
    except PhotoError:
        return "refused"
    if coefficient_refusal(header) or header.height * header.width > 1_000_000:
        return "refused"
    try:
        file_coefficients(data, header)
    except CoefficientsError:
        return "failed"
    return "read"


Verdicts = Callable[[Callable[[Any], str], Sequence[Path | bytes]], list[str]]


@pytest.fixture(scope="module")
def in_workers() -> Iterator[Verdicts]:
    """The results of a task; a crash or an unexpected exception in a worker raises here."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=2, mp_context=spawn) as pool:

        def run(task: Callable[[Any], str], sources: Sequence[Path | bytes]) -> list[str]:
            futures = [pool.submit(task, source) for source in sources]
            return [future.result(timeout=SECONDS) for future in futures]

        yield run


def test_the_gate_alone_protects_jpeglib(in_workers):
    found = in_workers(gate_verdict, mutations(SEEDS[:3], 600))
    assert found.count("read") > 50 and found.count("refused") > 50


def test_mutated_files_give_a_photo_or_an_error(in_workers):
    found = in_workers(verdict, [*mutations(SEEDS, 200), *mutations(OTHERS, 200)])
    assert found.count("photo") > 20 and found.count("corrupt") > 20
    assert found.count("truncated") > 20


@pytest.mark.shared
def test_fuzzers_files_give_a_photo_or_an_error(shared, in_workers):
    files = sorted((shared / "data" / "broken-images").rglob("*.jpg"))[::10]
    assert len(files) > 200
    found = in_workers(verdict, files)
    assert found.count("photo") > 10 and found.count("corrupt") > 10
