"""The training loop: frozen backbones, one module, pairs without labels."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from afdcli.backbones.site import Site
from afdcli.core.module import AFDModule
from afdcli.train import losses
from afdcli.train.checkpoint import load_checkpoint, save_checkpoint
from afdcli.train.data import Batch
from afdcli.train.settings import FEATURE_WEIGHT, Settings
from afdcli.train.validate import Score, validate

_VALIDATIONS = 8  # over a run, evenly spread, besides the one at the start
_CHECKPOINT_SECONDS = 60.0


@dataclass(frozen=True)
class Progress:
    """What a run has come to; handed to the caller after every step.

    Attributes:
        step: steps done.
        share: of the budget used, 0 to 1.
        seconds_left: estimate.
        pairs_per_second: since the start (or the resume).
        feature_loss, divergence: of this step, see `afdcli.train.losses`.
        score: of the newest validation.
        best: of the best one so far: least divergence.
    """

    step: int
    share: float
    seconds_left: float
    pairs_per_second: float
    feature_loss: float
    divergence: float
    score: Score
    best: Score


class Trainer:
    """Trains *module* at *sites*; several sites (backbones) take turns, step by step."""

    def __init__(
        self,
        sites: Sequence[Site],
        module: AFDModule,
        settings: Settings,
        validation: Sequence[Batch],
        checkpoint: Path,
        identity: str,
    ) -> None:
        self.sites, self.settings, self.validation = list(sites), settings, validation
        self.checkpoint, self.identity = checkpoint, identity
        self.device = next(module.parameters()).device
        self.module = module.to(memory_format=torch.channels_last)
        average = get_ema_multi_avg_fn(settings.ema)  # type: ignore[no-untyped-call]
        self.average: AveragedModel = AveragedModel(self.module, multi_avg_fn=average)
        self.optimiser = torch.optim.AdamW(module.parameters(), settings.lr, weight_decay=1e-4)
        self.step, self.elapsed = 0, 0.0
        self.best_state = copy.deepcopy(self.module.state_dict())
        self.score = self.best = validate(self.sites, self._averaged(), validation)

    def resume(self) -> None:
        """Go on from the checkpoint. Raises UsageError or ModuleError, see `load_checkpoint`."""
        state = load_checkpoint(self.checkpoint, self.identity)
        self.module.load_state_dict(state["module"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.best_state, self.best = state["best_state"], Score(**state["best"])
        self.step, self.elapsed = state["step"], state["elapsed"]

    def run(self, stream: Iterator[Batch], report: Callable[[Progress], None]) -> None:
        """Train until the budget is used up; `best_module` then holds the result.

        Raises:
            KeyboardInterrupt: passed on, after the state was saved.
        """
        begin, before, first = time.monotonic(), self.elapsed, self.step
        saved, done = begin, math.floor(self.share() * _VALIDATIONS)
        try:
            while self.share() < 1:
                feature, divergence = self._update(next(stream).to(self.device))
                self.step += 1
                self.elapsed = before + time.monotonic() - begin
                share = self.share()
                if math.floor(share * _VALIDATIONS) > done:
                    done = math.floor(share * _VALIDATIONS)
                    self._validate()
                if time.monotonic() - saved > _CHECKPOINT_SECONDS:
                    self.save()
                    saved = time.monotonic()
                spent = self.elapsed - before
                report(
                    Progress(
                        step=self.step,
                        share=min(1.0, share),
                        seconds_left=max(0.0, self.elapsed / max(share, 1e-9) - self.elapsed),
                        pairs_per_second=(self.step - first) * self.settings.batch_size / spent,
                        feature_loss=feature,
                        divergence=divergence,
                        score=self.score,
                        best=self.best,
                    )
                )
        except KeyboardInterrupt:
            self._validate()
            raise
        finally:
            self.save()

    def share(self) -> float:
        """Part of the budget that is used up, by steps or by minutes, whichever is more."""
        shares = [0.0]
        if self.settings.steps:
            shares.append(self.step / self.settings.steps)
        if self.settings.minutes:
            shares.append(self.elapsed / (60 * self.settings.minutes))
        return max(shares)

    def best_module(self) -> AFDModule:
        """The module of the best validation, eval mode."""
        module = copy.deepcopy(self.module)
        module.load_state_dict(self.best_state)
        return module.eval()

    def save(self) -> None:
        """Write the checkpoint."""
        state = {
            "identity": self.identity,
            "module": self.module.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "best_state": self.best_state,
            "best": vars(self.best),
            "step": self.step,
            "elapsed": self.elapsed,
        }
        save_checkpoint(self.checkpoint, state)

    def _update(self, batch: Batch) -> tuple[float, float]:
        """One step of the optimiser; returns both losses."""
        s, share = self.settings, self.share()
        for group in self.optimiser.param_groups:
            group["lr"] = (
                s.lr * min(1.0, share / 0.05 + 0.02) * 0.5 * (1 + math.cos(math.pi * share))
            )
        self.module.train()
        site = self.sites[self.step % len(self.sites)]
        features = losses.run(site, self.module, batch)
        feature = losses.feature_loss(features)
        divergence = losses.divergence(features)
        weight = s.divergence * min(1.0, share / s.ramp) if s.ramp else s.divergence
        loss = FEATURE_WEIGHT[site.plug] * feature + weight * divergence
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
        self.optimiser.step()
        self.average.update_parameters(self.module)
        return float(feature.detach()), float(divergence.detach())

    def _validate(self) -> None:
        self.score = validate(self.sites, self._averaged(), self.validation)
        if self.score.divergence <= self.best.divergence:
            self.best = self.score
            self.best_state = copy.deepcopy(self._averaged().state_dict())

    def _averaged(self) -> AFDModule:
        module = self.average.module
        assert isinstance(module, AFDModule)
        return module
