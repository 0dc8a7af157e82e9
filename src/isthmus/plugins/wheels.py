"""Unpacks the wheels of one place on `plugin.path` into a folder that Python can import from.

Nothing is downloaded: all libraries must be there as wheels, or be part of the worker's own
environment. The folder is kept for the next start, under a name made from the wheels' content.
"""

import hashlib
import logging
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distributions, version
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from isthmus.api.errors import ConnectError

log = logging.getLogger(__name__)

_TIMEOUT = 600.0


def install(wheels: Sequence[Path], cache: Path) -> Path:
    """Return the folder under `cache` that holds the packages of these wheels.

    Of wheels for several platforms, or in several versions, pip takes the newest that fits.

    Raises:
        ConnectError: A wheel does not fit, or a library is missing.
    """
    folder = cache / _content_id(wheels)
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    # Another worker may be doing the same: whoever is first gives the folder its name.
    made = Path(tempfile.mkdtemp(prefix="installing-", dir=cache))
    try:
        log.info("Installing %d wheels of %s into %s", len(wheels), wheels[0].parent, folder)
        _run_pip(wheels, made)
        _require_all(made)
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return folder


def _content_id(wheels: Sequence[Path]) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for wheel in wheels:
        with wheel.open("rb") as content:
            digest.update(
                f"{wheel.name}\0".encode() + hashlib.file_digest(content, "sha256").digest()
            )
    return digest.hexdigest()[:32]


def _run_pip(wheels: Sequence[Path], target: Path) -> None:
    names = dict.fromkeys(wheel.name.partition("-")[0] for wheel in wheels)
    # --no-deps: what the worker's own environment has, Isthmus above all, need not be among them.
    command = [sys.executable, "-m", "pip", "install", "--isolated", "--no-input", "--quiet"]
    command += ["--disable-pip-version-check", "--no-index", "--no-deps", "--no-cache-dir"]
    command += ["--target", str(target)]
    with tempfile.TemporaryDirectory(prefix="wheels-", dir=target.parent) as links:
        for wheel in wheels:  # only these, not what else is in their folder
            (Path(links) / wheel.name).symlink_to(wheel.absolute())
        command += ["--find-links", links, *names]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_TIMEOUT, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ConnectError(f"pip could not be run: {error}") from error
    if done.returncode != 0:
        output = (done.stderr or done.stdout).strip()
        raise ConnectError(f"pip could not install its wheels: {output}")


def _require_all(folder: Path) -> None:
    """Raise unless each package finds what it needs, here or beside the worker."""
    packages = list(distributions(path=[str(folder)]))
    versions: dict[str, str] = {
        canonicalize_name(package.metadata["Name"]): package.version for package in packages
    }
    missing = [text for package in packages for text in _missing(package, versions)]
    if missing:
        raise ConnectError(
            f"libraries are missing: {'; '.join(missing)}. Put their wheels beside the others"
        )


def _missing(package: Distribution, versions: Mapping[str, str]) -> list[str]:
    missing: list[str] = []
    for text in package.requires or ():
        try:
            required = Requirement(text)
        except InvalidRequirement as error:
            raise ConnectError(
                f"{package.name} requires what is no requirement: {error}"
            ) from error
        if required.marker is not None and not required.marker.evaluate({"extra": ""}):
            continue
        found = versions.get(canonicalize_name(required.name)) or _version_beside_worker(
            required.name
        )
        if found is None:
            missing.append(f"{package.name} {package.version} needs {required}")
        elif not required.specifier.contains(found, prereleases=True):
            missing.append(
                f"{package.name} {package.version} needs {required}, found version {found}"
            )
    return missing


def _version_beside_worker(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
