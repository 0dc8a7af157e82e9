from pathlib import Path

import javaproperties
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.api.errors import ConfigError
from isthmus.config.properties import read_properties

_SAMPLE = Path(__file__).parents[3] / "config" / "connect-distributed.properties"


def test_comments_escapes_and_continuation_lines_are_understood(tmp_path: Path) -> None:
    file = tmp_path / "worker.properties"
    file.write_bytes(
        b"# a comment\n! another\r\na=1\nb : x \\\n   y\nc\\:d=\\u00e9\xe9\na=2\nempty=\n"
    )

    assert read_properties(file) == {"a": "2", "b": "x y", "c:d": "éé", "empty": ""}


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=8))
def test_whatever_java_could_have_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, properties: dict[str, str]
) -> None:
    if any(0xD800 <= ord(char) <= 0xDFFF for text in properties.items() for char in "".join(text)):
        return
    file = tmp_path_factory.mktemp("properties") / "worker.properties"
    file.write_text(javaproperties.dumps(properties), encoding="iso-8859-1", newline="")

    assert read_properties(file) == properties


def test_a_missing_file_is_named_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "missing.properties"

    with pytest.raises(ConfigError) as caught:
        read_properties(file)

    assert str(caught.value) == (
        f"Could not read properties from file {file}: No such file or directory"
    )


@pytest.mark.parametrize("content", [b"a=\\u12", b"a=\\uzzzz"])
def test_a_broken_escape_is_told_with_the_file(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "broken.properties"
    file.write_bytes(content)

    with pytest.raises(ConfigError, match=r"Could not read properties from file .*broken\.prop"):
        read_properties(file)


def test_bytes_that_are_not_utf8_are_told_where_utf8_is_expected(tmp_path: Path) -> None:
    file = tmp_path / "secrets.properties"
    file.write_bytes(b"password=\xff")

    with pytest.raises(ConfigError, match="utf-8"):
        read_properties(file, encoding="utf-8")


def test_the_sample_names_what_a_worker_needs() -> None:
    sample = read_properties(_SAMPLE)

    assert sample["bootstrap.servers"] == "localhost:9092"
    assert sample["group.id"] == "connect-cluster"
    assert sample["offset.storage.topic"] == "connect-offsets"
