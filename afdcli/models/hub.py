"""Pre-trained weights from timm's hub, with quick and clear errors without a network."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit

import huggingface_hub
import timm
from huggingface_hub import errors
from timm.models import get_pretrained_cfg
from torch import nn

from afdcli.errors import BackboneError

LOCAL = "local-dir:"
_SOURCES = ("hf-hub:", "hf_hub:")
_PROBE_SECONDS = 4.0
_FILES = ("model.safetensors", "pytorch_model.bin")


def create_pretrained(name: str) -> nn.Module:
    """``timm.create_model(name, pretrained=True)``, with one-line errors.

    The hub's client retries for most of a minute. To avoid that, its address is probed first; if it
    cannot be reached, cached weights are used offline.

    Raises:
        BackboneError: the weights are not cached and cannot be downloaded.
    """
    reachable = name.startswith(LOCAL) or _reachable()
    if not reachable and not is_cached(name):
        raise BackboneError(_ways_out(name))
    try:
        with nullcontext() if reachable else _offline():
            net: nn.Module = timm.create_model(name, pretrained=True)
    except Exception as error:  # from the hub's client, urllib, timm or the model's code
        raise BackboneError(_explained(name, error)) from error
    return net


@contextmanager
def _offline() -> Iterator[None]:
    """Put the hub's client into offline mode."""
    constants = huggingface_hub.constants
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _explained(name: str, error: Exception) -> str:
    """One line with cause and cure for an *error* of timm or of the hub's client."""
    repository, hub = hub_id(name) or name, _endpoint()
    chain = list(_causes(error))
    missing = (c for c in chain if isinstance(c, errors.EntryNotFoundError))
    if any(not isinstance(cause, errors.LocalEntryNotFoundError) for cause in missing):
        return (
            f"{repository} on the hub is not a timm model: it lacks a file that timm needs; "
            "`afd models SEARCH` lists timm models"
        )
    status = next((code for cause in chain if (code := _status(cause))), None)
    if status is not None:
        return (
            f"the hub ({hub}) answers with HTTP status {status} for {repository}: check the name"
            " and the part after @; if it is private or gated, ask for access on"
            f" {hub}/{repository} and log in with `hf auth login`"
        )
    if any(isinstance(cause, errors.FileMetadataError) for cause in chain):
        return f"{hub} does not answer like a Hugging Face hub: check HF_ENDPOINT and the proxy"
    reason = f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), '')}"
    if isinstance(error, OSError) and not name.startswith(LOCAL):
        return f"{_ways_out(name)} ({reason})"
    if "/" in name:
        return (
            f"timm cannot build {name}: {reason}; a timm model has a config.json that names its "
            "architecture"
        )
    return f"timm cannot build the pretrained {name}: {reason}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int | None:
    """The HTTP status of an *error* of the hub's client or of urllib."""
    code = getattr(getattr(error, "response", None), "status_code", getattr(error, "code", None))
    return code if isinstance(code, int) and code >= 400 else None


def _endpoint() -> str:
    return str(huggingface_hub.constants.ENDPOINT)


def _ways_out(name: str) -> str:
    return (
        f"the weights of {name} are not on this machine and the hub cannot be reached: "
        "(1) run once with a network, which caches them; "
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
    """The hub repository with the weights of *name*; None if they are not on the hub."""
    if name.startswith(LOCAL):
        return None
    if name.startswith(_SOURCES):
        return name.partition(":")[2].partition("@")[0]
    cfg = get_pretrained_cfg(name)
    found = cfg.hf_hub_id if cfg else None
    return str(found) if found else None


def is_cached(name: str) -> bool:
    """True if the weights of *name* need no download, or do not come from the hub."""
    repository = hub_id(name)
    if repository is None:
        return True  # not on the hub: timm has a URL or a file, and reports its own error
    return any(
        isinstance(huggingface_hub.try_to_load_from_cache(repository, file), str) for file in _FILES
    )


def _reachable() -> bool:
    if huggingface_hub.constants.HF_HUB_OFFLINE:
        return False
    if any(os.environ.get(key) for key in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True  # a direct probe does not tell what the proxy can reach
    address = urlsplit(_endpoint())
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        with socket.create_connection((address.hostname or "", port), _PROBE_SECONDS):
            return True
    except OSError:
        return False
