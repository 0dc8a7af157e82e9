"""Java libraries of exact versions and contents, from the Maven repository.

    read_list()      what a list file says is needed
    fetch()          what of it is missing is downloaded, in parallel, beside the cache
                     its SHA-256 is compared, and only then does it enter the cache
                     what is there already is compared again if it has changed since
    class_path()     all of it, for `java -cp`

Downloads are jgo's, which knows the repository; it keeps to a list, and resolves nothing.
`$ISTHMUS_MAVEN_REPOSITORY` names another repository, such as a company's mirror.
"""

import hashlib
import json
import os
import ssl
import tempfile
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import cast

import requests
from jgo.maven import MavenContext
from jgo.maven import PythonResolver as Downloader
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from isthmus.api.errors import ConnectError
from isthmus.config.home import isthmus_home

_MIRROR = "ISTHMUS_MAVEN_REPOSITORY"
_STAMPS = "verified.json"
_PARALLEL_DOWNLOADS = 4
_HTTP_TIMEOUT = 30  # seconds, between two pieces of an answer


@dataclass(frozen=True, slots=True)
class Jar:
    """One library file, by name and by content."""

    coordinate: str
    sha256: str
    size: int

    @property
    def file_name(self) -> str:
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def read_list(source: Traversable) -> list[Jar]:
    """Read a list of jars: per line the SHA-256, the size in bytes and `group:artifact:version`.

    Lines that start with `#` are comments.
    """
    rows = (line.split() for line in source.read_text(encoding="utf-8").splitlines())
    return [
        Jar(coordinate, sha256, int(size))
        for sha256, size, coordinate in (row for row in rows if row and row[0] != "#")
    ]


def class_path(jars: Sequence[Jar]) -> str:
    """Return the jars' verified files as Java wants them, after downloading what is missing."""
    return os.pathsep.join(str(path) for path in fetch(jars, isthmus_home() / "jars"))


def fetch(jars: Sequence[Jar], directory: Path) -> list[Path]:
    """Return the jars' files in `directory`, in order, after downloading what is missing.

    Raises:
        ConnectError: A file cannot be had, or is not what the list says.
    """
    directory.mkdir(parents=True, exist_ok=True)
    missing = [jar for jar in jars if not (directory / jar.file_name).exists()]
    if missing:
        _download(missing, directory)
    _verify_all(jars, directory)
    return [directory / jar.file_name for jar in jars]


def _verify_all(jars: Sequence[Jar], directory: Path) -> None:
    """Compare all files with the list; one that has not changed since is not read again."""
    stamps = _read_stamps(directory)
    found = {jar.file_name: _stamp(directory / jar.file_name, jar) for jar in jars}
    changed = [jar for jar in jars if stamps.get(jar.file_name) != found[jar.file_name]]
    for jar in changed:
        _verify(directory / jar.file_name, jar)
    if changed:
        # Two processes may do this at once: the loser's stamps are only made again.
        _write_whole(directory / _STAMPS, json.dumps({**stamps, **found}, indent=0))


def _stamp(path: Path, jar: Jar) -> list[object]:
    status = path.stat()
    return [jar.sha256, status.st_size, status.st_mtime_ns]


def _read_stamps(directory: Path) -> dict[str, list[object]]:
    try:
        text = (directory / _STAMPS).read_text(encoding="utf-8")
        return cast(dict[str, list[object]], json.loads(text))
    except (FileNotFoundError, ValueError):
        return {}


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that no reader ever sees a half of it."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _verify(path: Path, jar: Jar) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != jar.sha256:
        raise ConnectError(
            f"{path} is not the file that {jar.coordinate} should be: expected SHA-256 "
            f"{jar.sha256} ({jar.size} bytes), found {found} ({path.stat().st_size} bytes). "
            "Delete it to have it downloaded again."
        )


def _download(jars: Sequence[Jar], directory: Path) -> None:
    """Put the jars into `directory`, each only when it is whole and verified."""
    # jgo writes a file where it shall stay, so a broken download would look like a whole one.
    with (
        tempfile.TemporaryDirectory(prefix="part-", dir=directory) as part,
        _system_certificates(),
        _progress(jars) as on_bytes,
        ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool,
    ):
        context = _repository(Path(part), on_bytes)
        tasks = [pool.submit(_download_one, jar, context, directory) for jar in jars]
        try:
            for task in tasks:
                task.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _download_one(jar: Jar, context: MavenContext, directory: Path) -> None:
    try:
        path = context.create_dependency(jar.coordinate).artifact.resolve()
    except (requests.RequestException, RuntimeError, OSError) as error:
        raise ConnectError(
            f"{jar.coordinate} could not be downloaded to {directory}: {error}. A mirror of the "
            f"Maven repository may be named by the environment variable {_MIRROR}."
        ) from error
    _verify(path, jar)
    path.replace(directory / jar.file_name)


def _repository(cache: Path, on_bytes: Callable[[int], None]) -> MavenContext:
    @contextmanager
    def report(_file: str, _size: int) -> Generator[Callable[[int], None]]:
        yield on_bytes

    mirror = os.environ.get(_MIRROR)
    return MavenContext(
        resolver=Downloader(progress_callback=report),
        repo_cache=cache,
        remote_repos={"mirror": mirror.rstrip("/")} if mirror else None,
        timeout=_HTTP_TIMEOUT,
    )


@contextmanager
def _progress(jars: Iterable[Jar]) -> Generator[Callable[[int], None]]:
    """Show a bar on a terminal and one line elsewhere; yields what to call with bytes received."""
    sizes = [jar.size for jar in jars]
    console = Console(stderr=True)
    title = f"Downloading {len(sizes)} Java libraries"
    if not console.is_terminal:
        console.print(f"{title} ({sum(sizes) / 1e6:.0f} MB)", highlight=False)
        yield lambda _count: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(title, total=sum(sizes))
        yield lambda count: progress.advance(task, count)


@contextmanager
def _system_certificates() -> Generator[None]:
    """Have `requests` trust what the system trusts: behind a company's proxy only that will do."""
    paths = ssl.get_default_verify_paths()  # obeys SSL_CERT_FILE and SSL_CERT_DIR
    trusted = paths.cafile or paths.capath
    chosen = "REQUESTS_CA_BUNDLE" in os.environ or "CURL_CA_BUNDLE" in os.environ
    if chosen or not trusted:
        yield
        return
    os.environ["REQUESTS_CA_BUNDLE"] = trusted
    try:
        yield
    finally:
        del os.environ["REQUESTS_CA_BUNDLE"]
