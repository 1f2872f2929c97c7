"""Rows, results files and their metadata."""
