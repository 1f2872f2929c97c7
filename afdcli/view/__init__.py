"""The classifier's input: resized and cropped pixels, and the block grid aligned with them."""
