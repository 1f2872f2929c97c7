"""`afd report`, and its numbers as a table."""

from __future__ import annotations

import io

import pandas as pd
from typer.testing import Result

from kit import command


def report(*words: str, width: int = 80) -> Result:
    return command.afd("report", *words, columns=width)


def tidy(result: Result) -> pd.DataFrame:
    assert result.exit_code == 0, result.output
    return pd.read_csv(io.StringIO(result.stdout), keep_default_na=False, na_values={"low": [""]})


def table_of(*words: str) -> pd.DataFrame:
    return tidy(report(*words, "-f", "csv"))


def number(table: pd.DataFrame, metric: str, group: str = "all", value: str = "") -> float:
    cell = table[
        (table["metric"] == metric) & (table["group"] == group) & (table["value"] == value)
    ]
    assert len(cell) == 1, f"{metric} {group} {value}: {len(cell)} rows"
    return float(cell["estimate"].iloc[0])
