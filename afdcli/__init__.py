"""afd: classify badly compressed photos with a frozen classifier (arXiv 2401.01724).

In Python::

    from afdcli import Classifier, read_results

    rows = Classifier("resnet50", topk=5)(["a.jpg", "b.jpg"])
    table = read_results("results.csv")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from afdcli.classify.api import Classifier as Classifier

__version__ = "0.1.0"
__all__ = ["Classifier", "__version__", "read_results"]


def read_results(path: str | Path) -> pd.DataFrame:
    """Results of `afd classify` (.csv, .jsonl or .parquet) as a DataFrame, names as they were.

    Args:
        path: of a file, or of a folder of parts; or a URL of either.

    Raises:
        ResultsError: not there, not readable, or not a results file.
    """
    from afdcli.results import read as results
    from afdcli.storage.paths import place

    return results.read_results(place(str(path))).rows


def __getattr__(name: str) -> Any:
    """Load what needs torch when it is asked for."""
    if name == "Classifier":
        from afdcli.classify.api import Classifier

        return Classifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
