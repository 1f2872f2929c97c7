"""Photos and results in an object store: a real server that speaks S3."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote
from urllib.request import Request, urlopen

import pandas as pd
import pytest
from kit.classify import afd, of_kit
from kit.fresh import fresh_afd
from kit.reporting import report


@contextmanager
def served() -> Iterator[str]:
    """The address of a server without buckets."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def ask(method: str, url: str, data: bytes | None = None) -> bytes:
    headers = {"Content-Type": "application/octet-stream"}  # else it is read as a form
    headers["Authorization"] = "AWS test:test"  # only asked for, not checked
    with urlopen(Request(url, data, headers, method=method), timeout=30) as answer:
        return bytes(answer.read())


@pytest.mark.slow
def test_photos_and_results_in_an_object_store(kit: Path, photos: Path) -> None:
    """Read from there, written there in parts, cut off, gone on with, and reported on."""
    pytest.importorskip("s3fs")
    (photos / "red" / "05.jpg").unlink()  # a broken link
    files = {p.relative_to(photos).as_posix(): p for p in sorted(photos.rglob("*.jpg"))}
    options = ("--labels", "folders", "--compare", "--batch-size", "4")
    url = "s3://bucket/runs/r.parquet"
    line = ["classify", "s3://bucket/photos", *options, *map(str, of_kit(kit))]
    line += ["--runtime", "torch", "--workers", "1", "--rows-per-part", "5"]
    with served() as address:
        bucket = f"{address}/bucket"
        ask("PUT", bucket, b"")
        for name, path in files.items():
            ask("PUT", f"{bucket}/photos/{quote(name)}", path.read_bytes())
        settings = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        with fresh_afd(environment={**settings, "FSSPEC_S3_ENDPOINT_URL": address}) as run:
            done = run(*line, "--out", url)
            assert done.exit_code == 1, done.stderr
            parts = [f"runs/r.parquet/part-{n:05d}.parquet" for n in range(3)]
            found = re.findall("<Key>(runs/.*?)</Key>", ask("GET", bucket).decode())
            assert found == ["runs/r.parquet.meta.json", *parts]
            ask("DELETE", f"{bucket}/{parts[2]}")
            done = run(*line, "--out", url, "--resume")
            assert done.exit_code == 1, done.stderr
            assert "13 (10 of them earlier)" in " ".join(done.stdout.split())
            printed = run("report", url, "--format", "csv")
            refused = run(*line, "--out", "s3://none/r.parquet")
        Path("remote").mkdir()
        for part in parts:
            Path("remote", Path(part).name).write_bytes(ask("GET", f"{bucket}/{part}"))
    assert refused.exit_code == 2
    assert "cannot write s3://none/r.parquet" in " ".join(refused.stderr.split())
    assert afd(kit, "photos", *options, "--out", "r.parquet").exit_code == 1
    assert printed.stdout == report("r.parquet", "--format", "csv").stdout
    pd.testing.assert_frame_equal(pd.read_parquet("remote"), pd.read_parquet("r.parquet"))
