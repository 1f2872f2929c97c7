"""From what people write for a class to its index.

Three ways to name a class are understood: its name as the classifier gives it, its index in the
classifier's output, and, for ImageNet classifiers, its WordNet synset such as ``n01440764``.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


class ClassFinder:
    """From what people write to a class index.

    Args:
        names: the classifier's class names, one per output.
        synsets: the classifier's WordNet synsets in the same order, () where it has none.
        aliases: more names per class (WordNet's other words), () where there are none.
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
        # Looked up one after the other; a name that two classes share is in none of them.
        self._tables: tuple[Mapping[str, int], ...] = (
            _unambiguous((name, i) for i, name in indexed),
            {synset: i for i, synset in enumerate(synsets)},
            _unambiguous((fold(name), i) for i, name in indexed),
            _unambiguous((fold(name), i) for i, name in [*indexed, *others]),
        )

    def find(self, text: str, *, index_first: bool = False) -> int | None:
        """The class that *text* names, else None.

        A number is a class index, unless a class bears it as its name and not *index_first*.
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
        """For a classifier with these class names; one of ImageNet's sizes gets its synsets."""
        from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset

        subset = infer_imagenet_subset({"num_classes": len(names)})
        if subset is None:
            return cls(names)
        info: Any = ImageNetInfo(subset)
        synsets = info.label_names()
        words = [info.label_name_to_description(synset).split(", ") for synset in synsets]
        # A classifier of that many classes need not be ImageNet's: its names must say so.
        known = sum(
            name == synset
            or not {fold(word) for word in those}.isdisjoint(map(fold, name.split(", ")))
            for name, synset, those in zip(names, synsets, words, strict=True)
        )
        return cls(names, synsets, words) if 2 * known > len(names) else cls(names)


def fold(text: str) -> str:
    """*text* without case, spaces, underscores and hyphens, in one Unicode form."""
    return re.sub(r"[\s_\-]+", "", unicodedata.normalize("NFKC", text).casefold())


def _unambiguous(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    classes: dict[str, set[int]] = defaultdict(set)
    for name, index in pairs:
        classes[name].add(index)
    return {name: next(iter(found)) for name, found in classes.items() if len(found) == 1}
