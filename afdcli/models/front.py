"""Skip the part of a classifier in front of its plug point, where the features there are known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from afdcli.models.watch import run_once, watching


class Front:
    """The modules of *net* that run before the module *where* ends.

    Args:
        net: the classifier, in eval mode.
        where: name of the module at the plug point.
        size: (height, width) of the inputs that *net* is tried with, in pixels.

    Attributes:
        skippable: True if *net* gives the same outputs without them. It does where they are a
            chain, as stems are. A network that takes their features elsewhere, too, does not.
    """

    def __init__(self, net: nn.Module, where: str, size: tuple[int, int]) -> None:
        self._plug = net.get_submodule(where)
        self._before = _outermost(_ended_before(net, where, size), where)
        self.skippable = self._tried(net, size)

    @contextmanager
    def skipped(self, features: Tensor) -> Iterator[None]:
        """In this context the plug point's output is *features*; its hooks still run.

        The network's input is ignored, but for its number of dimensions. Not for several threads
        at once: it replaces the modules' `forward`.
        """
        own = [(module, module.__dict__.get("forward")) for module in (*self._before, self._plug)]
        for module in self._before:
            module.forward = _pass_on
        self._plug.forward = lambda *_args, **_options: features
        try:
            yield
        finally:
            for module, forward in own:
                if forward is None:
                    del module.forward
                else:
                    module.forward = forward

    @torch.no_grad()
    def _tried(self, net: nn.Module, size: tuple[int, int]) -> bool:
        seen: list[Tensor] = []
        place = next(net.parameters())
        noise = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
        try:
            with watching({"": self._plug}, lambda _name, _inputs, out: seen.append(out.clone())):
                whole = net(noise.to(place))
            with self.skipped(seen[0]):
                rest = net(torch.zeros(1, 3, 1, 1).to(place))
        except (AssertionError, IndexError, RuntimeError, TypeError, ValueError):
            return False  # the network does more with the picture than to pass it on
        return bool(torch.equal(whole, rest))


def _pass_on(x: Tensor, *_args: object, **_options: object) -> Tensor:
    return x


def _ended_before(net: nn.Module, where: str, size: tuple[int, int]) -> dict[str, nn.Module]:
    """The modules that end before *where* does, by name."""
    modules = dict(net.named_modules())
    ended = [name for name, _ in run_once(net, size, modules)]
    return {name: modules[name] for name in ended[: ended.index(where)]}


def _outermost(ended: dict[str, nn.Module], where: str) -> list[nn.Module]:
    """Those of *ended* that are in none of the others and not in the module *where*."""
    return [
        module
        for name, module in ended.items()
        if not name.startswith(f"{where}.")
        and not any(name.startswith(f"{other}.") for other in ended)
    ]
