"""The degrade run: workers read and compress photos; this process writes files and manifest."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from afdcli.codec.encode import SUFFIX, Compression, Recipe, compress, require
from afdcli.codec.limits import Limits
from afdcli.codec.read import read_photo
from afdcli.degrade.manifest import NAME, Entry, Manifest, check_folder, check_unused
from afdcli.degrade.output_dir import Folder, Names, lies_in
from afdcli.degrade.tally import Tally
from afdcli.errors import ErrorCode, PhotoError, UsageError
from afdcli.inputs.archives import read_source
from afdcli.inputs.found import Found, Source
from afdcli.results.rows import FAILED
from afdcli.storage.lock import locked
from afdcli.storage.text import printable
from afdcli.storage.uninterrupted import uninterrupted
from afdcli.view.crop import benchmark_crop, upright
from afdcli.workers.cpus import available_cpus
from afdcli.workers.pool import TIMEOUT_S, WorkerPool

_IN_FLIGHT = 4  # tasks per worker that are started but not yet written


@dataclass(frozen=True)
class Settings:
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
        overwrite: replace the files and the manifest of an earlier run.
    """

    recipes: tuple[Recipe, ...]
    out: Path
    crop: int | None = None
    seed: int = 0
    workers: int | None = None
    timeout: float = TIMEOUT_S
    overwrite: bool = False


@dataclass(frozen=True)
class Task:
    """One photo to degrade.

    Attributes:
        path: the photo's file.
        variants: the successive compressions of each recipe.
        source: the archive or URL to read the photo from; None to read *path*.
    """

    path: Path
    variants: tuple[tuple[Compression, ...], ...]
    source: Source | None = None


@dataclass(frozen=True)
class Degraded:
    """Result of a `Task`.

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


@dataclass(frozen=True)
class Degrade:
    """The function that workers call, as a picklable object.

    Attributes:
        crop: see `Settings`.
    """

    crop: int | None

    def __call__(self, task: Task) -> Degraded:
        """Read, orient, crop and compress one photo.

        Raises:
            PhotoError: the photo cannot be read, or is too large for the codec.
        """
        file: Path | bytes = task.path
        if task.source is not None:
            file = read_source(task.source, Limits().max_bytes)
        photo = read_photo(file)
        pixels = benchmark_crop(photo, self.crop) if self.crop else upright(photo)
        files = tuple(compress(pixels, rounds) for rounds in task.variants)
        height, width = pixels.shape[:2]
        before = len(file) if isinstance(file, bytes) else _size(file)
        return Degraded(files, before, width, height, "; ".join(photo.notes))


def degrade(
    inputs: Iterable[Found],
    settings: Settings,
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
    folder = Folder(settings.out)
    with locked(settings.out / NAME):
        if not settings.overwrite:
            check_unused(settings.out)
        with Manifest(settings.out) as manifest:
            run = _Run(settings, folder, manifest)
            run.process(inputs, on_image)
    return run.tally


def check_sources(sources: Iterable[str | Path], out: Path) -> None:
    """Check that no source is the output folder or in it.

    Raises:
        UsageError: a source is.
    """
    for source in sources:
        if lies_in(Path(source), out):
            raise UsageError(f"{source} is in the output folder {out}: choose another --out")


@dataclass(frozen=True)
class _Job:
    """An input that was passed to the workers, and its output path."""

    found: Found
    target: PurePosixPath
    task: Task


class _Run:
    """The loop of `degrade`."""

    def __init__(self, settings: Settings, folder: Folder, manifest: Manifest) -> None:
        self.tally = Tally()
        self._settings = settings
        self._folder = folder
        self._manifest = manifest
        self._names = Names(SUFFIX[settings.recipes[0].codec])

    def process(self, inputs: Iterable[Found], on_image: Callable[[Tally], None]) -> None:
        settings = self._settings
        workers = settings.workers or available_cpus()
        jobs: deque[_Job] = deque()  # in input order

        def tasks() -> Iterator[Task]:
            for found in inputs:
                jobs.append(self._job(found))
                yield jobs[-1].task

        started = time.monotonic()
        with WorkerPool(workers, timeout_s=settings.timeout) as pool:
            work = Degrade(settings.crop)
            for _, outcome in pool.ordered(work, tasks(), _IN_FLIGHT * workers):
                last = self._finish(jobs.popleft(), outcome)
                with uninterrupted():
                    self.tally.add_image(last, time.monotonic() - started)
                    on_image(self.tally)

    def _job(self, found: Found) -> _Job:
        seed, recipes = self._settings.seed, self._settings.recipes
        variants = tuple(recipe.draw(seed, found.relative) for recipe in recipes)
        return _Job(
            found, self._names.take(found.relative), Task(found.path, variants, found.source)
        )

    def _finish(self, job: _Job, outcome: Degraded | PhotoError) -> Entry:
        """Write the output files and manifest rows of one input; the last of its rows."""
        several = len(self._settings.recipes) > 1
        is_file = job.found.source is None
        if is_file and self._folder.holds(job.found.path):
            message = "is in the output folder; outputs are not degraded again"
            outcome = PhotoError(ErrorCode.UNREADABLE, message)
        if isinstance(outcome, Degraded):
            bytes_before = outcome.bytes_before
        else:
            bytes_before = _size(job.found.path) if is_file else None
        for number, (recipe, rounds) in enumerate(
            zip(self._settings.recipes, job.task.variants, strict=True)
        ):
            entry = Entry(
                source=job.found.relative,
                codec=recipe.codec,
                qf=";".join(str(step.quality) for step in rounds),
                subsampling=recipe.subsampling,
                bytes_before=bytes_before,
            )
            replaced = False
            if isinstance(outcome, PhotoError):
                entry = replace(entry, status=FAILED, error=str(outcome.code), note=outcome.message)
            else:
                data = outcome.files[number]
                path = f"qf{recipe.quality}" / job.target if several else job.target
                replaced = self._folder.write(path, data)
                entry = replace(
                    entry,
                    output=printable(str(path)),
                    width=outcome.width,
                    height=outcome.height,
                    bytes_after=len(data),
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
