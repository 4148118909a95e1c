"""The top-level folders are importable under one name, however streamlyt is installed."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
PACKAGES = SETUPTOOLS["packages"]
MAPPED_PACKAGES = SETUPTOOLS["package-dir"]

# Imports every exported name, and prints the file of each package.
PRINT_FILES = """
import importlib, json, sys
files = {}
for name in json.loads(sys.argv[1]):
    package = importlib.import_module(name)
    files[name] = package.__file__
    for public in getattr(package, "__all__", ()):
        getattr(package, public)
from streamlyt.detectors import NEWMA
files["NEWMA"] = sys.modules[NEWMA.__module__].__file__
print(json.dumps(files))
"""


def run(*command: str, cwd: Path, **variables: str) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | variables
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def git(*words: str, cwd: Path = ROOT) -> str:
    return run("git", *words, cwd=cwd)


def tree() -> list[str]:
    """Return the paths that a commit of the working tree would hold."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return sorted({name for name in listed if name and os.path.lexists(ROOT / name)})


def folder_of(package: str) -> str:
    for mapped, folder in MAPPED_PACKAGES.items():
        if package == mapped or package.startswith(f"{mapped}."):
            return folder + package.removeprefix(mapped).replace(".", "/")
    return package.replace(".", "/")


def files_to_ship() -> set[str]:
    """Return every module and data file of the tree under its installed name."""
    shipped = set()
    for name in tree():
        for package in PACKAGES:
            folder, _, file = name.rpartition("/")
            data = package == "streamlyt.molecular._data" or file == "py.typed"
            if folder == folder_of(package) and (file.endswith(".py") or data):
                shipped.add(f"{package.replace('.', '/')}/{file}")
    return shipped


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the working tree, so that building writes nothing into it."""
    target = tmp_path_factory.mktemp("tree") / "streamlyt"
    for name in tree():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name, follow_symlinks=False)
    return target


@pytest.fixture(scope="module")
def built(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sdist, and a wheel that was built from it."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), cwd=copy)
    return out


def test_every_folder_with_modules_is_a_listed_package() -> None:
    tops = ("streamlyt", *MAPPED_PACKAGES.values())
    folders = {
        name.rpartition("/")[0]
        for name in tree()
        if name.endswith(".py") and name.partition("/")[0] in tops
    }
    assert folders == {folder_of(package) for package in PACKAGES}
    assert all((ROOT / folder / "__init__.py").is_file() for folder in folders)


def test_each_mapped_package_is_a_committed_link_to_its_folder() -> None:
    links = {}
    for line in git("ls-files", "--stage").splitlines():
        mode, _, _, name = line.split(maxsplit=3)
        if mode == "120000":
            links[name] = os.readlink(ROOT / name)
    assert links == {
        package.replace(".", "/"): f"../{folder}" for package, folder in MAPPED_PACKAGES.items()
    }


def test_wheel_holds_every_module_and_data_file(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == files_to_ship()


def test_sdist_holds_every_module_and_data_file(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    expected = set()
    for name in files_to_ship():
        folder, _, file = name.rpartition("/")
        expected.add(f"{folder_of(folder.replace('/', '.'))}/{file}")
    assert expected | {"LICENSE", "README.md", "pyproject.toml"} <= names


@pytest.fixture
def python(tmp_path: Path) -> str:
    """An interpreter with everything that is installed here, except this project."""
    folder = tmp_path / "venv"
    venv.create(folder, with_pip=False)
    python = str(folder / "bin" / "python")
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    # A .pth file adds the packages of a folder, but not the .pth files in it, such as that of our
    # own editable installation.
    (Path(site.strip()) / "site.pth").write_text(sysconfig.get_path("purelib"))
    return python


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def assert_imported_from(home: Path, python: str, cwd: Path, **variables: str) -> None:
    output = run(python, "-c", PRINT_FILES, json.dumps(PACKAGES), cwd=cwd, **variables)
    outside = {n: f for n, f in json.loads(output).items() if not Path(f).is_relative_to(home)}
    assert outside == {}


def test_installed_wheel_is_importable_from_anywhere(
    built: Path, python: str, elsewhere: Path, tmp_path: Path
) -> None:
    (wheel,) = built.glob("*.whl")
    home = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(home)
    assert_imported_from(home, python, elsewhere, PYTHONPATH=str(home))


def test_editable_install_is_importable_from_anywhere(
    copy: Path, python: str, elsewhere: Path
) -> None:
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index")
    options = ("--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    run(*pip, *options, "--editable", str(copy), cwd=elsewhere)
    assert_imported_from(copy, python, elsewhere)


def test_fresh_clone_is_importable_without_installation(python: str, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git("clone", "--quiet", str(ROOT), str(clone))
    assert_imported_from(clone, python, clone)


def test_constraints_pin_exact_versions_and_name_no_index() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(line.count("==") == 1 and not line.startswith("-") for line in pins)
    assert not any("://" in line or "@" in line for line in lines)
    names = [line.partition("==")[0] for line in pins]
    assert names == sorted(set(names))
