"""Running totals of a degrade run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from afdcli.degrade.manifest import Entry
from afdcli.results.rows import FAILED
from afdcli.results.summary import FIRST_FAILED


@dataclass
class Tally:
    """Running totals; everything is counted in images but *files* and their bytes.

    Attributes:
        done: images processed.
        failed: error code -> number of images.
        files: files written: one per image and recipe.
        replaced: files that replaced existing ones.
        bytes_before, bytes_after: total size of inputs and outputs, over the files written.
        seconds: time since the start of the run.
        first_failed: manifest rows of the first `FIRST_FAILED` failed images.
    """

    done: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    files: int = 0
    replaced: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    seconds: float = 0.0
    first_failed: list[Entry] = field(default_factory=list, repr=False)

    @property
    def failures(self) -> int:
        """Number of failed images."""
        return self.failed.total()

    @property
    def compressed(self) -> int:
        """Number of images that were compressed."""
        return self.done - self.failures

    @property
    def rate(self) -> float:
        """Images per second; 0 before the first one."""
        return self.done / self.seconds if self.seconds else 0.0

    def add_file(self, entry: Entry, replaced: bool) -> None:
        """Count a written file; *replaced*: it replaced an existing one."""
        self.files += 1
        self.replaced += replaced
        self.bytes_before += entry.bytes_before or 0
        self.bytes_after += entry.bytes_after or 0

    def add_image(self, last: Entry, seconds: float) -> None:
        """Count an image once all its rows are written.

        Args:
            last: one of its rows; all of them have failed, or none.
            seconds: since the start of the run.
        """
        self.done += 1
        self.seconds = seconds
        if last.status == FAILED:
            self.failed[last.error] += 1
            if len(self.first_failed) < FIRST_FAILED:
                self.first_failed.append(last)

    def counts(self) -> dict[str, Any]:
        """The totals as plain data for JSON."""
        return {
            "images": self.done,
            "compressed": self.compressed,
            "failed": dict(self.failed),
            "files": self.files,
            "replaced": self.replaced,
            "bytes_before": self.bytes_before,
            "bytes_after": self.bytes_after,
            "seconds": round(self.seconds, 2),
            "images_per_second": round(self.rate, 2),
        }
