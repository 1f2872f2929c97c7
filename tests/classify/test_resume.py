"""`afd classify --resume`: after a cut at any byte, after kill -9, and refused where it must be."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from kit.classify import afd, process, same_as_process, table
from kit.command import one_line

from afdcli.classify.arithmetic import choose_arithmetic
from afdcli.classify.resume import take_over
from afdcli.classify.settings import Settings
from afdcli.constants import FAILED
from afdcli.errors import UsageError
from afdcli.inference.runtime import choose_runtime
from afdcli.inputs.found import Found
from afdcli.models import precision
from afdcli.results.rows import Columns, Row, TopClass
from afdcli.results.summary import Summary
from afdcli.results.writers import journal, open_sink

COLUMNS = Columns(topk=2, labels=True, compare=True)
NAMES = [
    "a.jpg",
    "=b.jpg",
    'q"uote, comma.jpg',
    "two\nlines.jpg",
    "ä/漢字.jpg",
    "lone\rreturn",
    "z",
]
ROWS = [
    Row(
        path=name,
        codec="jpeg",
        width=300,
        height=200 + n,
        quality=10.0 if n % 2 else None,
        drift=0.1 * n,
        top_classes=(TopClass("cat", 3, 0.75), TopClass("dog", 5, 1e-7)),
        direct=(TopClass("dog", 5, 0.5), TopClass("'quoted", 3, 0.25)),
        target=3 if n % 3 else None,
        target_label="cat" if n % 3 else "",
        note="=no formula" if n == 2 else "",
    )
    if n != 4
    else Row(path=name, status=FAILED, error="corrupt", note="two\nlines")
    for n, name in enumerate(NAMES)
]
INPUTS = [Found(Path(name), name) for name in NAMES]


def written(out: Path) -> bytes:
    with open_sink(out, COLUMNS) as sink:
        sink.write(ROWS)
    return out.read_bytes()


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
@settings(
    derandomize=True,
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(share=st.floats(0, 1))
@example(share=1.0)
def test_cut_off_at_any_byte_and_resumed_gives_the_same_bytes(
    tmp_path: Path, ending: str, share: float
) -> None:
    out = tmp_path / f"r{ending}"
    whole = written(out)
    out.write_bytes(whole[: round(share * len(whole))])
    inputs, summary = iter(INPUTS), Summary()
    keep = take_over(out, COLUMNS, inputs, None, summary)
    with open_sink(out, COLUMNS, keep) as sink:
        left = [found.relative for found in inputs]
        sink.write([row for row in ROWS if row.path in left])
    assert out.read_bytes() == whole
    assert summary.rows == summary.resumed == len(ROWS) - len(left)
    direct = Summary()
    for row in ROWS[: summary.rows]:
        direct.add(row)
    direct.resumed = summary.resumed
    assert direct.counts() == summary.counts()


def test_restored_rows_are_the_rows() -> None:
    for row in ROWS:
        assert COLUMNS.restore(COLUMNS.flatten(row)) == row


def cut(out: Path, share: float) -> None:
    """Leave the files of a killed run."""
    file = journal(out)
    data = file.read_bytes()
    file.write_bytes(data[: round(share * len(data))])


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_the_command_goes_on_where_it_was_cut(kit: Path, photos: Path, ending: str) -> None:
    whole, out = Path(f"whole{ending}"), Path(f"r{ending}")
    options = ("photos", "--labels", "folders", "--batch-size", "4")
    assert afd(kit, *options, "--out", whole).exit_code == 1
    for share in (0.03, 0.5):  # at any byte: the test above
        shutil.copy(whole, out)
        shutil.copy(f"{whole}.meta.json", f"{out}.meta.json")
        if ending == ".parquet":  # the journal of a run that was cut off
            rows = pd.read_parquet(out)
            lines = rows.astype(object).where(rows.notna(), None).to_dict("records")
            journal(out).write_text("".join(json.dumps(line) + "\n" for line in lines))
            out.unlink()
        cut(out, share)
        result = afd(kit, *options, "--out", out, "--resume")
        assert result.exit_code == 1, result.output
        if ending == ".parquet":
            pd.testing.assert_frame_equal(pd.read_parquet(out), pd.read_parquet(whole))
        else:
            assert out.read_bytes() == whole.read_bytes()
        counts = json.loads(Path(f"{out}.meta.json").read_text())["counts"]
        expected = json.loads(Path(f"{whole}.meta.json").read_text())["counts"]
        assert {**counts, "resumed": 0, "seconds": expected["seconds"]} == expected


def test_resume_with_nothing_there_begins(kit: Path, photos: Path) -> None:
    assert afd(kit, "photos", "--resume").exit_code == 1
    assert len(table()) == 14
    result = afd(kit, "photos", "--resume")  # a finished run has nothing left to do
    assert result.exit_code == 1
    assert "14 (14 of them earlier)" in " ".join(result.stdout.split())
    assert len(table()) == 14


def test_another_run_is_not_resumed(kit: Path, photos: Path) -> None:
    afd(kit, "photos")
    before = Path("results.csv").read_bytes()
    for more, message in (
        (
            ("--topk", "2"),
            "was made without columns label_2, ",
        ),
        (("--afd", "off"), "was made with afd a module, this run has none; give the same --afd,"),
        (("--resize", "exact"), "--resize fast, this run has exact; give the same --resize,"),
        (("--near", "resize"), "--near crop"),
        (("--precision", "bf16"), "was made with precision"),
    ):
        result = afd(kit, "photos", "--resume", *more)
        assert result.exit_code == 2, more
        assert message in result.stderr.replace("\n", " "), more
    (photos / "red" / "01.jpg").rename(photos / "red" / "011.jpg")
    result = afd(kit, "photos", "--resume")
    assert result.exit_code == 2
    assert "the inputs have changed" in result.stderr
    assert Path("results.csv").read_bytes() == before
    Path("results.csv.meta.json").unlink()
    result = afd(kit, "photos", "--resume")
    assert result.exit_code == 2
    assert "missing or unreadable" in result.stderr


def test_what_an_older_version_did_not_record_is_not_compared(kit: Path, photos: Path) -> None:
    afd(kit, "photos")
    file = Path("results.csv.meta.json")
    facts = json.loads(file.read_text())
    del facts["backbone"]["class_names"], facts["options"]["min_prob"]
    file.write_text(json.dumps(facts))
    result = afd(kit, "photos", "--resume")
    assert result.exit_code == 1, result.output
    facts["backbone"] |= {"height": 99}
    file.write_text(json.dumps(facts))
    side = json.loads(file.read_text())["backbone"]["width"]
    one_line(
        afd(kit, "photos", "--resume"),
        2,
        f"results.csv was made with backbone height 99, this run has {side}; give the same"
        " --backbone and --checkpoint, or another --out",
    )


@pytest.mark.parametrize("faster", [True, False])
def test_resume_computes_as_the_run_began(
    kit: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, faster: bool
) -> None:
    """On a machine that would choose otherwise; rows are the same to the last digit."""
    monkeypatch.setattr(precision, "bf16_is_faster", lambda device: faster)
    options = ("photos", "--batch-size", "4")
    afd(kit, *options)
    whole = Path("results.csv").read_bytes()
    name = "bfloat16, close calls in float32" if faster else "float32"
    assert json.loads(Path("results.csv.meta.json").read_text())["precision"] == name
    monkeypatch.setattr(precision, "bf16_is_faster", lambda device: not faster)
    afd(kit, *options, "--out", "other.csv")
    assert Path("other.csv").read_bytes() != whole  # so that the two can be told apart
    cut(Path("results.csv"), 0.3)
    result = afd(kit, *options, "--runtime", "auto", "--resume")
    assert result.exit_code == 1, result.output
    assert Path("results.csv").read_bytes() == whole
    facts = json.loads(Path("results.csv.meta.json").read_text())
    assert (facts["precision"], facts["runtime"]) == (name, "torch")
    for option, value in (("precision", "fp32" if faster else "bf16"), ("runtime", "openvino")):
        result = afd(kit, *options, f"--{option}", value, "--resume")
        one_line(result, 2, f"was made with {option}", f"omit --{option}")
    assert Path("results.csv").read_bytes() == whole


def test_the_same_settings_choose_the_same_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long anything takes."""
    clock = random.Random(0)
    for name in ("perf_counter", "monotonic", "time", "process_time"):
        monkeypatch.setattr(time, name, clock.random)
    for faster in (None, True, False):
        if faster is not None:
            monkeypatch.setattr(precision, "bf16_is_faster", lambda device, f=faster: f)
        chosen = {choose_arithmetic(Settings(out=Path("none.csv")), "cpu") for _ in range(20)}
        assert len(chosen) == 1
        (one,) = chosen
        assert len({choose_runtime(one.runtime, "cpu", one.precision) for _ in range(20)}) == 1


def test_fewer_inputs_than_rows_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "r.csv"
    written(out)
    with pytest.raises(UsageError, match="no more input"):
        take_over(out, COLUMNS, iter(INPUTS[:3]), None, Summary())


def lines() -> int:
    """Number of line ends in the results so far."""
    results = Path("results.csv")
    return results.read_bytes().count(b"\n") if results.exists() else 0


@pytest.mark.slow
def test_killed_for_real(kit: Path, photos: Path) -> None:
    """kill -9 at random moments; resume each time. AFD_KILLS=50 kills more often.

    Parts that a kill leaves: tests/end_to_end/test_parts.py.
    """
    kills = int(os.environ.get("AFD_KILLS", "2"))
    for n in range(60):
        (photos / "red" / f"copy{n}.jpg").write_bytes((photos / "red" / "01.jpg").read_bytes())
    options = ("photos", "--batch-size", "1", "--workers", "1")
    more = ("--out", "whole.csv", "--embeddings", "whole.npy")
    assert same_as_process(kit, *options, *more).exit_code == 1
    options = (*options, "--embeddings", "e.npy")
    rng = random.Random(0)
    for _ in range(kills):
        with process(kit, *options, "--resume") as run:
            enough = lines() + rng.randrange(1, max(2, 60 // kills))
            while run.poll() is None:
                time.sleep(0.02)
                if lines() >= enough:
                    run.kill()
                    break
            run.communicate()
    assert same_as_process(kit, *options, "--resume").exit_code == 1
    assert Path("results.csv").read_bytes() == Path("whole.csv").read_bytes()
    assert Path("e.npy").read_bytes() == Path("whole.npy").read_bytes()


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
@pytest.mark.parametrize("row", [b"\xff\xfe\n", b"a,b\n", b"[]\n", b"{}\n"])
def test_rows_that_afd_did_not_write_are_wrong_usage(
    tmp_path: Path, ending: str, row: bytes
) -> None:
    columns, out = Columns(), tmp_path / f"r{ending}"
    head = ",".join(columns.names).encode() + b"\n" if ending == ".csv" else b""
    out.write_bytes(head + row)
    with pytest.raises(UsageError, match="did not write"):
        take_over(out, columns, iter(()), None, Summary())
