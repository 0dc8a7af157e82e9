import gc
import hashlib
import os
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest

from isthmus.api.errors import ConnectError
from isthmus.embedded.jars import Jar, fetch, read_list

CONTENT = b"what is in the library"
LIBRARY = Jar("org.example:library:1.2", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


class _Handler(SimpleHTTPRequestHandler):
    trusted_by_the_client: ClassVar[str | None] = None

    def do_GET(self) -> None:
        type(self).trusted_by_the_client = os.environ.get("REQUESTS_CA_BUNDLE")
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Be silent."""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Maven repository on the loopback interface; the directory that it serves."""
    directory = tmp_path / "repository"
    directory.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(directory)))
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("ISTHMUS_MAVEN_REPOSITORY", f"http://127.0.0.1:{server.server_port}/")
    yield directory
    server.shutdown()
    server.server_close()


def publish(repository: Path, content: bytes) -> None:
    file = repository / "org/example/library/1.2/library-1.2.jar"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)


def test_a_missing_jar_is_downloaded(repository: Path, tmp_path: Path) -> None:
    publish(repository, CONTENT)

    [path] = fetch([LIBRARY], tmp_path / "jars")

    assert path == tmp_path / "jars" / "library-1.2.jar"
    assert path.read_bytes() == CONTENT


def test_a_download_with_other_contents_is_refused_and_not_kept(
    repository: Path, tmp_path: Path
) -> None:
    other = b"something else"
    publish(repository, other)

    with pytest.raises(ConnectError) as refused:
        fetch([LIBRARY], tmp_path / "jars")

    text = str(refused.value)
    assert "org.example:library:1.2" in text
    assert "library-1.2.jar" in text
    assert f"expected SHA-256 {LIBRARY.sha256}" in text
    assert f"found {hashlib.sha256(other).hexdigest()}" in text
    assert list((tmp_path / "jars").iterdir()) == []


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_jar_that_the_repository_lacks_is_named(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(ConnectError, match=r"org\.example:library:1\.2 could not be downloaded"):
        fetch([LIBRARY], tmp_path / "jars")

    assert list((tmp_path / "jars").iterdir()) == []
    gc.collect()  # the downloader leaves the connection of a refused request to the collector


def test_an_unreachable_repository_is_an_error_that_tells_of_mirrors(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ISTHMUS_MAVEN_REPOSITORY", "http://127.0.0.1:1")

    with pytest.raises(ConnectError, match="ISTHMUS_MAVEN_REPOSITORY"):
        fetch([LIBRARY], tmp_path / "jars")


def test_a_jar_that_is_there_is_not_downloaded_again(tmp_path: Path) -> None:
    (tmp_path / "library-1.2.jar").write_bytes(CONTENT)

    assert fetch([LIBRARY], tmp_path) == [tmp_path / "library-1.2.jar"]


def test_a_jar_that_was_changed_after_it_was_verified_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "library-1.2.jar"
    file.write_bytes(CONTENT)
    fetch([LIBRARY], tmp_path)

    file.write_bytes(CONTENT + b", and more")

    with pytest.raises(ConnectError, match=f"{file.name}.*expected SHA-256.*Delete it"):
        fetch([LIBRARY], tmp_path)


def test_a_jar_that_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    file = tmp_path / "library-1.2.jar"
    file.write_bytes(CONTENT)
    fetch([LIBRARY], tmp_path)
    before = file.stat()

    # The same size and time are all that is looked at: who can forge them can forge more.
    file.write_bytes(CONTENT[::-1])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert fetch([LIBRARY], tmp_path) == [file]


def test_a_verified_jar_is_read_again_when_the_list_wants_another(tmp_path: Path) -> None:
    (tmp_path / "library-1.2.jar").write_bytes(CONTENT)
    fetch([LIBRARY], tmp_path)

    with pytest.raises(ConnectError, match="expected SHA-256 " + "0" * 64):
        fetch([Jar(LIBRARY.coordinate, "0" * 64, LIBRARY.size)], tmp_path)


def test_broken_stamps_are_made_anew(tmp_path: Path) -> None:
    (tmp_path / "library-1.2.jar").write_bytes(CONTENT)
    (tmp_path / "verified.json").write_text("{")

    assert fetch([LIBRARY], tmp_path) == [tmp_path / "library-1.2.jar"]


def test_the_system_s_certificates_are_trusted_during_a_download_and_only_then(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    system = tmp_path / "system.pem"
    system.write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(system))
    publish(repository, CONTENT)

    fetch([LIBRARY], tmp_path / "jars")

    assert _Handler.trusted_by_the_client == str(system)
    assert "REQUESTS_CA_BUNDLE" not in os.environ


def test_the_broker_s_list_names_each_file_once() -> None:
    jars = read_list(resources.files("isthmus.embedded") / "kafka-4.3.1.jars")

    assert len({jar.file_name for jar in jars}) == len(jars) > 30
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in jars)
    assert "org.apache.kafka:kafka_2.13:4.3.1" in {jar.coordinate for jar in jars}
