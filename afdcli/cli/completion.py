"""Shell completion. Fast: neither torch nor timm is imported."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

_MODEL = re.compile(r"@register_model\s+def (\w+)")
_TAGGED = re.compile(r"['\"](\w+)\.(\w+)['\"]\s*:")


def backbones(typed: str) -> list[str]:
    """The timm names that begin with *typed*, which may be ``NAME`` or ``NAME.TAG``.

    They are read from the text of timm's source files: importing timm takes seconds.
    """
    spec = find_spec("timm")
    folders = spec.submodule_search_locations if spec is not None else None
    texts = [
        file.read_text(encoding="utf-8")
        for folder in folders or ()
        for file in Path(folder, "models").glob("*.py")
    ]
    names = {name for text in texts for name in _MODEL.findall(text)}
    if "." in typed:
        tagged = {pair for text in texts for pair in _TAGGED.findall(text)}
        names = {f"{name}.{tag}" for name, tag in tagged if name in names}
    return sorted(name for name in names if name.startswith(typed))
