"""A degrade run: files -> workers that read and compress -> files and rows of the manifest."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from afdcli.codec.encode import SUFFIX, Compression, compress, require
from afdcli.codec.read import Limits, read_photo
from afdcli.codec.recipe import Recipe
from afdcli.degrade.manifest import NAME, Entry, Manifest, check_folder, check_unused
from afdcli.degrade.output_dir import Folder, Names, lies_in
from afdcli.errors import ErrorCode, PhotoError, UsageError
from afdcli.inputs.archives import read_source
from afdcli.inputs.found import Found, Source
from afdcli.results.rows import FAILED
from afdcli.storage.lock import locked
from afdcli.storage.text import printable
from afdcli.view.crop import benchmark_crop, upright
from afdcli.workers.pool import TIMEOUT_S, WorkerPool, default_workers

_IN_FLIGHT = 4  # tasks per worker that are begun and not yet written


@dataclass(frozen=True)
class Settings:
    """What a run does.

    Attributes:
        recipes: at least one, all of one codec; with several, each has a subfolder of its own,
            such as ``qf10``.
        out: the output folder.
        crop: side of the square that is cut out first (`benchmark_crop`); None for whole photos.
        seed: of the quality factors that are drawn.
        workers: processes; None for one per processor.
        timeout: seconds that one photo may take.
        overwrite: replace the files and the manifest of an earlier run.
    """

    recipes: tuple[Recipe, ...]
    out: Path
    crop: int | None = None
    seed: int = 0
    workers: int | None = None
    timeout: float = TIMEOUT_S
    overwrite: bool = False


@dataclass
class Tally:
    """What a run adds up to.

    Attributes:
        photos: inputs that are done.
        rows: of the manifest; one per photo and recipe.
        failed: error code -> rows.
        replaced: written files that replaced older ones.
        bytes_before, bytes_after: of the inputs and outputs of the rows that did not fail.
        seconds: since the run began.
    """

    photos: int = 0
    rows: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    replaced: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    seconds: float = 0.0

    @property
    def failures(self) -> int:
        """Rows that failed."""
        return self.failed.total()

    @property
    def written(self) -> int:
        """Files that were written."""
        return self.rows - self.failures

    @property
    def rate(self) -> float:
        """Photos per second."""
        return self.photos / self.seconds if self.seconds else 0.0

    def count(self, entry: Entry, replaced: bool) -> None:
        """Add a row of the manifest."""
        self.rows += 1
        if entry.status == FAILED:
            self.failed[entry.error] += 1
        else:
            self.replaced += replaced
            self.bytes_before += entry.bytes_before or 0
            self.bytes_after += entry.bytes_after or 0


@dataclass(frozen=True)
class Task:
    """One photo and what is to become of it: the rounds of each recipe."""

    path: Path
    variants: tuple[tuple[Compression, ...], ...]
    source: Source | None = None


@dataclass(frozen=True)
class Degraded:
    """What a worker made of a `Task`.

    Attributes:
        files: the bytes of each variant.
        bytes_before: size of the photo's own file.
        width, height: of all of them, pixels.
        note: remarks on how the photo was read.
    """

    files: tuple[bytes, ...]
    bytes_before: int | None
    width: int
    height: int
    note: str


@dataclass(frozen=True)
class Degrade:
    """The function that workers run: a picklable callable."""

    crop: int | None

    def __call__(self, task: Task) -> Degraded:
        """Read, orient, crop and compress one photo.

        Raises:
            PhotoError: the file is no usable picture, or too large for the codec.
        """
        where: Path | bytes = task.path
        if task.source is not None:
            where = read_source(task.source, Limits().max_bytes)
        photo = read_photo(where)
        pixels = benchmark_crop(photo, self.crop) if self.crop else upright(photo)
        files = tuple(compress(pixels, rounds) for rounds in task.variants)
        height, width = pixels.shape[:2]
        before = len(where) if isinstance(where, bytes) else _size(where)
        return Degraded(files, before, width, height, "; ".join(photo.notes))


def degrade(
    inputs: Iterable[Found],
    settings: Settings,
    sources: Sequence[str | Path] = (),
    on_rows: Callable[[Tally], None] = lambda _: None,
) -> Tally:
    """Degrade *inputs* into ``settings.out``, with one manifest row per input and recipe.

    Equal seeds give equal files, whatever the number of workers and whichever other files there
    are; only a name that two inputs compete for depends on both.

    Args:
        inputs: consumed lazily.
        settings: see there.
        sources: paths that the inputs come from; none of them may lie in the output folder.
        on_rows: called with the counts so far after every photo.

    Raises:
        UsageError: the output folder is in use for something else, by an earlier run or by one
            that goes on; or holds a source.
        ResultsError: the disk refuses a file; the manifest lists those written before.
        KeyboardInterrupt: passed on, likewise.
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
            run.over(inputs, on_rows)
    return run.tally


def check_sources(sources: Iterable[str | Path], out: Path) -> None:
    """See that no source is the output folder or lies in it.

    Raises:
        UsageError: one does.
    """
    for source in sources:
        if lies_in(Path(source), out):
            raise UsageError(f"{source} lies in the output folder {out}: choose another --out")


@dataclass(frozen=True)
class _Job:
    """An input that is with the workers, and the name of its output."""

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

    def over(self, inputs: Iterable[Found], on_rows: Callable[[Tally], None]) -> None:
        settings = self._settings
        workers = settings.workers or default_workers()
        jobs: deque[_Job] = deque()  # in order

        def tasks() -> Iterator[Task]:
            for found in inputs:
                jobs.append(self._job(found))
                yield jobs[-1].task

        started = time.monotonic()
        with WorkerPool(workers, timeout_s=settings.timeout) as pool:
            work = Degrade(settings.crop)
            for _, outcome in pool.ordered(work, tasks(), _IN_FLIGHT * workers):
                self._finish(jobs.popleft(), outcome)
                self.tally.photos += 1
                self.tally.seconds = time.monotonic() - started
                on_rows(self.tally)

    def _job(self, found: Found) -> _Job:
        seed, recipes = self._settings.seed, self._settings.recipes
        variants = tuple(recipe.draw(seed, found.relative) for recipe in recipes)
        return _Job(
            found, self._names.take(found.relative), Task(found.path, variants, found.source)
        )

    def _finish(self, job: _Job, outcome: Degraded | PhotoError) -> None:
        """Write the files and rows of one input."""
        own = job.found.source is None
        if own and self._folder.holds(job.found.path):
            message = "lies in the output folder, and nothing is degraded twice"
            outcome = PhotoError(ErrorCode.UNREADABLE, message)
        for number, (recipe, rounds) in enumerate(
            zip(self._settings.recipes, job.task.variants, strict=True)
        ):
            entry = Entry(
                source=job.found.relative,
                codec=recipe.codec,
                qf=";".join(str(step.quality) for step in rounds),
                subsampling=recipe.subsampling,
                bytes_before=outcome.bytes_before
                if isinstance(outcome, Degraded)
                else _size(job.found.path)
                if own
                else None,
            )
            replaced = False
            if isinstance(outcome, PhotoError):
                entry = replace(entry, status=FAILED, error=str(outcome.code), note=outcome.message)
            else:
                data = outcome.files[number]
                path = self._place(recipe, job.target)
                replaced = self._folder.write(path, data)
                entry = replace(
                    entry,
                    output=printable(str(path)),
                    width=outcome.width,
                    height=outcome.height,
                    bytes_after=len(data),
                    note=outcome.note,
                )
            self._manifest.write(entry)
            self.tally.count(entry, replaced)

    def _place(self, recipe: Recipe, target: PurePosixPath) -> PurePosixPath:
        return target if len(self._settings.recipes) == 1 else f"qf{recipe.quality}" / target


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return None
