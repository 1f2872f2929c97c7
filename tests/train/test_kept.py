"""Which weights are kept."""

from __future__ import annotations

import torch

from afdcli.train.kept import Kept
from afdcli.train.validation import Score


def score_of(divergence: float) -> Score:
    return Score(8, 9.0, 8.0, 0.5, 0.6, 1.0, divergence)


def test_the_newest_weights_are_kept_unless_earlier_ones_were_better_by_more_than_chance() -> None:
    noise = torch.tensor([0.3, -0.3] * 4, dtype=torch.float64)
    steps = [
        (torch.full((8,), 1.0), True),
        (torch.full((8,), 0.5), True),  # better
        (0.55 + noise, True),  # worse, but by chance
        (0.6 - noise, True),  # so against the best, not only against the last ones
        (0.9 + noise, False),
        (torch.full((8,), torch.nan), False),
        (torch.full((8,), 0.5), True),
    ]
    first = steps[0][0].double()
    kept = Kept(score_of(1.0), first, {"step": torch.tensor(0)})
    last = 0
    for i, (divergences, newest) in enumerate(steps[1:], 1):
        kept.offer(
            score_of(float(divergences.mean())), divergences.double(), {"step": torch.tensor(i)}
        )
        last = i if newest else last
        assert int(kept.state["step"]) == last
        kept = Kept.loaded(kept.saved())
    assert kept.score.divergence == 0.5


def test_small_steps_down_do_not_add_up() -> None:
    kept = Kept(score_of(0.5), torch.full((8,), 0.5).double(), {"step": torch.tensor(0)})
    noise = torch.tensor([0.3, -0.3] * 4, dtype=torch.float64)
    for i in range(1, 9):
        mean = 0.5 + 0.1 * i
        kept.offer(score_of(mean), mean + noise, {"step": torch.tensor(i)})
    assert int(kept.state["step"]) == 2, "0.7 is within two standard errors (0.21) of 0.5"
