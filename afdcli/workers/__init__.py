"""Processes that read files, and survive what files do to them."""
