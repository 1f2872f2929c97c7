"""What a classify run needs to know about its classifier, module and runtime; plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from afdcli.inference.cascade import Networks
from afdcli.models.facts import ClassifierFacts, ModuleFacts
from afdcli.view.spec import ViewSpec


@dataclass(frozen=True)
class Start:
    """What a start finds out, for the rows, the metadata and the screen.

    Attributes:
        backbone: the classifier.
        module: its AFD module; None to classify without AFD.
        note: sentences for the user about module and runtime, or "".
        spec: the view that workers build: what the classifier and the module need as input.
        device: where the network runs, such as "cpu".
        precision: what it computes in, such as "bfloat16, close calls in float32".
        runtime: "torch" or "openvino".
        threads: processors that the network uses.
        features: number of pooled features, with ``--embeddings``; None without.
    """

    backbone: ClassifierFacts
    module: ModuleFacts | None
    note: str
    spec: ViewSpec
    device: str
    precision: str
    runtime: str
    threads: int
    features: int | None

    def to_json(self) -> dict[str, Any]:
        """All of it as data for JSON."""
        facts = asdict(self)
        if self.module is not None:
            facts["module"]["path"] = str(self.module.path)
        return facts

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Start:
        """Undo `to_json`."""
        backbone, module = facts["backbone"], facts["module"]
        names, spec = tuple(backbone["class_names"]), _spec(backbone["spec"])
        values = facts | {
            "backbone": ClassifierFacts(**backbone | {"class_names": names, "spec": spec}),
            "module": None if module is None else _module(module),
            "spec": _spec(facts["spec"]),
        }
        return cls(**values)


def _spec(facts: dict[str, Any]) -> ViewSpec:
    return ViewSpec(**facts | {"fill": tuple(facts["fill"])})


def _module(facts: dict[str, Any]) -> ModuleFacts:
    names = {name: tuple(facts[name]) for name in ("stages", "norm_layers")}
    return ModuleFacts(**facts | names | {"path": Path(facts["path"])})


class Loaded(NamedTuple):
    """A start, and its networks.

    Attributes:
        batch_size: pictures per pass; None if it was not chosen.
        files: all files that decide what the networks compute, but for code; None if these are not
            known.
    """

    start: Start
    networks: Networks
    batch_size: int | None = None
    files: tuple[Path, ...] | None = None
