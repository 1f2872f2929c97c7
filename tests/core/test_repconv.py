"""Reparametrised convolutions fuse exactly."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.networks import randomise
from torch import nn

from afdcli.core import RepConv


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    inputs=st.integers(1, 9),
    outputs=st.integers(1, 9),
    stride=st.sampled_from([1, 2]),
    height=st.integers(1, 11),
    width=st.integers(1, 11),
    seed=st.integers(0, 1000),
    last=st.booleans(),
)
def test_repconv_fuses_exactly(
    inputs: int, outputs: int, stride: int, height: int, width: int, seed: int, last: bool
) -> None:
    block = RepConv(inputs, outputs, stride, fold=False)
    randomise(block, seed, std=0.3)
    x = torch.randn(2, inputs, height, width, generator=torch.Generator().manual_seed(seed + 1))
    if last:
        x = x.to(memory_format=torch.channels_last)
        block = block.to(memory_format=torch.channels_last)
    with torch.no_grad():
        expected = block(x)
        fused = block.reparameterize()(x)
        block.fold = True
        folded = block(x)
    assert expected.shape == fused.shape
    assert torch.allclose(fused, expected, atol=1e-5, rtol=0)
    assert torch.allclose(folded, expected, atol=1e-5, rtol=0)


def test_repconv_is_its_formula_in_the_middle() -> None:
    """Away from the border: conv3x3(conv1x1(x)) + conv1x1(conv3x3(x)) + conv1x1(x)."""
    block = RepConv(3, 5, fold=False)
    randomise(block)
    x = torch.randn(1, 3, 12, 12)
    first = nn.functional.conv2d(
        block.squeeze_1x1(x), block.squeeze_3x3.weight, block.squeeze_3x3.bias, padding=1
    )
    formula = first + block.expand_1x1(block.expand_3x3(x)) + block.point(x)
    assert torch.allclose(block(x)[..., 1:-1, 1:-1], formula[..., 1:-1, 1:-1], atol=1e-5)


def test_folded_training_has_the_gradients_of_the_branches() -> None:
    gradients = []
    for fold in (False, True):
        block = RepConv(4, 6, fold=fold)
        randomise(block)
        x = torch.randn(2, 4, 9, 9, generator=torch.Generator().manual_seed(5))
        block(x).square().sum().backward()
        gradients.append([p.grad for p in block.parameters()])
    for a, b in zip(*gradients, strict=True):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-4)
