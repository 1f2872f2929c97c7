"""``--shard I/N``: shards do not overlap, and together cover all files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.classify import afd, table

from afdcli.errors import UsageError
from afdcli.inputs.found import Found
from afdcli.inputs.inputs import Shard


def test_parts_together_are_the_whole_run(kit: Path, photos: Path) -> None:
    afd(kit, photos, "--out", "whole.csv")
    parts = []
    for index in (1, 2, 3):
        result = afd(kit, photos, "--shard", f"{index}/3", "--out", f"{index}.csv")
        assert result.exit_code in (0, 1), result.output
        parts.append(table(Path(f"{index}.csv")))
    together = pd.concat(parts).sort_values("path").reset_index(drop=True)
    whole = table(Path("whole.csv")).sort_values("path").reset_index(drop=True)
    pd.testing.assert_frame_equal(together, whole, check_dtype=False)
    assert all(len(part) < len(whole) for part in parts)


@given(st.text(min_size=1), st.integers(1, 50))
def test_every_name_is_in_exactly_one_part(name: str, count: int) -> None:
    found = Found(Path("x"), name)
    assert sum(Shard(i, count).holds(found) for i in range(1, count + 1)) == 1


def test_parts_do_not_change() -> None:
    """A job that is restarted years later classifies the same files."""
    names = [f"folder/{n}.jpg" for n in range(8)]
    parts = [next(i for i in (1, 2, 3) if Shard(i, 3).holds(Found(Path(n), n))) for n in names]
    assert parts == [2, 3, 3, 3, 1, 2, 2, 1]


@pytest.mark.parametrize("text", ["", "1", "0/3", "4/3", "a/b", "1/0", "-1/2", "1/3/5"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="write I/N"):
        Shard.parse(text)


def test_resume_refuses_another_part(kit: Path, photos: Path) -> None:
    afd(kit, photos, "--shard", "1/2")
    result = afd(kit, photos, "--shard", "2/2", "--resume")
    assert result.exit_code == 2
    assert "--shard" in result.stderr
