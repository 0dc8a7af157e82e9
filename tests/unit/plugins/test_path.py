"""What is found on `plugin.path`, without importing anything of it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import pytest

from isthmus.api.errors import ConnectError
from isthmus.plugins.path import scan
from tests.support.wheels import make_wheel

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"


def install(wheels: Sequence[Path]) -> Path:
    """Unpack wheels beside themselves."""
    folder = wheels[0].parent / f".unpacked-{wheels[0].stem}"
    for wheel in wheels:
        ZipFile(wheel).extractall(folder)
    return folder


def refuse(wheels: Sequence[Path]) -> Path:
    raise ConnectError("libraries are missing: a needs b")


def add_package(folder: Path, name: str, *, plugin: bool = True) -> None:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    if plugin:
        (info / "entry_points.txt").write_text(f"[isthmus.plugins]\n{name} = {name}:Missing\n")


def test_environments_package_folders_and_wheels_are_places(tmp_path: Path) -> None:
    add_package(tmp_path / "venv" / "lib" / PYTHON / "site-packages", "in_venv")
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    add_package(tmp_path / "target", "in_target")
    make_wheel(tmp_path / "wheels", "In.Wheels", "1.2", {}, {"x": "x:X"})
    make_wheel(tmp_path / "wheels", "a_library", "3.0", {})
    make_wheel(tmp_path, "alone", "1.0", {}, {"x": "x:X"})
    (tmp_path / "java").mkdir()
    (tmp_path / "java" / "some.jar").touch()

    found = {Path(each.path).name: each for each in scan([str(tmp_path)], install)}

    assert sorted(found) == ["alone-1.0-py3-none-any.whl", "target", "venv", "wheels"]
    assert found["venv"].folders == [str(tmp_path / "venv" / "lib" / PYTHON / "site-packages")]
    assert found["target"].folders == [str(tmp_path / "target")]
    assert found["wheels"].packages == {"in-wheels": "1.2", "a-library": "3.0"}


def test_an_environment_may_be_named_by_the_path_itself(tmp_path: Path) -> None:
    add_package(tmp_path / "lib" / PYTHON / "site-packages", "in_venv")
    (tmp_path / "pyvenv.cfg").touch()

    assert [each.path for each in scan([str(tmp_path)], install)] == [str(tmp_path)]


def test_what_is_wrong_with_a_place_costs_only_this_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add_package(tmp_path / "good", "good")
    add_package(tmp_path / "old" / "lib" / "python3.4" / "site-packages", "old")
    (tmp_path / "old" / "pyvenv.cfg").touch()
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "pyproject.toml").touch()
    make_wheel(tmp_path / "wheels", "a", "1.0", {}, {"x": "x:X"})
    add_package(tmp_path / "nothing", "nothing", plugin=False)

    found = scan([str(tmp_path), str(tmp_path / "not-there")], refuse)

    assert [Path(each.path).name for each in found] == ["good"]
    lines = {record.getMessage() for record in caplog.records}
    path = f"plugin.path: {tmp_path}"
    assert lines == {
        f"{path}/old is left out: its packages are for python3.4; expected {PYTHON}, which this"
        " worker runs on",
        f"{path}/source is left out: it is the source of a package; expected wheels, as `pip wheel"
        " --wheel-dir` makes them",
        f"{path}/wheels is left out: libraries are missing: a needs b",
        f"plugin.path: no package in {tmp_path}/nothing declares plugins",
        f"{path}/not-there is no folder",
    }
