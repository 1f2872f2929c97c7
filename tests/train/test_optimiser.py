"""Muon and AdamW, stepped together."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from afdcli.train.optimiser import Optimiser

RATE = 0.01


def _stepped(net: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """What one step adds to every weight, in units of the learning rate."""
    before = {name: weight.detach().clone() for name, weight in net.named_parameters()}
    optimiser = Optimiser(net, RATE)
    optimiser.update(net(x).square().sum(), torch.amp.GradScaler("cpu", enabled=False))
    return {name: (w.detach() - before[name]) / RATE for name, w in net.named_parameters()}


def test_a_matrix_moves_alike_in_all_directions_and_a_bias_by_adamw() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(6, 16, 3)).to(memory_format=torch.channels_last)
    step = _stepped(net, torch.randn(8, 6, 9, 9))
    turned = step["0.weight"].permute(0, 2, 3, 1).flatten(1)
    lengths = torch.linalg.svdvals(turned)
    # Newton-Schulz brings singular values to 0.7 ... 1.2; scaled as AdamW's updates are.
    scale = 0.2 * max(turned.shape) ** 0.5
    assert lengths.min() > 0.6 * scale
    assert lengths.max() < 1.3 * scale
    assert torch.allclose(step["0.bias"].abs(), torch.ones(16), atol=0.01)  # Adam's first step


def test_fde_net_has_a_learning_rate_of_its_own() -> None:
    torch.manual_seed(0)
    net = nn.ModuleDict({"fde": nn.Linear(8, 8), "fe": nn.Linear(8, 8)})
    before = {name: weight.detach().clone() for name, weight in net.named_parameters()}
    optimiser = Optimiser(net, RATE)
    optimiser.set_rates(RATE, 0.0)
    loss = net["fe"](net["fde"](torch.randn(4, 8))).square().sum()
    optimiser.update(loss, torch.amp.GradScaler("cpu", enabled=False))
    moved = {name for name, w in net.named_parameters() if not torch.equal(w, before[name])}
    assert moved == {"fe.weight", "fe.bias"}


def test_steps_that_are_not_finite_are_left_out_until_there_are_too_many() -> None:
    net = nn.Linear(8, 8)
    before = net.weight.detach().clone()
    optimiser, off = Optimiser(net, RATE), torch.amp.GradScaler("cpu", enabled=False)
    for _ in range(50):
        assert not optimiser.update(net(torch.full((1, 8), torch.inf)).sum(), off)
    assert torch.equal(net.weight, before)
    with pytest.raises(FloatingPointError):
        optimiser.update(net(torch.full((1, 8), torch.inf)).sum(), off)
    assert optimiser.update(net(torch.ones(1, 8)).sum(), off)
    assert net.weight.isfinite().all() and not torch.equal(net.weight, before)
