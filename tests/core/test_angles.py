"""The angle between features."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from afdcli.core import dct_angle, feature_angle


@settings(max_examples=40, deadline=None, derandomize=True)
@given(degrees=st.floats(0.001, 179.9), scale=st.floats(0.01, 100))
def test_angle_is_the_angle(degrees: float, scale: float) -> None:
    theta = math.radians(degrees)
    a = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64).view(1, 3, 1, 1)
    b = scale * torch.tensor([math.cos(theta), math.sin(theta), 0.0], dtype=torch.float64)
    assert float(feature_angle(a, b.view(1, 3, 1, 1))) == pytest.approx(degrees, rel=1e-6)


def test_angle_of_nothing_is_zero() -> None:
    a = torch.randn(1, 192, 2, 2)
    assert torch.equal(dct_angle(a, torch.zeros_like(a)), torch.zeros(1, 2, 2))
    assert torch.equal(dct_angle(a, a), torch.zeros(1, 2, 2))
