"""Classify files with Dask: bytes in, rows out, one classifier per worker process.

pip install 'dask[dataframe,distributed]'
python examples/clusters/dask_classify.py PHOTOS OUT.parquet
"""

from __future__ import annotations

import sys
from pathlib import Path

import dask.dataframe as dd
import pandas as pd
from dask.distributed import Client

from afdcli import Classifier

PER_PART = 64
CLASSIFIER = Classifier()  # pickles as its options; each worker loads it once


def classify(part: pd.DataFrame) -> pd.DataFrame:
    """A table with a column ``file`` to a table of results."""
    return CLASSIFIER.frame(part["file"].tolist(), part["file"].tolist())


def main() -> None:
    """Find the files, classify them, write Parquet."""
    files = sorted(str(path) for path in Path(sys.argv[1]).rglob("*.jpg"))
    empty = CLASSIFIER.frame([])
    with Client(n_workers=2, threads_per_worker=1):
        table = dd.from_pandas(pd.DataFrame({"file": files}), chunksize=PER_PART)
        table.map_partitions(classify, meta=empty).to_parquet(sys.argv[2])


if __name__ == "__main__":
    main()
