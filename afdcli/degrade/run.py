"""The degrade run: workers read and compress photos; this process writes files and manifest."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from afdcli.codec.encode import SUFFIX, Compression, Recipe, compress, require
from afdcli.codec.limits import Limits
from afdcli.codec.read import read_photo
from afdcli.constants import FAILED
from afdcli.degrade.manifest import (
    NAME,
    Entry,
    Manifest,
    check_folder,
    check_unused,
    outputs_in,
)
from afdcli.degrade.output_dir import Names, OutputFolder, lies_in
from afdcli.errors import ErrorCode, PhotoError, UsageError
from afdcli.inputs.archives import read_source
from afdcli.inputs.found import Found
from afdcli.results.summary import FIRST_FAILED
from afdcli.storage.lock import locked
from afdcli.storage.text import printable
from afdcli.storage.uninterrupted import uninterrupted
from afdcli.view.crop import benchmark_crop, upright
from afdcli.workers.cpus import available_cpus
from afdcli.workers.pool import TIMEOUT_S, WorkerPool

_IN_FLIGHT = 4  # tasks per worker that are started but not yet written


@dataclass(frozen=True)
class DegradeSettings:
    """Options of a run.

    Attributes:
        recipes: one or more, all for the same codec. With several, each writes to its own
            subfolder, such as ``qf10``.
        out: the output folder.
        crop: side in pixels of the square that is cut out before compression (see
            `benchmark_crop`); None for whole photos.
        seed: random seed for quality factors, at least 0.
        workers: number of worker processes; None for one per CPU core.
        timeout: seconds allowed per photo.
        overwrite: replace the manifest and the files of an earlier run; at the end, delete those
            that this run did not write again.
    """

    recipes: tuple[Recipe, ...]
    out: Path
    crop: int | None = None
    seed: int = 0
    workers: int | None = None
    timeout: float = TIMEOUT_S
    overwrite: bool = False


@dataclass(frozen=True)
class DegradeTask:
    """One photo to degrade.

    Attributes:
        target: where its outputs go, relative to the folder of each recipe.
        variants: the successive compressions of each recipe.
    """

    found: Found
    target: PurePosixPath
    variants: tuple[tuple[Compression, ...], ...]


@dataclass(frozen=True)
class Degraded:
    """Result of a `DegradeTask`.

    Attributes:
        files: content of the output file of each variant.
        bytes_before: size of the input file in bytes; None if it is unknown.
        width, height: size of every output in pixels.
        note: remarks on how the photo was read.
    """

    files: tuple[bytes, ...]
    bytes_before: int | None
    width: int
    height: int
    note: str


def _degraded(task: DegradeTask, crop: int | None) -> Degraded:
    """Read, orient, crop and compress one photo; called in the workers."""
    file: Path | bytes = task.found.path
    if task.found.source is not None:
        file = read_source(task.found.source, Limits().max_bytes)
    photo = read_photo(file)
    pixels = benchmark_crop(photo, crop) if crop else upright(photo)
    files = tuple(compress(pixels, rounds) for rounds in task.variants)
    height, width = pixels.shape[:2]
    before = len(file) if isinstance(file, bytes) else _size(file)
    return Degraded(files, before, width, height, "; ".join(photo.notes))


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
        """Count an image once all its rows are written; *last* is one of them."""
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


def degrade(
    inputs: Iterable[Found],
    settings: DegradeSettings,
    sources: Sequence[str | Path] = (),
    on_image: Callable[[Tally], None] = lambda _: None,
) -> Tally:
    """Write degraded copies of *inputs* to ``settings.out``, and a manifest row for each.

    The same seed gives the same files, regardless of the number of workers and of other inputs.
    Only the name of an output depends on other inputs, if two would get the same name.

    Args:
        inputs: the photos; consumed lazily.
        settings: options of the run.
        sources: paths that *inputs* come from; none may be in the output folder.
        on_image: called with the totals so far after each image.

    Raises:
        UsageError: the output folder holds other files, the files of an earlier run, or a source;
            or another run is writing to it; or the codec is not installed.
        ResultsError: a file cannot be written; the manifest lists all files written before.
        KeyboardInterrupt: passed on; the manifest lists all files written before.
    """
    require(settings.recipes[0].codec)
    check_sources(sources, settings.out)
    check_folder(settings.out)
    folder = OutputFolder(settings.out)
    with locked(settings.out / NAME):
        if not settings.overwrite:
            check_unused(settings.out)
        earlier = outputs_in(settings.out)
        with Manifest(settings.out) as manifest:
            run = _Run(settings, folder, manifest)
            run.process(inputs, on_image)
        folder.remove(earlier, outputs_in(settings.out))
    return run.tally


def check_sources(sources: Iterable[str | Path], out: Path) -> None:
    """Check that no source is the output folder or in it. Raises UsageError if one is."""
    for source in sources:
        if lies_in(Path(source), out):
            raise UsageError(f"{source} is in the output folder {out}: choose another --out")


class _Run:
    """The loop of `degrade`."""

    def __init__(self, settings: DegradeSettings, folder: OutputFolder, manifest: Manifest) -> None:
        self.tally = Tally()
        self._settings = settings
        self._folder = folder
        self._manifest = manifest
        self._names = Names(SUFFIX[settings.recipes[0].codec])

    def process(self, inputs: Iterable[Found], on_image: Callable[[Tally], None]) -> None:
        settings = self._settings
        workers = settings.workers or available_cpus()
        work = partial(_degraded, crop=settings.crop)
        started = time.monotonic()
        with WorkerPool(workers, timeout_s=settings.timeout) as pool:
            for task, outcome in pool.ordered(work, map(self._task, inputs), _IN_FLIGHT * workers):
                last = self._finish(task, outcome)
                with uninterrupted():
                    self.tally.add_image(last, time.monotonic() - started)
                    on_image(self.tally)

    def _task(self, found: Found) -> DegradeTask:
        seed, recipes = self._settings.seed, self._settings.recipes
        variants = tuple(recipe.draw(seed, found.relative) for recipe in recipes)
        return DegradeTask(found, self._names.take(found.relative), variants)

    def _finish(self, task: DegradeTask, outcome: Degraded | PhotoError) -> Entry:
        """Write the output files and manifest rows of one input; the last of its rows."""
        recipes, is_file = self._settings.recipes, task.found.source is None
        if is_file and self._folder.is_own(task.found.path):
            message = "is in the output folder; outputs are not degraded again"
            outcome = PhotoError(ErrorCode.UNREADABLE, message)
        for number, (recipe, rounds) in enumerate(zip(recipes, task.variants, strict=True)):
            entry = Entry(
                source=task.found.relative,
                codec=recipe.codec,
                qf=";".join(str(step.quality) for step in rounds),
                subsampling=recipe.subsampling,
            )
            replaced = False
            if isinstance(outcome, PhotoError):
                entry = replace(
                    entry,
                    status=FAILED,
                    error=str(outcome.code),
                    bytes_before=_size(task.found.path) if is_file else None,
                    note=outcome.message,
                )
            else:
                several = len(recipes) > 1
                path = f"qf{recipe.quality}" / task.target if several else task.target
                replaced = self._folder.write(path, outcome.files[number])
                entry = replace(
                    entry,
                    output=printable(str(path)),
                    width=outcome.width,
                    height=outcome.height,
                    bytes_before=outcome.bytes_before,
                    bytes_after=len(outcome.files[number]),
                    note=outcome.note,
                )
            with uninterrupted():
                self._manifest.write(entry)
                if entry.status != FAILED:
                    self.tally.add_file(entry, replaced)
        return entry


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return None
