"""Compressed copies of pictures, for experiments."""
