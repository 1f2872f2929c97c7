"""Read a file: pixels, block coefficients and quantisation tables, or one named error."""
