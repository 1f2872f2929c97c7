"""Differences in the settings with which results were made, from their metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from afdcli.results.metadata import metadata_part
from afdcli.storage.text import clean

Metadata = Mapping[str, object]

#: Options that do not change predictions, or whose effect is recorded elsewhere.
_HARMLESS = {
    *("out", "rows_per_part", "overwrite", "resume", "shard", "engine", "actors", "actor_gpus"),
    *("batch_size", "workers", "timeout", "memory", "strict", "suffixes"),
    *("inputs", "labels", "topk", "compare", "exif", "min_prob"),
    *("embeddings", "embeddings_dtype", "export_failed"),
    *("afd", "backbone", "device", "precision", "runtime"),
}
_NAMES = {"name": "backbone", "sha256": "module", "afd": "afd version"}
_MAX_LENGTH = 40  # characters of a value
_MISSING = object()


def differences(made: Sequence[tuple[str, Metadata]], module: bool = True) -> str:
    """Describe settings that differ: ``precision (a: bfloat16; b: float32), …``; "" if none do.

    Args:
        made: name and metadata of each run. Only settings that all metadata contain are compared.
        module: False to ignore the AFD module, because some runs are without AFD on purpose.
    """
    settings = [dict(_settings(metadata)) for _, metadata in made if metadata]
    names = [name for name, metadata in made if metadata]
    found: dict[str, str] = {}
    for key in dict.fromkeys(key for known in settings for key in known):
        values = [known.get(key, _MISSING) for known in settings]
        if key.startswith("afd.") and not module:
            continue
        if key.startswith("backbone.") and "backbone.name" in found:
            continue  # another classifier implies other input settings
        if _MISSING not in values and any(value != values[0] for value in values):
            found[key] = f"{_name(key)} ({_values(names, values)})"
    return ", ".join(found.values())


def shard_count(metadata: Metadata) -> str:
    """Number of shards, if the run classified one of them; "" if all files."""
    _, _, count = str(metadata_part(metadata, "options").get("shard", "")).partition("/")
    return "" if count == "1" else count


def _settings(metadata: Metadata) -> Iterator[tuple[str, object]]:
    """All settings that predictions depend on, by dotted name."""
    for name in ("precision", "runtime", "device"):
        if name in metadata:
            yield name, metadata[name]
    for name, value in metadata_part(metadata, "backbone").items():
        yield f"backbone.{name}", value
    if "afd" in metadata:
        module = metadata_part(metadata, "afd")
        yield "afd.sha256", str(module.get("sha256") or "on")[:12] if module else "off"
    for name, value in metadata_part(metadata, "options").items():
        if name not in _HARMLESS:
            yield f"options.{name}", value
    for name, value in metadata_part(metadata, "versions").items():
        yield f"versions.{name}", value


def _name(key: str) -> str:
    last = key.rpartition(".")[2]
    return clean(_NAMES.get(last, last).replace("_", " "))


def _values(names: Sequence[str], values: Sequence[object]) -> str:
    """Each value once, with the runs that have it: ``a: float32; b, c: bfloat16``."""
    by_value: dict[str, list[str]] = {}
    for name, value in zip(names, values, strict=True):
        by_value.setdefault(clean(str(value))[:_MAX_LENGTH], []).append(clean(name))
    return "; ".join(f"{_list(runs)}: {value}" for value, runs in by_value.items())


def _list(names: Sequence[str]) -> str:
    rest = len(names) - 3
    return ", ".join(names[:3]) + (f" and {rest:,} more" if rest > 0 else "")
