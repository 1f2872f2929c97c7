"""The optimiser of a training run: Muon for weight matrices, AdamW for everything else.

Muon (torch.optim.Muon; Jordan et al., "Muon: an optimizer for hidden layers in neural networks",
2024) makes the update of a weight matrix orthogonal, so that no few directions take all of it. It
reaches the same loss as AdamW in fewer steps; examples/benchmarks/TRIALS.md has what it gave here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_DECAY = 0.01
_MOST_LOST = 50  # steps; in float16 the first dozen may be, until the scale has fallen
_LEAST_SIDE = 4  # of a matrix that Muon updates; smaller ones have no directions to balance


class Optimiser:
    """Both optimisers, stepped together; FDE-Net has a learning rate of its own.

    A convolution's weight counts as the matrix (outputs, inputs times positions). It must lie in
    memory as channels last: then the matrix shares its storage, and updating one updates the other.
    """

    def __init__(self, module: nn.Module, lr: float) -> None:
        self._lost = 0
        self._weights: list[tuple[nn.Parameter, nn.Parameter]] = []
        matrices: tuple[list[nn.Parameter], list[nn.Parameter]] = ([], [])
        others: tuple[list[nn.Parameter], list[nn.Parameter]] = ([], [])
        for name, weight in module.named_parameters():
            gates = name.startswith("fde.")
            matrix = _as_matrix(weight.detach()) if weight.ndim > 1 else None
            if matrix is None or min(matrix.shape) < _LEAST_SIDE:
                others[gates].append(weight)
                continue
            assert matrix.data_ptr() == weight.data_ptr(), f"{name} is not channels last"
            self._weights.append((weight, nn.Parameter(matrix)))
            matrices[gates].append(self._weights[-1][1])
        self._both: dict[str, torch.optim.Optimizer] = {
            "adamw": torch.optim.AdamW(_groups(others), lr, weight_decay=_DECAY, fused=True),
            "muon": torch.optim.Muon(
                _groups(matrices), lr, weight_decay=_DECAY, adjust_lr_fn="match_rms_adamw"
            ),
        }

    def set_rates(self, rest: float, gates: float) -> None:
        """Set the learning rates: of FDE-Net (*gates*), and of everything else."""
        for optimiser in self._both.values():
            for group, rate in zip(optimiser.param_groups, (rest, gates), strict=True):
                group["lr"] = rate

    def update(self, loss: Tensor, scaler: torch.amp.GradScaler) -> bool:
        """One step down the gradient of *loss*, whose norm is clipped to 1.

        Returns:
            False if the gradients are not finite, and the step was left out.

        Raises:
            FloatingPointError: they were not finite more than `_MOST_LOST` times in a row.
        """
        self._both["adamw"].zero_grad(set_to_none=True)
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        for weight, matrix in self._weights:
            matrix.grad = None if weight.grad is None else _as_matrix(weight.grad)
            weight.grad = None
        both = self._both.values()
        for optimiser in both:
            scaler.unscale_(optimiser)
        groups = [group["params"] for optimiser in both for group in optimiser.param_groups]
        norm = nn.utils.clip_grad_norm_([weight for group in groups for weight in group], 1.0)
        finite = bool(norm.isfinite())
        self._lost = 0 if finite else self._lost + 1
        if self._lost > _MOST_LOST:
            raise FloatingPointError("the losses are not finite any more")
        for optimiser in both:
            if finite or scaler.is_enabled():  # the scaler leaves the step out, and counts it
                scaler.step(optimiser)
        scaler.update()
        return finite

    def state_dict(self) -> dict[str, Any]:
        """Of both."""
        return {name: optimiser.state_dict() for name, optimiser in self._both.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What `state_dict` returned, of a module of the same shape."""
        for name, optimiser in self._both.items():
            optimiser.load_state_dict(state[name])


def _groups(split: tuple[list[nn.Parameter], list[nn.Parameter]]) -> list[dict[str, Any]]:
    return [{"params": parameters} for parameters in split]


def _as_matrix(weight: Tensor) -> Tensor:
    """(O, I, h, w) or (O, I) as (O, the rest)."""
    last = weight.permute(0, 2, 3, 1) if weight.ndim == 4 else weight
    return last.reshape(len(weight), -1)
