"""The folder of machine code: ownership, locking and removal."""

import os
import time
from pathlib import Path

import pytest

from streamlyt.core.numerics import kernel_cache
from streamlyt.core.numerics.kernel_cache import CacheFolder

DAY = 86_400.0


def folder(base, digest):
    """Create a folder as if in a separate process."""
    return CacheFolder(base, "code", f"{digest:04x}")


def left(base, digest, age):
    """Create a folder as left by a process that ended a number of seconds ago."""
    one = folder(base, digest)
    os.close(one._lock)
    then = time.time() - age
    os.utime(one.path / "last-use", (then, then))
    (one.path / "code.nbc").write_text("code")
    return one.path


def names(base):
    return sorted(path.name for path in base.iterdir())


def test_folder_is_private_and_locked(tmp_path):
    one = folder(tmp_path / "a" / "b", 1)
    assert one.path == tmp_path / "a" / "b" / "code-0001"
    assert one.path.stat().st_mode & 0o777 == 0o700
    assert one.refusal() is None


def test_folders_unused_for_a_month_are_removed(tmp_path):
    left(tmp_path, 1, 31 * DAY)
    left(tmp_path, 2, 29 * DAY)
    folder(tmp_path, 3)
    assert names(tmp_path) == ["code-0002", "code-0003"]


def test_sixteen_last_used_folders_stay(tmp_path):
    for digest in range(1, 21):
        left(tmp_path, digest, digest * DAY)
    folder(tmp_path, 0)
    assert names(tmp_path) == [f"code-{digest:04x}" for digest in range(16)]


def test_all_folders_of_the_last_hour_stay(tmp_path):
    for digest in range(1, 21):
        left(tmp_path, digest, digest)
    folder(tmp_path, 0)
    assert len(names(tmp_path)) == 21


def test_folder_in_use_stays_at_any_age(tmp_path):
    used = folder(tmp_path, 1)
    os.utime(used.path / "last-use", (1.0, 1.0))
    folder(tmp_path, 2)
    assert names(tmp_path) == ["code-0001", "code-0002"]
    os.close(used._lock)
    folder(tmp_path, 3)
    assert names(tmp_path) == ["code-0002", "code-0003"]


def test_existing_folder_is_swept_once_a_day(tmp_path):
    left(tmp_path, 1, 0.5 * DAY)
    left(tmp_path, 2, 31 * DAY)
    folder(tmp_path, 1)
    assert names(tmp_path) == ["code-0001", "code-0002"]
    left(tmp_path, 1, 1.5 * DAY)
    folder(tmp_path, 1)
    assert names(tmp_path) == ["code-0001"]


def test_folder_used_before_its_removal_stays(tmp_path):
    path = left(tmp_path, 1, 31 * DAY)
    seen = os.lstat(path / "last-use").st_mtime
    os.utime(path / "last-use")
    kernel_cache._remove_unused(path, seen)
    assert names(tmp_path) == ["code-0001"]


def test_process_creates_a_folder_again_after_a_concurrent_removal(tmp_path, monkeypatch):
    path = left(tmp_path, 1, 31 * DAY)
    flock, locks = kernel_cache.fcntl.flock, []

    def removed_first(lock, operation):
        if not locks:
            locks.append(lock)
            path.rename(tmp_path / "code-0001.gone")
        flock(lock, operation)

    monkeypatch.setattr(kernel_cache.fcntl, "flock", removed_first)
    one = folder(tmp_path, 1)
    assert locks
    assert os.path.samestat(os.fstat(one._lock), os.stat(one.path / "last-use"))


def test_folders_without_a_stamp_are_removed_by_their_own_age(tmp_path):
    for name, age in ("code-0001", 31 * DAY), ("code-0002", DAY):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    folder(tmp_path, 3)
    assert names(tmp_path) == ["code-0002", "code-0003"]


def test_remains_of_killed_processes_are_removed(tmp_path):
    path = left(tmp_path, 1, 2 * DAY)
    (tmp_path / "code-0009.0123").mkdir()
    for name, age in ("code.nbc.tmp.12", 2 * DAY), ("code.nbc.tmp.34", 1.0):
        (path / name).write_text("half")
        os.utime(path / name, (time.time() - age,) * 2)
    folder(tmp_path, 1)
    assert names(tmp_path) == ["code-0001"]
    assert names(path) == ["code.nbc", "code.nbc.tmp.34", "last-use"]


def test_other_files_stay(tmp_path):
    for name in "code-0001x", "other-0001", "code-01", "features_0123":
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1.0, 1.0))
    (tmp_path / "code-0002").write_text("a file")
    (tmp_path / "code-0003").symlink_to(tmp_path / "other-0001")
    before = names(tmp_path)
    folder(tmp_path, 4)
    assert names(tmp_path) == sorted([*before, "code-0004"])


@pytest.mark.parametrize("mode", [0o777, 0o720, 0o702])
def test_folder_that_others_can_write_is_rejected(tmp_path, mode):
    one = folder(tmp_path, 1)
    one.path.chmod(mode)
    expected = f"{one.path} can be written by other users"
    assert one.refusal() == folder(tmp_path, 1).refusal() == expected


def test_folder_in_a_world_writable_folder_is_rejected(tmp_path):
    tmp_path.chmod(0o777)
    assert folder(tmp_path, 1).refusal() == f"{tmp_path} can be written by every user"
    tmp_path.chmod(0o1777)  # as /tmp is: only the owner renames what is in it
    assert folder(tmp_path, 1).refusal() is None


def test_folder_of_another_user_is_rejected(tmp_path, monkeypatch):
    one = folder(tmp_path, 1)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert one.refusal() == f"{one.path} belongs to another user"


def test_folder_in_a_cache_of_another_user_is_rejected(tmp_path, monkeypatch):
    one = folder(tmp_path, 1)
    stat = os.stat

    def others(path, **rest):
        real = stat(path, **rest)
        owned = Path(path) == tmp_path
        return os.stat_result([*real[:4], os.geteuid() + 1, *real[5:]]) if owned else real

    monkeypatch.setattr(os, "stat", others)
    assert one.refusal() == f"{tmp_path} belongs to another user"


def test_link_of_that_name_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "code-0001").symlink_to(tmp_path / "elsewhere")
    one = folder(tmp_path / "base", 1)
    assert one.refusal() is None
    assert not one.path.is_symlink()
    assert names(tmp_path / "elsewhere") == []


@pytest.mark.parametrize("place", ["file", "stamp", "closed"])
def test_damaged_folder_is_repaired(tmp_path, place):
    path = tmp_path / "code-0001"
    if place == "file":
        path.write_text("no folder")
    elif place == "stamp":
        (path / "last-use" / "deep").mkdir(parents=True, mode=0o700)
        path.chmod(0o700)
    else:
        path.mkdir(mode=0o000)
    one = folder(tmp_path, 1)
    assert one.refusal() is None
    assert one._lock is not None
    assert path.stat().st_mode & 0o777 == 0o700


def test_folder_that_cannot_be_created_is_rejected_with_the_reason(tmp_path):
    (tmp_path / "file").write_text("")
    one = folder(tmp_path / "file", 1)
    assert one.refusal() == f"{one.path} cannot be used (File exists)"


def test_removed_folder_is_created_again(tmp_path):
    one = folder(tmp_path, 1)
    kernel_cache.discard(one.path)
    assert one.refusal() == f"{one.path} cannot be used (No such file or directory)"
    one.restore()
    assert one.refusal() is None
