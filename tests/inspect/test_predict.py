"""What the classifier says with and without its module."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from kit import small_models
from kit.classify import CLASSES
from kit.inspecting import loaded, saved

from afdcli.inspect.predict import framing, predict
from afdcli.models.afd_classifier import AFDClassifier
from afdcli.view.geometry import geometry
from afdcli.view.spec import ViewSpec


def test_prediction_is_what_the_network_says(kit: Path) -> None:
    backbone, module = loaded(kit)
    inspection = predict(saved(20), backbone, module)
    network = AFDClassifier(backbone, module, compare=True)
    arrays = (inspection.view.pixels, inspection.view.grid, inspection.view.file_context)
    with torch.inference_mode():
        said = network(*(torch.from_numpy(array)[None] for array in arrays))
    assert inspection.drift is not None and inspection.drift.fdm is not None
    assert inspection.drift.angles.mean() == pytest.approx(said.drift.item(), rel=1e-4)
    assert inspection.drift.angles.shape == inspection.drift.fdm.shape == (8, 8)
    assert 0 < inspection.drift.fdm.min() <= inspection.drift.fdm.max() < 1
    for top_classes, logits in (
        (inspection.direct, said.direct),
        (inspection.restored, said.logits),
    ):
        probs, order = logits.softmax(1)[0].sort(descending=True)
        assert [top.label for top in top_classes] == [CLASSES[i] for i in order]
        assert [top.prob for top in top_classes] == pytest.approx(probs.tolist(), rel=1e-4)


def test_energy_of_the_view_is_the_same_for_a_module_that_reads_no_means_and_without_one(
    kit: Path,
) -> None:
    backbone, module = loaded(kit)
    lean = replace(module, module=small_models.module(grid_channels=192).eval())
    seen = [predict(saved(20), backbone, m) for m in (module, lean, None)]
    assert [len(inspection.view.grid) for inspection in seen] == [384, 384, 384]
    whole, part, without = (inspection.view.grid[192:] for inspection in seen)
    assert np.array_equal(whole, part)
    assert np.array_equal(whole, without)
    assert np.unique(part).size > 9


def test_without_a_module_there_is_one_answer_and_no_drift(kit: Path) -> None:
    backbone, module = loaded(kit)
    photo = saved(20)
    inspection = predict(photo, backbone, None)
    assert (inspection.restored, inspection.drift) == ((), None)
    with_module = predict(photo, backbone, module).direct
    assert [g.label for g in inspection.direct] == [g.label for g in with_module]
    assert [g.prob for g in inspection.direct] == pytest.approx([g.prob for g in with_module])


def test_framing() -> None:
    centre = framing(geometry(512, 1024, ViewSpec(224, 224, crop_pct=0.875)))
    assert centre.scale == (0.5, 0.5)
    assert centre.box == (32, 288, 480, 736)
    assert centre.share == 448 * 448 / (512 * 1024)
    assert centre.padding == 0
    border = framing(geometry(112, 224, ViewSpec(224, 224, crop_pct=1.0, crop_mode="border")))
    assert (border.box, border.share, border.padding) == ((0, 0, 112, 224), 1, 0.5)
    assert border.origin == (-56, 0)
    squash = framing(geometry(100, 50, ViewSpec(200, 200, crop_pct=1.0, crop_mode="squash")))
    assert (squash.scale, squash.share) == ((2, 4), 1)
