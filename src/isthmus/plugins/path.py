"""Reads `plugin.path`: finds the packages that declare plugins, by their metadata alone.

Each entry is a folder of places; each place is one plugin with all that it needs, and apart from
all others. A place is

    a virtual environment                   my-sink/pyvenv.cfg
    a folder that packages were put into    my-sink/my_sink-1.0.dist-info   pip install --target
    a folder of wheels                      my-sink/my_sink-1.0-py3-none-any.whl and its libraries
    a wheel that needs no other             my_sink-1.0-py3-none-any.whl

or the entry itself is one of the first two. Anything else, such as a folder of Java's jars, is
passed over. What is wrong with a place costs only this place: it is logged and left out.
"""

import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Final

from isthmus.api.errors import ConnectError

ENTRY_POINT_GROUP: Final = "isthmus.plugins"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PluginLocation:
    """One place on `plugin.path`."""

    path: str
    #: Where its packages are, as `sys.path` has it.
    folders: Sequence[str]
    #: Name and version of each of its packages.
    packages: Mapping[str, str]


def scan(
    paths: Iterable[str], install: Callable[[Sequence[Path]], Path]
) -> Sequence[PluginLocation]:
    """Return the places on the path that declare plugins. Imports nothing of theirs.

    `install` puts wheels into a folder and returns it; it raises ConnectError if it cannot.
    """
    found: dict[str, PluginLocation] = {}
    for place in _places(paths):
        try:
            folders = _folders(place, install)
            if folders and (location := _location(place, folders)) is not None:
                found[location.path] = location
        except (ConnectError, OSError) as error:
            log.error("plugin.path: %s is left out: %s", place, error)
    return list(found.values())


def plain_name(distribution: Distribution) -> str:
    """Return the name of a package as the packaging rules normalize it."""
    return re.sub(r"[-_.]+", "-", distribution.metadata["Name"] or "").lower()


def _places(paths: Iterable[str]) -> Iterator[Path]:
    for text in paths:
        entry = Path(text).absolute()
        if not entry.is_dir():
            log.error("plugin.path: %s is no folder", entry)
        elif _is_environment(entry) or _has_packages(entry):
            yield entry
        else:
            yield from sorted(entry.iterdir())


def _is_environment(place: Path) -> bool:
    return (place / "pyvenv.cfg").is_file()


def _has_packages(place: Path) -> bool:
    return next(place.glob("*.dist-info"), None) is not None


def _folders(place: Path, install: Callable[[Sequence[Path]], Path]) -> Sequence[str]:
    """Return the folders to import from; none if the place is nothing of Python's.

    Raises:
        ConnectError: It is meant to be a plugin, and cannot be used.
    """
    if place.suffix == ".whl" and place.is_file():
        return [str(install([place]))]
    if not place.is_dir():
        return []
    if _is_environment(place):
        return _folders_of_environment(place)
    if _has_packages(place):
        return [str(place)]
    if wheels := sorted(place.glob("*.whl")):
        return [str(install(wheels))]
    if (place / "pyproject.toml").is_file():
        raise ConnectError(
            "it is the source of a package; expected wheels, as `pip wheel --wheel-dir` makes them"
        )
    return []


def _folders_of_environment(place: Path) -> Sequence[str]:
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    folders = [place / lib / python / "site-packages" for lib in ("lib", "lib64")]
    existing = dict.fromkeys(str(folder.resolve()) for folder in folders if folder.is_dir())
    if not existing:
        others = sorted(found.name for found in place.glob("lib/python*"))
        raise ConnectError(
            f"its packages are for {', '.join(others) or 'no Python'}; expected {python}, which"
            " this worker runs on"
        )
    return list(existing)


def _location(place: Path, folders: Sequence[str]) -> PluginLocation | None:
    packages: dict[str, str] = {}
    declares = False
    for distribution in distributions(path=list(folders)):
        name = plain_name(distribution)
        packages.setdefault(name, distribution.version)
        groups = {entry_point.group for entry_point in distribution.entry_points}
        declares |= name != "isthmus" and ENTRY_POINT_GROUP in groups
    if not declares:
        log.warning("plugin.path: no package in %s declares plugins", place)
        return None
    return PluginLocation(str(place), folders, packages)
