"""Rows, the files that hold them, and what is known about a run."""
