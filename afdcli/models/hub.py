"""Pre-trained weights from timm's hub, with an answer at once where there is no network."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

import huggingface_hub
import timm
from timm.models import get_pretrained_cfg
from torch import nn

from afdcli.errors import BackboneError

_PROBE_SECONDS = 4.0
_FILES = ("model.safetensors", "pytorch_model.bin")


def create_pretrained(name: str) -> nn.Module:
    """``timm.create_model(name, pretrained=True)``, or one sentence that says what to do.

    The hub's client retries for most of a minute before it gives up; a probe of its address
    settles the matter first, and cached weights are then used without asking.

    Raises:
        BackboneError: the weights are neither cached nor can be downloaded.
    """
    if not _reachable():
        if not is_cached(name):
            raise BackboneError(_ways_out(name))
        huggingface_hub.constants.HF_HUB_OFFLINE = True
    try:
        net: nn.Module = timm.create_model(name, pretrained=True)
    except (OSError, RuntimeError) as error:
        raise BackboneError(f"{_ways_out(name)} ({type(error).__name__}: {error})") from error
    return net


def _ways_out(name: str) -> str:
    return (
        f"the weights of {name} are not on this machine and the hub cannot be reached: "
        "(1) run once with a network, they are then cached; "
        "(2) give a weights file with --checkpoint FILE; "
        f"(3) copy the hub's cache from another machine to {_cache()} (or point HF_HOME at it). "
        "The default backbone needs no network: omit --backbone."
    )


def _cache() -> str:
    cache = Path(huggingface_hub.constants.HF_HUB_CACHE)
    try:
        return f"~/{cache.relative_to(Path.home())}"
    except ValueError:
        return str(cache)


def hub_id(name: str) -> str | None:
    """Repository of the hub that holds the weights of *name*, None if it is not on the hub."""
    if "/" in name:
        return name.removeprefix("hf-hub:").removeprefix("hf_hub:")
    cfg = get_pretrained_cfg(name)
    found = cfg.hf_hub_id if cfg else None
    return str(found) if found else None


def is_cached(name: str) -> bool:
    """True where the weights of *name* need no download, or come from no hub."""
    repository = hub_id(name)
    if repository is None:
        return True  # not a hub model: timm has a URL or a file, and its own error
    return any(
        isinstance(huggingface_hub.try_to_load_from_cache(repository, file), str) for file in _FILES
    )


def _reachable() -> bool:
    if huggingface_hub.constants.HF_HUB_OFFLINE:
        return False
    if any(os.environ.get(key) for key in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True  # a direct probe says nothing about what the proxy reaches
    address = urlsplit(huggingface_hub.constants.ENDPOINT)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        with socket.create_connection((address.hostname or "", port), _PROBE_SECONDS):
            return True
    except OSError:
        return False
