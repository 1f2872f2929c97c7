"""Processes that read files, so that a file which crashes its process cannot stop a run."""
