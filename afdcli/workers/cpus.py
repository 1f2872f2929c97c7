"""How many processors this process may use: its CPU affinity, limited by its cgroup quota.

Under ``docker run --cpus 2`` a process sees all processors but gets the time of only two.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def available_cpus() -> int:
    """Number of processors, at least 1; a quota of 1.5 counts as 2."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota()
    return here if quota is None else max(1, min(here, math.ceil(quota)))


def cpu_quota(root: Path = Path("/")) -> float | None:
    """Smallest quota, in processors, of this process's cgroup and its parents; None without one.

    Reads version 2 (``cpu.max``) and version 1 (``cpu.cfs_quota_us``) of cgroups, see the kernel's
    Documentation/admin-guide/cgroup-v2.rst and scheduler/sched-bwc.rst.

    Args:
        root: the folder that contains ``/proc`` and ``/sys``.
    """
    try:
        groups = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
        mounts = (root / "proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):  # not Linux
        return None
    quotas = [
        quota
        for mount, inside in _mounts(mounts)
        for path in _paths(groups, inside is None)
        for folder in _upwards(root, mount, path)
        if (quota := _quota(folder)) is not None
    ]
    return min(quotas, default=None)


def _mounts(lines: list[str]) -> Iterator[tuple[tuple[str, str], str | None]]:
    """((root, mount point), None for version 2 or "cpu" for version 1) of cgroup mounts."""
    for line in lines:
        left, _, right = line.partition(" - ")
        fields, kinds = left.split(), right.split()
        if len(fields) < 5 or len(kinds) < 3:
            continue
        where = (fields[3], fields[4])
        if kinds[0] == "cgroup2":
            yield where, None
        elif kinds[0] == "cgroup" and "cpu" in kinds[2].split(","):
            yield where, "cpu"


def _paths(lines: list[str], version_2: bool) -> Iterator[str]:
    """The path of this process's cgroup, if it has one."""
    for line in lines:
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if (version_2 and number == "0") or (not version_2 and "cpu" in controllers.split(",")):
            yield path


def _upwards(root: Path, mount: tuple[str, str], path: str) -> Iterator[Path]:
    """The folder of the cgroup *path* below *mount*, then its parents."""
    top, place = mount
    try:
        inside = PurePosixPath(path).relative_to(top)
    except ValueError:  # a container sees its own cgroup as the top of the mount
        inside = PurePosixPath()
    folder = root / place.lstrip("/")
    for part in (inside, *inside.parents):
        yield folder / part


def _quota(folder: Path) -> float | None:
    """Number of processors that the cgroup in *folder* may use; None for no limit."""
    new, old = _words(folder, "cpu.max"), _words(folder, "cpu.cfs_quota_us", "cpu.cfs_period_us")
    words = new or old
    if len(words) != 2 or not all(word.isdecimal() and int(word) for word in words):
        return None  # "max", or -1
    return int(words[0]) / int(words[1])


def _words(folder: Path, *names: str) -> list[str]:
    """The words in the files *names*; empty if one is missing."""
    try:
        texts = [(folder / name).read_text(encoding="utf-8") for name in names]
    except (OSError, ValueError):  # the other version, or the root cgroup, which has no such file
        return []
    return " ".join(texts).split()
