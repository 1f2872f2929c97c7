"""As in a locked-down container: a read-only root, no rights, no home, no shared memory."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from kit.classify import of_kit, table

#: Only the two folders in the current one can be written to.
LOCK_DOWN = """
set -e
mount -o remount,bind,ro /
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs out
mount -t tmpfs -o ro,mode=000 tmpfs /dev/shm
export HOME=/nowhere XDG_CACHE_HOME=/nowhere/cache TMPDIR=$PWD/tmp LC_ALL=C
inner='"$@"; code=$?; cat out/results.csv; exit $code'
exec setpriv --bounding-set=-all --inh-caps=-all bash -c "$inner" - "$@"
"""


@pytest.mark.slow
def test_a_read_only_system(kit: Path, photos: Path) -> None:
    for name in ("tmp", "out"):
        Path(name).mkdir()
    probe = ["unshare", "--mount", "mount", "-o", "remount,bind,ro", "/"]
    if not shutil.which("unshare") or subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("needs root and unshare")
    line = [sys.executable, "-m", "afdcli", "classify", photos, "--out", "out/results.csv"]
    line += ["--runtime", "torch", "--workers", "1", "--quiet", *of_kit(kit)]
    lock_down = ["unshare", "--mount", "bash", "-c", LOCK_DOWN, "-"]
    run = subprocess.run([*lock_down, *map(str, line)], capture_output=True, text=True)
    assert run.returncode == 1, run.stderr  # three files are broken on purpose
    Path("results.csv").write_text(run.stdout)
    assert table()["status"].value_counts().to_dict() == {"ok": 11, "failed": 3}
