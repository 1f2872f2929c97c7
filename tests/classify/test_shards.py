"""``--shard I/N``: shards do not overlap, and together cover all files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.classify import afd

from afdcli.errors import UsageError
from afdcli.inputs.found import Found
from afdcli.inputs.inputs import Shard


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
