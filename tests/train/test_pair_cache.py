"""Pairs that were made once come back."""

from __future__ import annotations

import itertools
from pathlib import Path

import torch

from afdcli.train.loader import Batch
from afdcli.train.pair_cache import Replay


def numbered(start: int, size: int = 2) -> Batch:
    """A batch whose pictures all carry their own number."""
    numbers = torch.arange(start, start + size)
    grid = numbers.half().view(-1, 1, 1, 1).expand(-1, 3, 2, 2)
    pixels = numbers.to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 4, 4, 3)
    return Batch(pixels, pixels, grid, numbers.float().view(-1, 1))


def test_replay_brings_whole_pairs_back(tmp_path: Path) -> None:
    drawn = []
    replay = Replay((numbered(2 * i) for i in itertools.count()), 4, tmp_path, seed=0)
    for _ in range(60):
        batch, _ = replay.draw()
        numbers = batch.file_context[:, 0]
        assert torch.equal(batch.clean[:, 0, 0, 0].float(), numbers)
        assert torch.equal(batch.pixels[:, 1, 1, 2].float(), numbers)
        assert torch.equal(batch.grid[:, 0, 0, 0].float(), numbers)
        drawn += numbers.tolist()
    fresh = len(set(drawn)) / len(drawn)
    assert 1 / 4 <= fresh < 1 / 3
    assert list(tmp_path.iterdir())
    replay.close()
    assert not list(tmp_path.iterdir())


def test_replay_that_uses_pairs_once_stores_nothing(tmp_path: Path) -> None:
    replay = Replay((numbered(2 * i) for i in itertools.count()), 1, tmp_path, seed=0)
    drawn = [replay.draw().batch.file_context[0, 0].item() for _ in range(5)]
    assert drawn == [0, 2, 4, 6, 8]
    assert not list(tmp_path.iterdir())


def test_replay_brings_back_what_is_known_of_each_pair(tmp_path: Path) -> None:
    replay = Replay((numbered(2 * i) for i in itertools.count()), 4, tmp_path, seed=0)
    remembered = 0
    for turn in range(40):
        batch, known = replay.draw()
        numbers = batch.file_context
        if known:
            remembered += 1
            assert torch.equal(known[0], 10 * numbers)
            assert torch.equal(known[1].float(), -numbers.view(-1, 1, 1, 1).expand(-1, 1, 2, 2))
        elif turn != 3:  # once it was forgotten: such a pair comes back with nothing
            replay.keep([10 * numbers, -numbers.half().view(-1, 1, 1, 1).expand(-1, 1, 2, 2)])
    assert 15 < remembered < 30
    replay.close()
    assert not list(tmp_path.iterdir())
