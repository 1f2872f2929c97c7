"""afd: classify badly compressed photos with a frozen classifier (arXiv 2401.01724).

In Python::

    from afdcli import Classifier, read_results

    rows = Classifier("resnet50", topk=5)(["a.jpg", "b.jpg"])
    table = read_results("results.csv")

In a loop of your own `plug` gives a `torch.nn.Module`, and `ViewDataset` or `read_view` what it
takes. Importing afdcli is quick: torch is imported when one of these is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from afdcli.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from afdcli.classify.api import Classifier as Classifier
    from afdcli.classify.pictures import Picture as Picture
    from afdcli.classify.views import ViewDataset as ViewDataset
    from afdcli.classify.views import read_view as read_view
    from afdcli.models.plug import PluggedModel as PluggedModel
    from afdcli.models.plug import ViewTensors as ViewTensors
    from afdcli.models.plug import plug as plug

__all__ = [
    "Classifier",
    "Picture",
    "PluggedModel",
    "ViewDataset",
    "ViewTensors",
    "__version__",
    "plug",
    "read_results",
    "read_view",
]
#: Where names are that need torch or numpy.
_LAZY = {
    "Classifier": "afdcli.classify.api",
    "Picture": "afdcli.classify.pictures",
    "PluggedModel": "afdcli.models.plug",
    "ViewDataset": "afdcli.classify.views",
    "ViewTensors": "afdcli.models.plug",
    "plug": "afdcli.models.plug",
    "read_view": "afdcli.classify.views",
}


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


if not TYPE_CHECKING:  # type checkers would take any name for one of afdcli

    def __getattr__(name: str) -> Any:
        """Load what needs torch when it is asked for."""
        if name in _LAZY:
            return getattr(import_module(_LAZY[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
