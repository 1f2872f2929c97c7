"""Classifiers: timm loading, plug points, and the weights that ship with afd."""
