"""`--embeddings`: one row of features per result row, also after an interruption."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kit import small_models
from kit.classify import afd, table
from numpy.typing import NDArray

from afdcli import read_results
from afdcli.errors import ResultsError, UsageError
from afdcli.models.loader import load_backbone
from afdcli.results.embeddings import Embeddings, EmbeddingSink, check_embeddings
from afdcli.results.rows import Columns, Row
from afdcli.results.writers import journal, open_sink

OPTIONS = ("photos", "--batch-size", "4", "--precision", "fp32")


def parquet(path: str) -> NDArray[np.float32]:
    return np.stack(pd.read_parquet(path)["embedding"].to_list())


def test_rows_are_those_of_the_results(kit: Path, photos: Path) -> None:
    result = afd(kit, *OPTIONS, "--compare", "--embeddings", "e.npy")
    assert result.exit_code == 1, result.output
    assert "e.npy (14 x 16 float32)" in " ".join(result.stdout.split())
    found, rows = np.load("e.npy", mmap_mode="r"), read_results("results.csv")
    assert found.shape == (14, 16) and found.dtype == np.float32
    failed = (rows["status"] == "failed").to_numpy()
    assert failed.sum() == 3
    assert np.isnan(found[failed]).all() and np.isfinite(found[~failed]).all()
    net = load_backbone("tiny_test_net", imports=[str(kit / "tiny_models.py")]).net
    weight, bias = (p.numpy() for p in net.get_classifier().parameters())  # type: ignore[operator]
    logits = found[~failed] @ weight.T + bias
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(probs.max(1), rows["prob"][~failed], atol=1e-4)  # with AFD


def test_half_precision_and_parquet(kit: Path, photos: Path) -> None:
    afd(kit, *OPTIONS, "--embeddings", "e.npy")
    words = ("--embeddings", "e.parquet", "--embeddings-dtype", "float16")
    assert afd(kit, *OPTIONS, *words, "--out", "parts.csv", "--rows-per-part", "5").exit_code == 1
    assert not journal(Path("e.parquet")).exists()
    rows, exact = pd.read_parquet("e.parquet"), np.load("e.npy")
    assert rows["path"].tolist() == read_results("parts.csv")["path"].tolist()
    half = parquet("e.parquet")
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, exact, rtol=2e-3, atol=1e-3)
    schema = pytest.importorskip("pyarrow.parquet").read_schema("e.parquet")
    assert str(schema.field("embedding").type).startswith("fixed_size_list<element: halffloat")


@pytest.mark.parametrize("ending", [".npy", ".parquet"])
def test_a_cut_run_goes_on(kit: Path, photos: Path, ending: str) -> None:
    words = (*OPTIONS, "--embeddings", f"e{ending}")
    afd(kit, *words)
    whole, rows = Path(f"e{ending}").read_bytes(), Path("results.csv").read_bytes()
    expected = parquet("e.parquet") if ending == ".parquet" else np.load("e.npy")
    for ahead in (0, 3):  # embeddings are written before their rows
        lines = rows.splitlines(keepends=True)
        Path("results.csv").write_bytes(b"".join(lines[:6]) + lines[6][:9])
        if ending == ".npy":
            Path("e.npy").write_bytes(whole[: 128 + 64 * (5 + ahead) + 7])
        elif ahead:  # the journal of a killed run
            header = Embeddings(Path("x.npy"), Path("results.csv"), 16)
            header.close(finished=False)
            data = Path("x.npy").read_bytes() + parquet("e.parquet").astype("<f4").tobytes()
            journal(Path("e.parquet")).write_bytes(data[: 128 + 64 * 8 + 1])
            Path("e.parquet").unlink()
        result = afd(kit, *words, "--resume")
        assert result.exit_code == 1, result.output
        assert Path("results.csv").read_bytes() == rows
        found = parquet("e.parquet") if ending == ".parquet" else np.load("e.npy")
        # Other rows share a batch now, and on some processors that changes the last digits.
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    finished = Path(f"e{ending}").read_bytes()
    again = afd(kit, *words, "--resume")  # a finished run has nothing left to do
    assert again.exit_code == 1, again.output
    assert Path(f"e{ending}").read_bytes() == finished


def test_what_does_not_fit_is_refused(kit: Path, photos: Path) -> None:
    words = (*OPTIONS, "--embeddings", "e.npy")
    afd(kit, *words)
    for more, message in (
        (OPTIONS, "was made with --embeddings e.npy"),
        (
            (*words, "--embeddings-dtype", "float16"),
            "and type float32, but the results need (14, 16) and float16",
        ),
    ):
        result = afd(kit, *more, "--resume")
        assert result.exit_code == 2 and message in result.stderr, result.output
    whole = Path("e.npy").read_bytes()
    for data in (whole[: 128 + 64 * 9], whole[:60], b"x" * 2000):
        Path("e.npy").write_bytes(data)
        result = afd(kit, *words, "--resume")
        assert result.exit_code == 2 and "start again with --overwrite" in result.stderr
        assert len(table()) == 14
    text = small_models.source("scaled_net", seed=3).replace("    return net\n", _SCALED)
    (kit / "scaled.py").write_text(text)
    names = ("--backbone", "scaled_net", "--import", str(kit / "scaled.py"), "--afd", "off")
    result = afd(kit, *words, *names, "--overwrite", backbone=False)
    assert result.exit_code == 2
    assert "the pooled features of scaled_net cannot be found" in result.stderr


_SCALED = """
    net.forward = lambda x: 2 * net.fc(net.global_pool(net.forward_features(x)))
    net.forward_head = lambda x: x
    return net
"""


def test_an_existing_file_is_not_replaced(kit: Path, here: Path) -> None:
    from kit.command import afd as command
    from kit.command import one_line

    Path("a.jpg").write_bytes(b"x")
    Path("e.npy").write_bytes(b"mine")
    words = ("classify", "a.jpg", "--embeddings", "e.npy", "--out", "r.csv")
    one_line(command(*words), 2, "e.npy exists already", "give another --embeddings")
    assert Path("e.npy").read_bytes() == b"mine"


def test_names(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = Path("r.npy")
    for out, message in (
        (Path("e.csv"), "must end in .npy or .parquet"),
        (Path("s3://bucket/e.npy"), "give a local file"),
        (results, "another file than --out"),
        (Path("no/such") / ("x" * 300 + ".npy"), "too long"),
    ):
        with pytest.raises(UsageError, match=message):
            check_embeddings(out, results, "float32")
    with pytest.raises(UsageError, match="choose float32 or float16"):
        check_embeddings(Path("e.npy"), results, "int8")


def test_always_readable_and_never_shorter_than_the_results(here: Path) -> None:
    """After every step, the file is a valid array with at least the rows of the results."""

    def row(n: int) -> Row:
        return Row(f"{n}.jpg", features=np.full(3, n, np.float32) if n % 3 else None)

    file = Embeddings(Path("e.npy"), Path("r.csv"), 3)
    sink = EmbeddingSink(open_sink(Path("r.csv"), Columns()), file)
    with sink:
        for n in range(0, 12, 3):
            sink.write([row(n), row(n + 1), row(n + 2)])
            found = np.load("e.npy", mmap_mode="r")
            assert len(found) == n + 3
            assert found[n + 2].tolist() == [n + 2] * 3
        Path("r.csv").unlink()
        with pytest.raises(ResultsError, match="deleted"):
            sink.write([row(12)])
        Path("r.csv").write_text("")
        with pytest.raises(ResultsError):
            sink.close()
    assert np.isnan(np.load("e.npy")[[0, 3, 6, 9]]).all()


def test_resume_without_results_keeps_the_embeddings_of_another_run(
    kit: Path, photos: Path
) -> None:
    assert afd(kit, *OPTIONS, "--embeddings", "e.npy").exit_code == 1
    before = Path("e.npy").read_bytes()
    result = afd(kit, *OPTIONS, "--embeddings", "e.npy", "--out", "new.csv", "--resume")
    assert result.exit_code == 2
    assert "no results at new.csv to resume" in " ".join(result.output.split())
    assert Path("e.npy").read_bytes() == before


def test_a_run_that_was_killed_before_its_first_row_begins_anew(kit: Path, photos: Path) -> None:
    """Also in formats that have nothing to show by then."""
    for words in (("--out", "r.jsonl"), ("--out", "parts.csv", "--rows-per-part", "100")):
        words = (*OPTIONS, *words, "--embeddings", "e.npy")
        assert afd(kit, *words, "--overwrite").exit_code == 1
        whole = np.load("e.npy")
        for path in Path().glob("parts.csv/part-*"):
            path.unlink()
        Path("r.jsonl").write_bytes(b"")
        result = afd(kit, *words, "--resume")
        assert result.exit_code == 1, result.output
        np.testing.assert_allclose(np.load("e.npy"), whole, rtol=1e-5, atol=1e-6)


def test_a_refused_resume_leaves_the_metadata_as_they_were(kit: Path, photos: Path) -> None:
    assert afd(kit, *OPTIONS, "--embeddings", "e.npy").exit_code == 1
    before = Path("results.csv.meta.json").read_bytes()
    Path("e.npy").write_bytes(b"damaged")
    assert afd(kit, *OPTIONS, "--embeddings", "e.npy", "--resume").exit_code == 2
    assert Path("results.csv.meta.json").read_bytes() == before
