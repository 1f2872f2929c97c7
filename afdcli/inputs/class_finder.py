"""Find the class index that a label means.

A label may be the class name as the classifier gives it, the index of the class in the classifier's
output or, for ImageNet classifiers, its WordNet synset such as ``n01440764``.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


class ClassFinder:
    """Maps labels to class indices.

    Args:
        names: the classifier's class names, one per output.
        synsets: the classifier's WordNet synsets in the same order, () if it has none.
        aliases: further names per class (WordNet synonyms), () if there are none.
    """

    def __init__(
        self,
        names: Sequence[str],
        synsets: Sequence[str] = (),
        aliases: Sequence[Iterable[str]] = (),
    ) -> None:
        self.count = len(names)
        indexed = list(enumerate(names))
        others = [(i, alias) for i, words in enumerate(aliases) for alias in words]
        # Searched in this order. A name that two classes share is in none of the tables.
        self._tables: tuple[Mapping[str, int], ...] = (
            _unambiguous((name, i) for i, name in indexed),
            {synset: i for i, synset in enumerate(synsets)},
            _unambiguous((fold(name), i) for i, name in indexed),
            _unambiguous((fold(name), i) for i, name in [*indexed, *others]),
        )

    def find(self, text: str, *, index_first: bool = False) -> int | None:
        """Index of the class that *text* names, or None.

        A number is a class index, unless a class has that number as its name and *index_first* is
        False.
        """
        text = text.strip()
        number = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else self.count
        index = number if number < self.count else None
        if index_first and index is not None:
            return index
        for table, key in zip(self._tables, (text, text, fold(text), fold(text)), strict=True):
            if key in table:
                return table[key]
        return index

    @classmethod
    def of(cls, names: Sequence[str]) -> ClassFinder:
        """A finder for a classifier's class names, with synsets if they are ImageNet's."""
        from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset

        subset = infer_imagenet_subset({"num_classes": len(names)})
        if subset is None:
            return cls(names)
        info: Any = ImageNetInfo(subset)
        synsets = info.label_names()
        words = [info.label_name_to_description(synset).split(", ") for synset in synsets]
        # The number of classes alone does not make it ImageNet: half of the names must match.
        known = sum(
            name == synset
            or not {fold(word) for word in those}.isdisjoint(map(fold, name.split(", ")))
            for name, synset, those in zip(names, synsets, words, strict=True)
        )
        return cls(names, synsets, words) if 2 * known > len(names) else cls(names)


def fold(text: str) -> str:
    """*text* case-folded, in Unicode form NFKC, without spaces, underscores and hyphens."""
    return re.sub(r"[\s_\-]+", "", unicodedata.normalize("NFKC", text).casefold())


def _unambiguous(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    classes: dict[str, set[int]] = defaultdict(set)
    for name, index in pairs:
        classes[name].add(index)
    return {name: next(iter(found)) for name, found in classes.items() if len(found) == 1}
