"""Classify one photo with an exported file, without afdcli: what a program of your own must do.

    afd fuse module.safetensors --format onnx --backbone NAME --out whole.onnx
    python examples/run_exported.py whole.onnx photo.jpg

Needs numpy, pillow, jpeglib and onnxruntime. The photo must be a JPEG with 4:2:0 or 4:4:4 chroma
that has the size of the classifier's view already, so that cells are blocks; other sizes need the
pooling that examples/guides/runtimes-and-precision.md describes under Export.
"""

from __future__ import annotations

import sys

import jpeglib
import numpy as np
import onnxruntime
from PIL import Image


def coefficients(path: str, cells: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The two inputs that come from the file: grid (384, rows, columns) and file_context (197,)."""
    file = jpeglib.read_dct(path)
    mean = np.zeros((3, 64, *cells), np.float32)
    steps = np.ones((3, 64), np.float32)
    for c, levels in enumerate((file.Y, file.Cb, file.Cr)):
        steps[c] = file.get_component_qt(c).reshape(64)
        blocks = levels.reshape(*levels.shape[:2], 64) * steps[c]
        rows, columns = (-(-want // have) for want, have in zip(cells, levels.shape, strict=False))
        spread = blocks.repeat(rows, 0).repeat(columns, 1)[: cells[0], : cells[1]]
        mean[c] = spread.transpose(2, 0, 1)
    factor = [np.log(a / b) for a, b in zip(file.Y.shape[:2], file.Cb.shape[:2], strict=True)]
    grid = np.concatenate((mean.reshape(192, *cells), np.abs(mean).reshape(192, *cells)))
    file_context = np.concatenate((np.log(steps).ravel(), [1.0, 0.0, 0.0], factor)).astype(
        np.float32
    )
    return grid, file_context


def main() -> None:
    """Print the five most probable classes and the drift."""
    session = onnxruntime.InferenceSession(sys.argv[1])
    height, width = session.get_inputs()[0].shape[1:3]
    image = Image.open(sys.argv[2]).convert("RGB")
    if image.size != (width, height):
        raise SystemExit(f"the photo is {image.width}x{image.height}, not {width}x{height}")
    grid, file_context = coefficients(sys.argv[2], (height // 8, width // 8))
    inputs = {
        "pixels": np.asarray(image)[None],
        "grid": grid[None],
        "file_context": file_context[None],
    }
    logits, *rest = session.run(None, inputs)
    odds = np.exp(logits[0] - logits[0].max())
    for index in np.argsort(-odds)[:5]:
        print(f"class {index}: {odds[index] / odds.sum():.4f}")
    if rest:
        print(f"drift {rest[-1][0]:.2f} degrees")


if __name__ == "__main__":
    main()
