"""A frozen classifier whose features can be changed on their way, by hooks on its modules."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from afdcli.core.angles import block_angle, feature_angle
from afdcli.core.film import apply_film
from afdcli.core.module import AFDModule
from afdcli.models.front import Front
from afdcli.models.loader import Backbone
from afdcli.models.precision import autocast
from afdcli.models.watch import watching

Transform = Callable[[Tensor], Tensor]
Change = Callable[[str, Tensor], Tensor]
Plug = Literal["stem", "input"]


class _ReachedPlug(Exception):  # noqa: N818  (a signal, not an error)
    """Ends a forward pass behind the plug point; the rest is not needed."""


class Pass(threading.local):
    """The state of the forward pass in this thread; each thread has its own.

    Hooks stay on the network, which several passes may share, so they find their pass by thread.

    Attributes:
        transform, change: what the pass does to features, see `HookedBackbone.forward`.
        features: the pooled features, where `afdcli.models.features.FeatureTap` catches them.
    """

    transform: Transform | None = None
    change: Change | None = None
    features: Tensor | None = None

    def __reduce__(self) -> tuple[type[Pass], tuple[()]]:  # copies and pickles start empty
        return Pass, ()


def _at_stem(state: Pass, _module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
    return output if state.transform is None else state.transform(output)


def _behind(state: Pass, name: str, _module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
    return output if state.change is None else state.change(name, output)


class HookedBackbone(nn.Module):
    """A backbone that passes its features through functions, at the plug point and behind it.

    Other calls of the backbone's network are unaffected. Threads may share it, because no pass sees
    the state of another; only `forward` with *plug_features* is for one thread at a time.

    Args:
        backbone: the frozen classifier.
        plug: "stem": functions see the output of the module *where*; "input": the pixels,
            (B, 3, H, W) in -1 ... 1, before the backbone's own normalisation.
        where: name of the module; "" at the input.
        behind: names of the modules behind the stem whose outputs can be changed, too.
        precision: of convolutions and matrix products, see `afdcli.models.precision`.

    Attributes:
        state: of the pass in each thread.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: Backbone,
        plug: Plug,
        where: str = "",
        precision: torch.dtype = torch.float32,
        behind: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.net = backbone.net
        self.plug = plug
        self.precision = precision
        self.register_buffer("mean", torch.tensor(backbone.mean).view(1, 3, 1, 1), False)
        self.register_buffer("std", torch.tensor(backbone.std).view(1, 3, 1, 1), False)
        self.state = Pass()
        hooks = [(name, partial(_behind, self.state, name)) for name in dict.fromkeys(behind)]
        if plug == "stem":
            hooks.insert(0, (where, partial(_at_stem, self.state)))
        self._handles = [
            self.net.get_submodule(name).register_forward_hook(hook) for name, hook in hooks
        ]
        self._where = where
        self._front: Front | None = None

    def forward(
        self,
        pixels: Tensor,
        transform: Transform | None = None,
        change: Change | None = None,
        plug_features: Tensor | None = None,
    ) -> Tensor:
        """Logits (B', K) float32 of *pixels* (B, H, W, 3) uint8.

        Args:
            transform: features at the plug point -> features, (B, C, h, w) -> (B', C, h, w); None
                changes nothing.
            change: (name, output) -> output, for each of the modules *behind*; None changes
                nothing.
            plug_features: (B, C, h, w), the features of *pixels* at the plug point from an earlier
                pass; the network in front of it then does not run, see `can_skip_front`. No other
                thread may use the network meanwhile, see `afdcli.models.front.Front.skipped`.
        """
        if plug_features is not None:
            assert self._front is not None
            with self._front.skipped(plug_features):
                rest: Tensor = self(pixels[:, :1, :1], transform, change)
                return rest
        with self.autocast():
            return self.run(pixels, transform, change).float()

    def run(
        self, pixels: Tensor, transform: Transform | None = None, change: Change | None = None
    ) -> Tensor:
        """As `forward`, but in the type of the network's own output, and without `precision`."""
        x, state = pixels.permute(0, 3, 1, 2).to(self.mean.dtype), self.state
        state.transform, state.change = transform, change
        try:
            if self.plug == "input" and transform is not None:
                x = (transform(x / 127.5 - 1).to(x.dtype) + 1) / 2
            else:
                x = x / 255
            logits: Tensor = self.net((x - self.mean) / self.std)
            return logits
        finally:
            state.transform = state.change = None

    def autocast(self) -> AbstractContextManager[Any]:
        """A context in which networks run at `precision`."""
        return autocast(self.precision, self.mean.device.type)

    def features(self, pixels: Tensor) -> Tensor:
        """Features at the plug point, (B, C, h, w), without gradients.

        The network behind the plug point does not run.
        """
        seen: list[Tensor] = []

        def stop(x: Tensor) -> Tensor:
            seen.append(x)
            raise _ReachedPlug

        with torch.no_grad(), suppress(_ReachedPlug):
            self(pixels, stop)
        return seen[0]

    def can_skip_front(self, height: int, width: int) -> bool:
        """True if `forward` takes *plug_features* of pictures of *height* x *width* pixels."""
        if self.plug == "stem" and self._front is None:
            self._front = Front(self.net, self._where, (height, width))
        return self._front is not None and self._front.skippable

    def angle(self, x: Tensor, y: Tensor) -> Tensor:
        """Angle between *x* and *y*, features at the plug point: (B, h, w) degrees.

        At the stem, the feature angle; at the input, the angle between 8x8 blocks of pixels, which
        is the paper's DCT angle.
        """
        return block_angle(x, y) if self.plug == "input" else feature_angle(x, y)

    def accepts(self, height: int, width: int) -> bool:
        """True if the network takes pictures of *height* x *width* pixels."""
        try:
            self(torch.zeros(1, height, width, 3, dtype=torch.uint8, device=self.mean.device))
        except (AssertionError, RuntimeError):  # of position embeddings, for example
            return False
        return True

    @contextmanager
    def watching(self, names: Sequence[str]) -> Iterator[list[Tensor]]:
        """A list to which passes in this context append the outputs of the modules *names*."""
        seen: list[Tensor] = []
        modules = {name: self.net.get_submodule(name) for name in names}
        with watching(modules, lambda _name, _inputs, output: seen.append(output)):
            yield seen

    def remove(self) -> None:
        """Remove the hooks from the network."""
        for handle in self._handles:
            handle.remove()


def changed_by(module: nn.Module) -> list[str]:
    """Names of the classifier's modules whose outputs *module* changes behind the plug point.

    None for a reference method, which is called like an `AFDModule` but is not one.
    """
    return module.config.corrected_names if isinstance(module, AFDModule) else []


class AFDPass:
    """One batch's way through a `HookedBackbone`: the AFD module's corrections, in order.

    The state of the pass is here: the damage features and FiLM's vectors, computed at the plug
    point and used behind it.

    Args:
        module: an `AFDModule`, or a reference method that is called like one.
        grid, file_context: see `AFDModule`.
        view: (height, width) in pixels.
        beside: behind the plug point the batch holds the untouched features first, then the
            de-drifted ones; only the second half is changed.
    """

    def __init__(
        self,
        module: nn.Module,
        grid: Tensor,
        file_context: Tensor,
        view: tuple[int, int],
        beside: bool = False,
    ) -> None:
        self._module, self._grid, self._file_context, self._view = module, grid, file_context, view
        self._beside = beside
        self._damage_features: Tensor | None = None
        self._vectors: dict[str, tuple[Tensor, Tensor]] = {}
        config = module.config if isinstance(module, AFDModule) else None
        self._stages = {name: i for i, name in enumerate(config.stage_names)} if config else {}
        self._norm_layers = config.norm_layer_names if config else []

    def __call__(self, x: Tensor) -> Tensor:
        """De-drifted features at the plug point, (B, C, h, w)."""
        grid, file_context = self._grid, self._file_context.to(x.dtype)
        if not isinstance(self._module, AFDModule):
            y: Tensor = self._module(x, grid, file_context, self._view)
            return y
        self._damage_features = self._module.estimate_damage(grid, file_context)
        vectors = self._module.scales_and_shifts(self._damage_features)
        if self._beside:  # zeros leave the untouched half as it is
            vectors = [(_after_zeros(scale), _after_zeros(shift)) for scale, shift in vectors]
        self._vectors = dict(zip(self._norm_layers, vectors, strict=True))
        return self._module.restore(x, self._damage_features, self._view)

    def behind(self, name: str, x: Tensor) -> Tensor:
        """The output x of the classifier's module *name*, with FiLM, its adapter, or both."""
        if name in self._vectors:
            x = apply_film(x, *self._vectors[name])
        if name not in self._stages:
            return x
        assert isinstance(self._module, AFDModule)
        if not self._beside:
            return self._module.restore_stage(
                self._stages[name], x, self._damage_features, self._view
            )
        half = x.shape[0] // 2
        repaired = self._module.restore_stage(
            self._stages[name], x[half:], self._damage_features, self._view
        )
        return torch.cat((x[:half], repaired))


def _after_zeros(vector: Tensor) -> Tensor:
    return torch.cat((torch.zeros_like(vector), vector))
