"""Quotas of cgroups count as processors, in both versions and in nested groups."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from afdcli.classify.settings import Settings
from afdcli.classify.setup import set_up
from afdcli.errors import UsageError
from afdcli.inference import torch_threads
from afdcli.train.run import train
from afdcli.workers import cpus
from afdcli.workers.cpus import available_cpus, cpu_quota

V2 = "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw"
V1 = "32 31 0:29 {} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct"
SET = "33 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset"


def machine(root: Path, groups: str, mounts: str, files: dict[str, str]) -> float | None:
    """The quota where ``/proc`` and ``/sys/fs/cgroup`` hold these."""
    texts = {"proc/self/cgroup": groups, "proc/self/mountinfo": mounts}
    texts |= {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")
    return cpu_quota(root)


@pytest.mark.parametrize(
    ("groups", "mounts", "files", "quota"),
    [
        ("0::/", V2, {"cpu.max": "150000 100000"}, 1.5),
        ("0::/", V2, {"cpu.max": "max 100000"}, None),
        ("0::/", V2, {}, None),
        ("0::/a/b", V2, {"a/b/cpu.max": "max 100000", "a/cpu.max": "200000 100000"}, 2.0),
        ("0::/a/b", V2, {"a/b/cpu.max": "50000 100000", "a/cpu.max": "200000 100000"}, 0.5),
        (
            "4:cpu,cpuacct:/docker/x\n3:cpuset:/\n0::/",
            V1.format("/docker/x") + "\n" + SET,
            {"cpu,cpuacct/cpu.cfs_quota_us": "300000", "cpu,cpuacct/cpu.cfs_period_us": "100000"},
            3.0,
        ),
        (
            "4:cpu,cpuacct:/docker/x",
            V1.format("/"),
            {
                "cpu,cpuacct/docker/x/cpu.cfs_quota_us": "-1",
                "cpu,cpuacct/docker/x/cpu.cfs_period_us": "100000",
                "cpu,cpuacct/docker/cpu.cfs_quota_us": "250000",
                "cpu,cpuacct/docker/cpu.cfs_period_us": "100000",
            },
            2.5,
        ),
        ("nonsense", "nonsense", {}, None),
    ],
)
def test_quota(
    tmp_path: Path, groups: str, mounts: str, files: dict[str, str], quota: float | None
) -> None:
    assert machine(tmp_path, groups, mounts, files) == quota


def test_no_linux(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path) is None


def test_torch_keeps_to_the_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    """In `afd classify` and in `afd train`; OMP_NUM_THREADS has the last word."""
    monkeypatch.setattr(torch_threads, "available_cpus", lambda: 1)
    plan = SimpleNamespace(config=None)
    before = torch.get_num_threads()
    starts: list[Callable[[], object]] = [
        lambda: set_up(Settings(device="none")),
        lambda: train(plan, None, None, Path("x"), print),  # type: ignore[arg-type]
    ]
    try:
        for start in starts:
            for name, threads in (("", 1), ("3", 3)):
                monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
                if name:
                    monkeypatch.setenv("OMP_NUM_THREADS", name)
                torch.set_num_threads(3)
                with pytest.raises((UsageError, AttributeError)):  # behind the choice of threads
                    start()
                assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("quota", "cpus_"), [(None, 8), (0.5, 1), (1.5, 2), (2.0, 2), (64.0, 8)])
def test_affinity_and_quota_both_count(
    monkeypatch: pytest.MonkeyPatch, quota: float | None, cpus_: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(cpus, "cpu_quota", lambda: quota)
    assert available_cpus() == cpus_
