"""The training loop: frozen backbones, one module, pairs without labels."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from afdcli.core.module import AFDModule
from afdcli.models.hooks import HookedBackbone
from afdcli.models.plug_points import stages
from afdcli.train import losses
from afdcli.train.augment import draw_variation
from afdcli.train.checkpoint import load_checkpoint, save_checkpoint
from afdcli.train.kept import Kept
from afdcli.train.loader import Batch
from afdcli.train.optimiser import Optimiser
from afdcli.train.pair_cache import Replay
from afdcli.train.settings import RECIPES, TrainSettings
from afdcli.train.validation import Score, Validation

_VALIDATIONS = 8  # over a run, evenly spread, besides the one at the start
_CHECKPOINT_SECONDS = 60.0
_Weights = tuple[Tensor, ...] | list[Tensor]


@dataclass(frozen=True)
class Progress:
    """State of a run, reported after every step.

    Attributes:
        step: steps done.
        share: of the budget used, 0 to 1.
        seconds_left: estimate.
        pairs_per_second: since the start (or the resume).
        feature_loss, divergence: of this step, see `afdcli.train.losses`.
        score: of the newest validation.
    """

    step: int
    share: float
    seconds_left: float
    pairs_per_second: float
    feature_loss: float
    divergence: float
    score: Score


class Trainer:
    """Trains *module*, which is called like an `AFDModule`, at *backbones*; several take turns.

    `kept` holds the weights to save, of the module's running average.
    """

    def __init__(
        self,
        backbones: Sequence[HookedBackbone],
        module: nn.Module,
        settings: TrainSettings,
        validation: Validation,
        checkpoint: Path,
        identity: dict[str, str],
    ) -> None:
        self.backbones, self.settings, self.validation = list(backbones), settings, validation
        self.checkpoint, self.identity = checkpoint, identity
        self.device = next(module.parameters()).device
        self.module = module.to(memory_format=torch.channels_last)
        self.average: AveragedModel = AveragedModel(
            self.module, multi_avg_fn=_running_average(settings.ema)
        )
        recipe = RECIPES[self.backbones[0].plug]
        self.recipe = recipe.for_trained() if settings.init else recipe
        self.optimiser = Optimiser(self.module, settings.lr)
        # In float16 small gradients would be rounded to nothing.
        fp16 = settings.precision == "fp16"
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=fp16)
        self.deep = [stages(backbone.net) if settings.deep > 0 else () for backbone in backbones]
        self.step, self.elapsed = 0, 0.0
        self.score, divergences = validation.score(self._averaged())
        self.kept = Kept(self.score, divergences, self._averaged().state_dict())

    def resume(self) -> None:
        """Go on from the checkpoint. Raises UsageError or ModuleError, see `load_checkpoint`."""
        state = load_checkpoint(self.checkpoint, self.identity)
        self.module.load_state_dict(state["module"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state.get("scaler", {}))
        self.kept = Kept.loaded(state["kept"])
        self.score = self.kept.score
        self.step, self.elapsed = state["step"], state["elapsed"]

    def run(self, pairs: Replay, report: Callable[[Progress], None]) -> None:
        """Train until the budget is used up; `kept` then holds the weights to save.

        Raises:
            KeyboardInterrupt: passed on, after the state was saved.
        """
        begin, before, first = time.monotonic(), self.elapsed, self.step
        saved, done = begin, math.floor(self.share() * _VALIDATIONS)
        try:
            while self.share() < 1:
                feature, divergence = self._update(pairs)
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
                    )
                )
        except KeyboardInterrupt:
            self._validate()
            raise
        finally:
            self.save()

    def share(self) -> float:
        """Share of the budget that is used up, by steps or by minutes, whichever is larger."""
        shares = [0.0]
        if self.settings.steps:
            shares.append(self.step / self.settings.steps)
        if self.settings.minutes:
            shares.append(self.elapsed / (60 * self.settings.minutes))
        return max(shares)

    def save(self) -> None:
        """Write the checkpoint."""
        state = {
            "identity": self.identity,
            "module": self.module.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "kept": self.kept.saved(),
            "step": self.step,
            "elapsed": self.elapsed,
        }
        save_checkpoint(self.checkpoint, state)

    def _update(self, pairs: Replay) -> tuple[float, float]:
        """One step of the optimiser; returns both losses."""
        share = self.share()
        rate = self._learning_rate(share)
        gating = 0.0 if share < self.recipe.wait else self.recipe.gating
        self.optimiser.set_rates(rate, gating * rate)
        self.module.train()
        turn = self.step % len(self.backbones)
        batch, f = self._pass(pairs, turn)
        s = self.settings
        row, column = torch.randint(losses.THINNING, (2,)).tolist()
        feature = self._feature_loss(f.thinned(row, column))
        divergence = losses.divergence(f, s.temperature)
        ramp = min(1.0, share / self.recipe.ramp) if self.recipe.ramp else 1.0
        task = s.divergence * divergence + s.deep * losses.deep_loss(f)
        loss = self.recipe.feature * feature + ramp * task
        if s.fdm:
            assert isinstance(self.module, AFDModule)
            loss = loss + s.fdm * losses.map_loss(self.module, batch, f)
        if self.optimiser.update(loss, self.scaler):
            self.average.update_parameters(self.module)
        return float(feature.detach()), float(divergence.detach())

    def _pass(self, pairs: Replay, turn: int) -> tuple[Batch, losses.Features]:
        """The next batch, and the features of its pictures in the classifier whose turn it is.

        On a CPU with a single classifier, its outputs for clean pictures are cached, unless
        pictures are varied. With several classifiers, pairs seldom come back to the same one; a
        GPU computes the outputs faster than they could be read.
        """
        drawn, known = pairs.draw()
        batch, backbone = drawn.to(self.device), self.backbones[turn]
        outputs, deep = self._looks_behind_the_plug, self.deep[turn]
        targets = losses.Targets.unpacked(known, len(deep), self.device) if known else None
        varied = self.recipe.varied and outputs
        vary = draw_variation() if varied else None
        f = losses.run(backbone, self.module, batch, targets, outputs=outputs, deep=deep, vary=vary)
        comes_back = len(self.backbones) == 1 and not varied and self.device.type == "cpu"
        if outputs and not known and comes_back:
            front = backbone.can_skip_front(batch.clean.shape[1], batch.clean.shape[2])
            pairs.keep(f.targets(front).packed())
        return batch, f

    @property
    def _looks_behind_the_plug(self) -> bool:
        return self.settings.divergence > 0 or self.settings.deep > 0

    def _learning_rate(self, share: float) -> float:
        """A short warm-up, then cosine decay to zero."""
        warm = min(1.0, share / 0.05 + 0.02)
        return self.settings.lr * warm * 0.5 * (1 + math.cos(math.pi * share))

    def _feature_loss(self, f: losses.Features) -> Tensor:
        """The loss at the plug point; the identity scores 1."""
        angle = self.settings.angle if self.backbones[0].plug == "stem" else 0.0
        loss = (1 - angle) * losses.feature_loss(f)
        return loss + angle * losses.angle_loss(f) if angle else loss

    def _validate(self) -> None:
        self.score, divergences = self.validation.score(self._averaged())
        self.kept.offer(self.score, divergences, self._averaged().state_dict())

    def _averaged(self) -> nn.Module:
        return self.average.module


def _running_average(decay: float) -> Callable[[_Weights, _Weights, Tensor | int], None]:
    """Exponential moving average whose decay grows over the first steps."""

    @torch.no_grad()
    def update(old: _Weights, new: _Weights, count: Tensor | int) -> None:
        n = int(count)
        torch._foreach_lerp_(list(old), list(new), 1 - min(decay, (1 + n) / (10 + n)))

    return update
