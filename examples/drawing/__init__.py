"""Photo-like pictures of everyday things, drawn with numpy and Pillow alone."""
