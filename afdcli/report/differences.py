"""What the metadata of several results say differently: shards should be made alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from afdcli.storage.text import clean

Metadata = Mapping[str, object]

#: Options that change no answer, or whose effect the metadata tell elsewhere.
_HARMLESS = {
    *("out", "rows_per_part", "overwrite", "resume", "shard", "engine", "actors", "actor_gpus"),
    *(
        "batch_size",
        "workers",
        "timeout",
        "memory",
        "strict",
        "suffixes",
        "labels",
        "topk",
        "compare",
    ),
    *("afd", "backbone", "device", "precision", "runtime"),
}
_NAMES = {"name": "backbone", "sha256": "module", "afd": "afd version"}
_LONGEST = 40  # characters of a value
_UNKNOWN = object()


def differences(made: Sequence[tuple[str, Metadata]], module: bool = True) -> str:
    """What of how results were made differs: ``precision (a: bfloat16; b: float32), …``, or "".

    Args:
        made: name and metadata of each; a fact counts only where all of them tell it.
        module: False if some were meant to be made without AFD.
    """
    facts = [dict(_facts(metadata)) for _, metadata in made if metadata]
    names = [name for name, metadata in made if metadata]
    found: dict[str, str] = {}
    for key in dict.fromkeys(key for known in facts for key in known):
        values = [known.get(key, _UNKNOWN) for known in facts]
        if key.startswith("afd.") and not module:
            continue
        if key.startswith("backbone.") and "backbone.name" in found:
            continue  # another classifier: that its input is another one follows
        if _UNKNOWN not in values and any(value != values[0] for value in values):
            found[key] = f"{_name(key)} ({_said(names, values)})"
    return ", ".join(found.values())


def shards(metadata: Metadata) -> str:
    """The number of shards of the collection that a run is one of; "" if it is of all files."""
    _, _, of = str(_part(metadata, "options").get("shard", "")).partition("/")
    return of if of not in ("", "1") else ""


def _facts(metadata: Metadata) -> Iterator[tuple[str, object]]:
    """Everything that an answer depends on, by dotted name."""
    for name in ("precision", "runtime", "device"):
        if name in metadata:
            yield name, metadata[name]
    for name, value in _part(metadata, "backbone").items():
        yield f"backbone.{name}", value
    if "afd" in metadata:
        module = _part(metadata, "afd")
        yield "afd.sha256", str(module.get("sha256") or "on")[:12] if module else "off"
    for name, value in _part(metadata, "options").items():
        if name not in _HARMLESS:
            yield f"options.{name}", value
    for name, value in _part(metadata, "versions").items():
        yield f"versions.{name}", value


def _part(metadata: Metadata, name: str) -> Mapping[str, object]:
    """A part of metadata, which anybody may have edited."""
    part = metadata.get(name)
    return part if isinstance(part, dict) else {}


def _name(key: str) -> str:
    last = key.rpartition(".")[2]
    return clean(_NAMES.get(last, last).replace("_", " "))


def _said(names: Sequence[str], values: Sequence[object]) -> str:
    """Each value once, with who has it: ``a: float32; b, c: bfloat16``."""
    by_value: dict[str, list[str]] = {}
    for name, value in zip(names, values, strict=True):
        by_value.setdefault(clean(str(value))[:_LONGEST], []).append(clean(name))
    return "; ".join(f"{_few(who)}: {value}" for value, who in by_value.items())


def _few(names: Sequence[str]) -> str:
    rest = len(names) - 3
    return ", ".join(names[:3]) + (f" and {rest:,} more" if rest > 0 else "")
