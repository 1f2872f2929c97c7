"""Sizes and definitions that several rooms share, each stated once."""

from __future__ import annotations

#: Side of a cell of the coefficient grid, in pixels of the view: one JPEG block where nothing is
#: resized.
CELL = 8
#: Y, Cb and Cr.
COMPONENTS = 3
#: Coefficients of an 8x8 block.
FREQUENCIES = 64
#: Channels of `View.grid`: signed mean, then root mean square, of every coefficient.
GRID_CHANNELS = 2 * COMPONENTS * FREQUENCIES
#: What `View.file_context` holds behind the natural logarithms of the quantisation steps.
CONTEXT_EXTRAS = ("exact", "log_scale_y", "log_scale_x", "log_chroma_y", "log_chroma_x")
#: Length of `View.file_context`.
CONTEXT_CHANNELS = COMPONENTS * FREQUENCIES + len(CONTEXT_EXTRAS)
#: log1p(1024): of the largest DC coefficient of an 8-bit JPEG block, 8 x 128.
LOG1P_DC = 6.93

#: The method's own words, which screens and pages explain where they first appear.
WORDS = {
    "stem": "the classifier's first layers, down to half or a quarter of the resolution",
    "drift": "angle by which AFD turns the classifier's features, in degrees",
    "FDM": "feature drifting map: where and how strongly AFD corrects, from 0 (not at all) to 1",
}

#: Status of a file: read and classified; the same, but its decoder had to guess part of it; or not.
OK, DAMAGED, FAILED = "ok", "damaged", "failed"
