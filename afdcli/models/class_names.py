"""What the outputs of a classifier are called, and where that is known from."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from afdcli.errors import BackboneError

#: Where mappings are looked for in a larger one: config.json of transformers and of timm, and
#: checkpoints. The first that is there counts.
KEYS = ("class_names", "id2label", "label2id", "label_names", "classes", "names")
_CODE = re.compile(r"n[0-9]{8}|[0-9]+")  # a WordNet synset or a number: nothing to show to people
_DATASET = re.compile(r"(?:^|_)in(?:1k|12k|21k|22k)(?:_[0-9]+)?$")  # in timm's pretrained tags
NUMBERS = "numbers"


@dataclass(frozen=True)
class ClassNames:
    """The names of a classifier's outputs.

    Attributes:
        names: one per output.
        source: where they are from, for the metadata of a run; `NUMBERS` where none are known.
        note: a sentence for the user where they are assumed, else "".
    """

    names: tuple[str, ...]
    source: str
    note: str = ""


def find_class_names(
    count: int,
    config: Mapping[str, Any],
    *,
    file: Path | None = None,
    stored: tuple[str, ...] | None = None,
    own_weights: bool = False,
) -> ClassNames:
    """The names of *count* outputs, from the best source that there is; no two are equal.

    ImageNet has two classes called "crane": they become "crane (class 134)", the bird, and "crane
    (class 517)", the machine.

    Args:
        config: timm's ``pretrained_cfg`` of the classifier.
        file: ``--class-names``.
        stored: names that lie in the checkpoint.
        own_weights: the weights are those that *config* describes, not a checkpoint or what an
            imported model sets itself.

    Raises:
        BackboneError: *file* cannot be read, or it or the checkpoint has another number of names.
    """
    found = _found(count, config, file, stored, own_weights)
    return replace(found, names=_distinct(found.names))


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """*names*, of which those that several classes share also say which class it is."""
    times = Counter(names)
    return tuple(
        f"{name} (class {index})" if times[name] > 1 else name for index, name in enumerate(names)
    )


def _found(
    count: int,
    config: Mapping[str, Any],
    file: Path | None,
    stored: tuple[str, ...] | None,
    own_weights: bool,
) -> ClassNames:
    if file is not None:
        names = read_class_names(file)
        if len(names) != count:
            raise BackboneError(
                f"--class-names {file} has {len(names):,} names, the backbone {count:,} classes"
            )
        return ClassNames(names, f"--class-names {file.name}")
    if stored is not None:
        if len(stored) != count:
            raise BackboneError(
                f"the checkpoint names {len(stored):,} classes, but the backbone has {count:,}; "
                "give the right names with --class-names FILE"
            )
        return ClassNames(stored, "checkpoint")
    return _configured(count, config, own_weights) or _imagenet(count, config, own_weights)


def _configured(count: int, config: Mapping[str, Any], own_weights: bool) -> ClassNames | None:
    """The ``label_names`` of *config*; None where it has none, or those of another classifier."""
    labels = config.get("label_names")
    if not labels:
        return None
    try:
        names = names_of({"label_names": labels, **_descriptions(config)})
    except ValueError:
        return None
    if len(names) != count:
        return None
    source = "label_names of the model's configuration"
    if own_weights:
        return ClassNames(names, source)
    note = f"assuming the class names in the {source}; else --class-names FILE"
    return ClassNames(names, f"assumed: {source}", note)


def _imagenet(count: int, config: Mapping[str, Any], own_weights: bool) -> ClassNames:
    """ImageNet's names where timm's tag says so, or the number of outputs suggests it."""
    # Not above: it loads torch, and the file is needed where nothing else does.
    from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset

    subset = infer_imagenet_subset({"num_classes": count})
    tag = str(config.get("tag") or "")
    if subset is None or not (_DATASET.search(tag) or not tag):
        return ClassNames(tuple(map(str, range(count))), NUMBERS)
    info: Any = ImageNetInfo(subset)
    names = tuple(info.index_to_description(i).split(",")[0] for i in range(count))
    if own_weights and tag:
        return ClassNames(names, f"{subset}, by the tag {tag}")
    known = {"imagenet-1k": "ImageNet-1k"}.get(subset, subset)
    note = (
        f"assuming {known} class names ({count:,} outputs, no names of its own); "
        "else --class-names FILE"
    )
    return ClassNames(names, f"assumed: {subset}, from its {count:,} outputs", note)


def read_class_names(file: Path) -> tuple[str, ...]:
    """One name per line; or JSON, see `names_of`. Raises BackboneError if it cannot be read."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        if file.suffix.lower() == ".json" or text.lstrip()[:1] == "{":
            return names_of(parsed(text))
    except OSError as error:
        raise BackboneError(
            f"--class-names {file} cannot be read: {error.strerror or error}"
        ) from error
    except RecursionError:
        raise BackboneError(f"--class-names {file} cannot be read: nested too deep") from None
    except ValueError as error:
        raise BackboneError(f"--class-names {file} cannot be read: {error}") from error
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def parsed(text: str) -> Any:
    """Parse JSON; a duplicate key raises ValueError, instead of silently keeping the last one."""
    return json.loads(text, object_pairs_hook=_once)


def names_of(value: object) -> tuple[str, ...]:
    """Class names from JSON, in the order of the classifier's outputs.

    A list of names, or of lists that end in one; ``{"0": "name"}``; ``{"0": ["synset", "name"]}``;
    ``{"name": 0}``; or an object that holds one of these under one of `KEYS`, such as the
    config.json of a model of transformers or timm.

    Raises:
        ValueError: unknown structure, a missing or duplicate index, or a name that is not text.
    """
    if isinstance(value, Mapping):
        for key in KEYS:
            inner = value.get(key)
            if inner and isinstance(inner, list | tuple | Mapping):
                return _described(names_of(inner), value)
        return _in_order(_pairs(value))
    if isinstance(value, list | tuple):
        if not value:
            raise ValueError("it names no class")
        return tuple(_name(entry) for entry in value)
    raise ValueError("it is neither a list of names nor a mapping between indices and names")


def _pairs(mapping: Mapping[str, Any]) -> Iterable[tuple[int, str]]:
    """(index, name) of ``{"name": 0}``, or of ``{"0": "name"}``."""
    if not mapping:
        raise ValueError("it names no class")
    values = mapping.values()
    if all(map(_is_index, mapping)) and not all(isinstance(value, int) for value in values):
        return [(int(key), _name(value)) for key, value in mapping.items()]
    if all(map(_is_index, values)):
        return [(int(value), str(name)) for name, value in mapping.items()]
    raise ValueError(
        'it is no mapping between indices and names, such as {"0": "cat"} or {"cat": 0}'
    )


def _is_index(value: object) -> bool:
    if isinstance(value, str):
        return re.fullmatch(r"[0-9]{1,9}", value) is not None
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _in_order(pairs: Iterable[tuple[int, str]]) -> tuple[str, ...]:
    names: dict[int, str] = {}
    for index, name in pairs:
        if index in names:
            raise ValueError(f"two names have the index {index}: {names[index]!r} and {name!r}")
        names[index] = name
    if missing := [i for i in range(len(names)) if i not in names]:
        raise ValueError(
            f"it has {len(names):,} names with indices from {min(names)} to {max(names)}, "
            f"but none with index {missing[0]}"
        )
    return tuple(names[i] for i in range(len(names)))


def _name(value: object) -> str:
    if isinstance(value, list | tuple) and value:  # ["n01440764", "tench"]
        value = value[-1]
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        raise ValueError(f"a name is {str(value)[:40]!r}, not text")
    return str(value)


def _descriptions(config: Mapping[str, Any]) -> dict[str, Any]:
    found = config.get("label_descriptions")
    return {"label_descriptions": found} if isinstance(found, Mapping) else {}


def _described(names: tuple[str, ...], config: Mapping[str, Any]) -> tuple[str, ...]:
    """Descriptions instead of *names* that are synsets or numbers, as in timm's config.json."""
    table = _descriptions(config).get("label_descriptions", {})
    if not all(_CODE.fullmatch(name) and isinstance(table.get(name), str) for name in names):
        return names
    return tuple(table[name].split(",")[0] or name for name in names)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key[:40]!r} stands in it twice")
        found[key] = value
    return found
