"""afd from Python, as in a notebook: classify a few files, then look at results of a long run.

python examples/in_python.py PHOTO ... [results.csv]
"""

from __future__ import annotations

import sys

from afdcli import Classifier, read_results


def main() -> None:
    """Classify the pictures among the arguments; describe the results files among them."""
    tables = [name for name in sys.argv[1:] if name.endswith((".csv", ".jsonl", ".parquet"))]
    photos = [name for name in sys.argv[1:] if name not in tables]
    if photos:
        classify = Classifier(compare=True, topk=3)  # backbone="resnet50" for another one
        frame = classify.frame(photos)
        print(frame[["path", "label", "prob", "direct_label", "direct_prob", "drift"]])
    for name in tables:
        rows = read_results(name)
        print(rows.groupby("status").size())
        print(rows.groupby("label")["prob"].agg(["size", "mean"]).nlargest(5, "size"))


if __name__ == "__main__":
    main()
