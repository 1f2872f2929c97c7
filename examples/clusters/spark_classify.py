"""Classify files with Spark: bytes in, rows out, one classifier per Python worker.

pip install pyspark
spark-submit examples/clusters/spark_classify.py PHOTOS OUT.parquet
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pandas as pd
from pyspark.sql import SparkSession

from afdcli import Classifier

CLASSIFIER = Classifier()  # pickles as its options; each worker loads it once
SCHEMA = (
    "path string, status string, error string, codec string, width long, height long,"
    " quality double, drift double, label string, `index` long, prob double, note string"
)


def classify(parts: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Tables with ``path`` and ``content`` to tables of results."""
    for part in parts:
        yield CLASSIFIER.frame([bytes(c) for c in part["content"]], part["path"].tolist())


def main() -> None:
    """Read the files' bytes, classify them, write Parquet."""
    spark = SparkSession.builder.appName("afd").getOrCreate()
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "64")
    reader = spark.read.format("binaryFile").option("recursiveFileLookup", "true")
    files = reader.option("pathGlobFilter", "*.{jpg,jpeg,png,webp,avif}").load(sys.argv[1])
    files.select("path", "content").mapInPandas(classify, SCHEMA).write.parquet(sys.argv[2])


if __name__ == "__main__":
    main()
