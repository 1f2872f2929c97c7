"""How benchmarks name a classifier with its weights and its module."""

from __future__ import annotations


def parts(item: str) -> tuple[str, str, str]:
    """Name, checkpoint and module of ``NAME[=CHECKPOINT][@MODULE]``; "" for what is not given."""
    classifier, _, module = item.partition("@")
    name, _, checkpoint = classifier.partition("=")
    return name, checkpoint, module
