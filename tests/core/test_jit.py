"""Machine code is never older than its source, and no state of its folder is an error."""

import errno
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from streamlyt.core.numerics import jit as jit_module
from streamlyt.core.numerics.jit import compiling_notice, jit, kernel_cache_dir, notify_on_compile
from streamlyt.systems._kernels.integrators import _sum
from tests.detectors.naive_multiscale_newma import compiled_only

pytestmark = compiled_only

KERNEL = getattr(_sum, "py_func", _sum)
VALUES = np.arange(1.0, 5.0)
OURS = "jit.py", "kernel_sources.py", "kernel_cache.py"
TINY = {
    "__init__.py": "",
    "_constants.py": "FACTOR = 10\n",
    "core/__init__.py": "",
    "core/numerics/__init__.py": "",
    "far/__init__.py": "",
    "far/_kernels/__init__.py": "",
    "far/_kernels/inner.py": (
        "from streamlyt.core.numerics.jit import jit\nfrom streamlyt._constants import FACTOR\n"
        "@jit()\ndef inner(x):\n    return FACTOR * x + 1\n"
    ),
    "_kernels_outer.py": (
        "from streamlyt.core.numerics.jit import jit\n\nfrom .far._kernels.inner import inner\n"
        "@jit()\ndef outer(x):\n    return inner(x)\n"
    ),
}
SHOW = (
    "from streamlyt._kernels_outer import outer\n"
    "print(outer(2), sum(outer.stats.cache_hits.values()))"
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of kernels, in a cache of its own."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    return Path(kernel_cache_dir())


def call(x=VALUES):
    """Call a kernel as a new process would; return whether it was compiled, not read."""
    with notify_on_compile(lambda: None) as has_compiled:
        assert jit()(KERNEL)(x) == x.sum()
        return has_compiled()


def files(folder):
    return sorted(path for path in folder.iterdir() if path.name != "last-use")


@pytest.fixture
def tiny(tmp_path):
    """A package of two kernels in two files, and a function that runs it in a new process."""
    root = tmp_path / "package" / "streamlyt"
    numerics = root / "core" / "numerics"
    numerics.mkdir(parents=True)
    for name in OURS:
        shutil.copy(Path(jit_module.__file__).with_name(name), numerics)
    for name, text in TINY.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)

    def start():
        return subprocess.Popen(
            [sys.executable, "-B", "-c", SHOW],
            env={"PYTHONPATH": str(root.parent), "NUMBA_CACHE_DIR": str(tmp_path / "cache")},
            cwd=root.parent,
            stdout=subprocess.PIPE,
            text=True,
        )

    return root, start


def shown(process):
    """Return the result of a process, and the number of kernels it read."""
    value, read = process.communicate()[0].split()
    assert process.returncode == 0
    return int(value), int(read)


@pytest.mark.slow
def test_edit_of_an_imported_file_takes_effect_in_the_next_process(tiny):
    root, start = tiny
    assert shown(start()) == (21, 0)
    assert shown(start()) == (21, 1)
    (root / "_constants.py").write_text("FACTOR = 100\n")
    assert shown(start()) == (201, 0)
    inner = root / "far" / "_kernels" / "inner.py"
    inner.write_text(inner.read_text().replace("x + 1", "x + 7"))
    assert shown(start()) == (207, 0)
    inner.write_text(inner.read_text().replace("x + 7", "x + 1"))
    assert shown(start()) == (201, 1)  # kept from then


@pytest.mark.slow
def test_concurrent_compilations_leave_valid_entries(tiny):
    _, start = tiny
    racing = [start() for _ in range(3)]
    assert {shown(process)[0] for process in racing} == {21}
    assert shown(start()) == (21, 1)


def test_kernel_is_compiled_once_and_then_read(folder):
    assert call()
    assert [path.suffix for path in files(folder)] == [".nbc", ".nbi"]
    assert not call()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_each_signature_is_cached(folder):
    assert call()
    assert call(VALUES.astype(np.float32))
    assert not call()
    assert not call(VALUES.astype(np.float32))


def test_index_without_a_signature_of_another_process_stays_consistent(folder):
    call()
    (index,) = folder.glob("*.nbi")
    before = index.read_bytes()
    index.unlink()
    call(VALUES.astype(np.float32))  # as one that had read the index before the first wrote it
    assert len(list(folder.glob("*.nbc"))) == 2
    assert not call(VALUES.astype(np.float32))
    index.write_bytes(before)
    assert not call()
    assert call(VALUES.astype(np.float32))


def emptied(path):
    path.write_bytes(b"")


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def cut_short(path):
    path.write_bytes(path.read_bytes()[:20])


def garbage(path):
    path.write_bytes(bytes(range(256)) * 20)


def other_pickle(path):
    path.write_bytes(pickle.dumps(("0.61.0", {"a": 1})))


def one_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def gone(path):
    path.unlink()


def a_folder(path):
    path.unlink()
    path.mkdir()
    (path / "file").write_text("")


def a_link_to_itself(path):
    path.unlink()
    path.symlink_to(path.name)


def unreadable(path):
    path.chmod(0)


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize(
    "damage",
    [
        *(emptied, cut, cut_short, garbage, other_pickle, one_bit),
        *(gone, a_folder, a_link_to_itself, unreadable),
    ],
)
def test_damaged_entry_is_removed_and_recompiled(folder, monkeypatch, damage, suffix):
    call()
    (path,) = folder.glob("*" + suffix)
    damage(path)
    if damage is unreadable:
        _forbid_reading(monkeypatch)
    assert call()
    assert not call()
    assert len(files(folder)) == 2


def _forbid_reading(monkeypatch):
    """Make reading a file without permissions fail, as for all users but root."""

    def guarded(file, mode="r", **rest):
        if "r" in mode and Path(file).exists() and not Path(file).stat().st_mode & 0o777:
            raise PermissionError(errno.EACCES, "Permission denied", str(file))
        return open(file, mode, **rest)

    monkeypatch.setattr(jit_module, "open", guarded, raising=False)


def test_intact_entry_that_cannot_be_unpickled_is_recompiled(folder, monkeypatch):
    call()

    def fails(*_):
        raise AttributeError("a class that is no more")

    with monkeypatch.context() as patch:
        patch.setattr(jit_module._KernelImpl, "rebuild", fails)
        assert call()
    assert not call()


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_full_disk_is_no_error(folder, monkeypatch, error):
    def full(*_):
        raise OSError(error, "no")

    monkeypatch.setattr(jit_module._Entries, "_open_for_write", full)
    assert call()
    assert call()
    assert files(folder) == []


def test_folder_removed_during_a_run_is_created_again(folder):
    first = jit()(KERNEL)
    shutil.rmtree(folder)
    assert first(VALUES) == 10.0
    assert not call()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_folder_that_others_can_write_is_not_used(folder):
    call()
    folder.chmod(0o777)
    assert call()
    assert call(VALUES.astype(np.float32))
    assert len(files(folder)) == 2
    assert compiling_notice() == (
        f"Compiling numba kernels for this run only (up to 60 s), as {folder} can be written by "
        "other users; set NUMBA_CACHE_DIR to a folder of your own"
    )


def test_notice_names_the_folder(folder):
    notice = f"Compiling numba kernels (first run only, up to 60 s); cache: {folder}"
    assert compiling_notice() == notice


def test_code_compiled_after_an_edit_is_not_cached(folder, monkeypatch):
    monkeypatch.setattr(jit_module._sources(), "unchanged", lambda: False)
    assert call()
    assert files(folder) == []


def test_function_outside_the_hash_is_not_cached(folder):
    def double(x):
        return 2 * x

    assert jit()(double)(3) == 6
    assert files(folder) == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("CPU_NAME", "nehalem"),  # not "generic", which a run may have set already
        ("CPU_FEATURES", "+sse2"),
        ("OPT", 0),
        ("BOUNDSCHECK", 1),
        ("ENABLE_AVX", 0),
    ],
)
def test_other_processor_or_setting_has_another_folder(folder, monkeypatch, setting, value):
    monkeypatch.setattr(jit_module.config, setting, value)
    other = jit_module._folder.__wrapped__(folder.parent)
    assert other.path.parent == folder.parent
    assert other.path != folder


@pytest.mark.parametrize("library", ["numba", "llvmlite", "np"])
def test_other_version_has_another_folder(folder, monkeypatch, library):
    monkeypatch.setattr(getattr(jit_module, library), "__version__", "0.0")
    assert jit_module._folder.__wrapped__(folder.parent).path != folder


def test_same_sources_and_processor_have_the_same_folder(folder):
    assert jit_module._folder.__wrapped__(folder.parent).path == folder


def test_kernels_with_unreadable_sources_are_not_cached(folder, monkeypatch):
    monkeypatch.setattr(jit_module, "_sources", lambda: None)
    jit_module._folder.cache_clear()
    try:
        assert call()
        assert call()
        assert "their sources cannot be read" in compiling_notice()
    finally:
        jit_module._folder.cache_clear()
