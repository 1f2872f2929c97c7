"""Metadata of a run, in a file next to its results: ``results.csv.meta.json``."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from afdcli.errors import ResultsError
from afdcli.storage.paths import Place, is_file, read_text, replace_text
from afdcli.version import __version__

if TYPE_CHECKING:
    from afdcli.models.facts import ClassifierFacts, ModuleFacts

PACKAGES = (
    *("torch", "timm", "numpy", "jpeglib", "cykooz-resizer"),
    *("pillow", "pillow-avif-plugin", "pillow-heif", "pillow-jxl-plugin"),
)


def metadata_path(results: Place) -> Place:
    """Path of the metadata file of *results*."""
    return results.with_name(results.name + ".meta.json")


def metadata_part(metadata: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Section *name* of *metadata*; empty if it is missing or, as users may edit it, no mapping."""
    part = metadata.get(name)
    return part if isinstance(part, dict) else {}


def read_metadata(path: Place) -> Mapping[str, object]:
    """The metadata of the results at *path*, empty if there are none. Raises ResultsError."""
    beside = metadata_path(path)
    if not is_file(beside):
        return {}
    try:
        metadata = json.loads(read_text(beside))
    except (OSError, ValueError) as error:
        raise ResultsError(f"{beside}: not readable as JSON ({error}); fix or delete it") from error
    if not isinstance(metadata, dict):
        raise ResultsError(f"{beside}: not a JSON object; fix or delete it")
    return metadata


def versions() -> dict[str, str]:
    """Versions of afd, Python and the packages that affect results; "not installed" without one."""
    found = {"afd": __version__, "python": platform.python_version()}
    return found | {package: _version(package) for package in PACKAGES}


def backbone_facts(backbone: ClassifierFacts) -> dict[str, Any]:
    """Metadata of the classifier; sizes in pixels, ``crop_pct`` a fraction from 0 to 1."""
    spec = backbone.spec
    return {
        "name": backbone.name,
        "origin": backbone.origin,
        "classes": len(backbone.class_names),
        "class_names": backbone.names_from,
        "height": spec.height,
        "width": spec.width,
        "interpolation": spec.interpolation,
        "crop_pct": spec.crop_pct,
        "crop_mode": spec.crop_mode,
    }


def module_facts(module: ModuleFacts | None) -> dict[str, Any] | None:
    """Metadata of the AFD module; None without a module."""
    return None if module is None else {**asdict(module), "path": str(module.path)}


@dataclass(frozen=True)
class RunMetadata:
    """The metadata file of one run; written when it starts and again when it ends.

    Attributes:
        path: the JSON file.
        facts: metadata known at the start: command, options, classifier, module and device.
        started: start time, UTC.
    """

    path: Place
    facts: dict[str, Any]
    started: datetime

    @classmethod
    def start(cls, results: Place, facts: dict[str, Any]) -> RunMetadata:
        """Write the metadata of a run that begins, with status "running"."""
        run = cls(metadata_path(results), facts, _now())
        run.write("running", None)
        return run

    def write(self, status: str, counts: dict[str, Any] | None) -> None:
        """Replace the file atomically. Raises ResultsError if it cannot be written.

        Args:
            status: "running", "finished", "interrupted" or "failed".
            counts: `Summary.counts`; None at the start.
        """
        ended = None if status == "running" else _now().isoformat(timespec="seconds")
        content = {
            "status": status,
            "started": self.started.isoformat(timespec="seconds"),
            "ended": ended,
            "counts": counts,
            **self.facts,
            "versions": versions(),
        }
        replace_text(self.path, json.dumps(content, indent=2, ensure_ascii=True) + "\n")


def _now() -> datetime:
    return datetime.now(timezone.utc)


@cache  # searching all installed packages takes hundredths of a second
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
