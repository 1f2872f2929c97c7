"""Look at results in FiftyOne (pip install fiftyone): python examples/fiftyone_view.py RESULTS DIR.

RESULTS are of ``afd classify DIR``; ``embeddings.npy`` beside them is used if it is there. Checked
with FiftyOne 1.22 up to its samples: where this was written, its database (MongoDB) cannot start.
"""

import sys
from pathlib import Path

import fiftyone as fo
import numpy as np

from afdcli import read_results

rows, embeddings = read_results(sys.argv[1]), Path(sys.argv[1]).with_name("embeddings.npy")
vectors = np.load(embeddings, mmap_mode="r") if embeddings.exists() else [None] * len(rows)
dataset = fo.Dataset()
for row, vector in zip(rows.itertuples(), vectors, strict=True):
    sample = fo.Sample(filepath=str(Path(sys.argv[2], row.path).absolute()), tags=[row.status])
    if row.status != "failed":
        sample["prediction"] = fo.Classification(label=row.label, confidence=row.prob)
        sample["embedding"] = vector
    dataset.add_sample(sample)
print(dataset)
fo.launch_app(dataset).wait()
