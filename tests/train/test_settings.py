"""What `afd train` can be told."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from afdcli.cli.main import app
from afdcli.errors import UsageError
from afdcli.train.settings import Settings


@pytest.mark.parametrize("side", [100, 7, 209])
def test_a_side_of_no_whole_cells_is_refused_not_ignored(tmp_path: Path, side: int) -> None:
    with pytest.raises(UsageError, match=f"--side {side}: must be a multiple of 8"):
        Settings(side=side)
    line = ["train", "--data", str(tmp_path), "--side", str(side)]
    result = CliRunner().invoke(app, line)
    assert result.exit_code == 2
    assert "must be a multiple of 8" in result.stderr
    assert Settings(side=0).side == 0
