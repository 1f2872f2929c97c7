"""What is known about a run, beside its results: ``results.csv.meta.json``."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from afdcli import __version__
from afdcli.storage.paths import Place, replace_text

if TYPE_CHECKING:
    from afdcli.models.afd_file import LoadedModule
    from afdcli.models.loader import Backbone

PACKAGES = ("torch", "timm", "numpy", "pillow", "pillow-avif-plugin", "jpeglib")


def metadata_path(results: Place) -> Place:
    """Where the metadata of *results* lie."""
    return results.with_name(results.name + ".meta.json")


def versions() -> dict[str, str]:
    """Versions of afd, Python and the packages that results depend on."""
    found = {"afd": __version__, "python": platform.python_version()}
    return found | {package: _version(package) for package in PACKAGES}


def backbone_facts(backbone: Backbone) -> dict[str, Any]:
    """The classifier, as metadata."""
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


def module_facts(loaded: LoadedModule | None) -> dict[str, Any] | None:
    """The AFD module, as metadata; None where there is none."""
    if loaded is None:
        return None
    return {
        "plug": loaded.plug,
        "where": loaded.where,
        "stages": loaded.module.config.stage_names,
        "places": loaded.module.config.norm_layer_names,
        "path": str(loaded.path),
        "sha256": loaded.sha256,
    }


@dataclass(frozen=True)
class RunMetadata:
    """The metadata file of one run; written when it starts and again when it ends.

    Attributes:
        path: of the JSON file.
        facts: what is known from the start.
        started: time of the start, UTC.
    """

    path: Place
    facts: dict[str, Any]
    started: datetime

    @classmethod
    def start(cls, results: Place, facts: dict[str, Any]) -> RunMetadata:
        """Begin: status "running"."""
        run = cls(metadata_path(results), facts, _now())
        run.write("running", None)
        return run

    def write(self, status: str, counts: dict[str, Any] | None) -> None:
        """Replace the file in one step. *status*: "running", "finished", "interrupted", "failed".

        Raises:
            ResultsError: it cannot be written.
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


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
