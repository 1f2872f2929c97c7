"""Close calls of bfloat16 are re-run in float32, and no row is lost or shifted by it."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event, Semaphore, Timer

import numpy as np
import pytest
import torch
from kit.classify import afd, table
from torch import Tensor, nn

from afdcli.inference import cascade
from afdcli.inference.cascade import PASS, Cascade, close_margin
from afdcli.inference.predictor import ImageResult, Predictor
from afdcli.inference.runtime import in_float32
from afdcli.inference.torch_network import TorchNetwork
from afdcli.models import precision
from afdcli.models.afd_classifier import AFDClassifier, Prediction
from afdcli.models.loader import load_backbone
from afdcli.view.spec import View, ViewSpec

SPEC = ViewSpec(16, 16)
CLASSES = [str(i) for i in range(4)]


class Stand(nn.Module):
    """Class 1 leads class 0 by the first pixel's red, in hundredths, plus *shift*."""

    def __init__(self, shift: float) -> None:
        super().__init__()
        self.shift = shift
        self.asked: list[list[int]] = []

    def forward(self, pixels: Tensor, grid: Tensor, file_context: Tensor) -> Prediction:
        red = pixels[:, 0, 0, 0].float()
        self.asked.append([int(value) for value in red])
        logits = torch.zeros(len(pixels), 4) - 9
        logits[:, 0], logits[:, 1] = 0.0, red / 100 + self.shift
        return Prediction(logits, None, None)


@pytest.fixture
def here(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "bf16_is_faster", lambda _: True)


def ask(values: list[int], margin: float, size: int = 3) -> tuple[list[int], Stand]:
    quick, exact = Stand(0.0), Stand(-0.05)
    predict = Cascade(
        Predictor(TorchNetwork(quick), SPEC, CLASSES, batch_size=size, margin=margin),
        Predictor(TorchNetwork(exact), SPEC, CLASSES, batch_size=PASS),
    )
    said: dict[int, int] = {}
    in_batch: list[int] = []

    def done(number: int, answer: ImageResult) -> None:
        assert number not in said
        assert answer.top_classes is not None
        said[number] = answer.top_classes[0].index

    def go(last: bool) -> None:
        predict([lambda answer, n=n: done(n, answer) for n in in_batch], last)
        in_batch.clear()

    for number, value in enumerate(values):
        predict.batch.add(View(*(np.full(shape, value, kind) for shape, kind in SPEC.arrays)))
        in_batch.append(number)
        if predict.batch.full:
            go(last=False)
    go(last=True)
    return [said[number] for number in range(len(values))], exact


def test_a_run_of_several_batches_loads_the_exact_network_before_its_first_close_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: list[TorchNetwork] = []
    monkeypatch.setattr(TorchNetwork, "load", lambda self: loaded.append(self))
    _, exact = ask([50] * 3, margin=0.101)  # one batch: may need none
    assert not loaded
    _, exact = ask([50] * 9, margin=0.101)
    assert {net.net for net in loaded} == {exact}
    assert not exact.asked


def test_only_close_calls_are_re_run_and_come_back_in_their_places() -> None:
    values = [1, 50, 4, 30, 6, 3, 70, 2, 9, 4, 20]
    said, exact = ask(values, margin=0.101)
    # The exact network sees class 1 ahead from 6 hundredths on; the quick one from 1 on.
    assert said == [0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1]
    assert exact.asked[0] == [1, 4, 6, 3]
    assert exact.asked[1][:3] == [2, 9, 4]
    assert ask(values, margin=0.0)[0] == [1] * len(values)


@pytest.mark.parametrize("size", [1, 2, 16])
def test_close_calls_do_not_depend_on_the_batch(size: int) -> None:
    values = [3, 90, 7, 2, 2, 40, 8, 1]
    assert ask(values, 0.1, size)[0] == ask(values, 0.1)[0] == [0, 1, 1, 0, 0, 1, 1, 0]


@pytest.mark.usefixtures("here")
def test_labels_of_auto_are_those_of_float32(kit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cascade, "close_margin", lambda *_: 9.0)  # everything is a close call
    assert afd(kit, "photos", "--precision", "auto", "--compare").exit_code == 1
    auto = table()
    said = json.loads(Path("results.csv.meta.json").read_text())["precision"]
    assert said == "bfloat16, close calls in float32"
    assert (
        afd(kit, "photos", "--precision", "fp32", "--compare", "--batch-size", "4").exit_code == 1
    )
    exact = table()
    assert list(auto["label"]) == list(exact["label"])
    assert list(auto["direct_label"]) == list(exact["direct_label"])
    np.testing.assert_allclose(auto["prob"], exact["prob"], rtol=1e-5)


@pytest.mark.usefixtures("here")
def test_close_calls_survive_a_resume(kit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cascade, "close_margin", lambda *_: 0.5)
    assert afd(kit, "photos").exit_code == 1
    whole = Path("results.csv").read_bytes()
    for cut in range(0, len(whole), max(1, len(whole) // 5)):
        Path("results.csv").write_bytes(whole[:cut])
        assert afd(kit, "photos", "--resume").exit_code == 1
        assert Path("results.csv").read_bytes() == whole


class Slow(nn.Module):
    """Answers when it is let go; fails for a batch that begins with *broken*."""

    def __init__(self, broken: int = 255) -> None:
        super().__init__()
        self.broken, self.let_go, self.begun = broken, Event(), Semaphore(0)

    def forward(self, pixels: Tensor, grid: Tensor, file_context: Tensor) -> Prediction:
        self.begun.release()
        assert self.let_go.wait(60)
        red = pixels[:, 0, 0, 0].long()
        if int(red[0]) == self.broken:
            raise RuntimeError("broken network")
        return Prediction(nn.functional.one_hot(red, 4).float(), None, None)


def batch(predict: Cascade, *values: int) -> None:
    for value in values:
        predict.batch.add(View(*(np.full(shape, value, kind) for shape, kind in SPEC.arrays)))


@pytest.mark.parametrize("threads", [1, 2])
def test_caller_fills_a_batch_while_the_network_has_another(threads: int) -> None:
    slow, said = Slow(), []
    forward = Predictor(TorchNetwork(slow), SPEC, CLASSES, batch_size=2)
    predict = Cascade(forward, threads=threads)

    def take(answer: ImageResult) -> None:
        said.append(answer.top_classes[0].index if answer.top_classes else None)

    batch(predict, 3, 1)
    predict([take] * 2)
    assert slow.begun.acquire(timeout=60) and not said
    batch(predict, 2, 0)
    Timer(0.2, slow.let_go.set).start()
    predict([take] * 2)  # comes back with a free batch: that of the first pictures
    assert said == [3, 1]
    batch(predict, 1)
    predict([take], last=True)
    assert said == [3, 1, 2, 0, 1]
    predict([], last=True)


def test_error_of_the_network_reaches_the_caller() -> None:
    slow = Slow(broken=2)
    slow.let_go.set()
    forward = Predictor(TorchNetwork(slow), SPEC, CLASSES, batch_size=1)
    predict = Cascade(forward, threads=2)
    said: list[ImageResult] = []
    batch(predict, 1)
    predict([said.append])
    batch(predict, 2)
    predict([said.append])
    with pytest.raises(RuntimeError, match="broken network"):
        predict([], last=True)
    assert len(said) == 1


def test_the_exact_network_shares_weights_and_leaves_the_quick_one_alone() -> None:
    backbone = load_backbone()
    quick = AFDClassifier(backbone, None, precision=torch.bfloat16).eval()
    exact = in_float32(quick)
    assert quick.backbone.precision == torch.bfloat16
    assert exact.backbone.precision == torch.float32
    shared = {id(p) for p in quick.parameters()}
    assert all(id(p) in shared for p in exact.parameters())


@pytest.mark.parametrize("message", ["CPU: out of memory", "mat1 and mat2 do not fit"])
def test_only_want_of_memory_gives_a_default_margin(message: str) -> None:
    class Refuses(nn.Module):
        def forward(self, pixels: Tensor, grid: Tensor, side: Tensor) -> Prediction:
            raise RuntimeError(message)

    network = TorchNetwork(Refuses())
    if "memory" in message:
        assert close_margin(network, network, SPEC, 4) == 0.3
        return
    with pytest.raises(RuntimeError, match="do not fit"):
        close_margin(network, network, SPEC, 4)
