from collections.abc import Sequence
from pathlib import Path

import pytest

from isthmus.api.errors import ConnectError
from isthmus.kafka.topic_log import LogRecord
from isthmus.storage.java_map import read_map
from isthmus.storage.offset_file import OffsetFile
from isthmus.storage.offset_store import OffsetStore


def ignore(records: Sequence[LogRecord]) -> None:
    pass


async def test_offsets_survive_a_restart_and_a_deleted_one_stays_away(tmp_path: Path) -> None:
    first = OffsetStore(OffsetFile(tmp_path / "offsets"))
    await first.start()
    await first.set([(b'["a",{"f":1}]', b'{"p":1}'), (b'["b",{}]', b'{"p":2}')])
    await first.set([(b'["a",{"f":1}]', b'{"p":3}'), (b'["b",{}]', None)])
    await first.stop()

    second = OffsetStore(OffsetFile(tmp_path / "offsets"))
    await second.start()

    assert await second.get([b'["a",{"f":1}]', b'["b",{}]']) == [b'{"p":3}', None]
    assert await second.offsets_of("a") == [({"f": 1}, {"p": 3})]
    assert read_map((tmp_path / "offsets").read_bytes()) == {b'["a",{"f":1}]': b'{"p":3}'}
    assert not (tmp_path / "offsets.new").exists()


async def test_an_empty_file_is_a_first_start(tmp_path: Path) -> None:
    (tmp_path / "offsets").touch()

    await OffsetFile(tmp_path / "offsets").start(ignore)


async def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "offsets").write_text("precious, and longer than four bytes")

    with pytest.raises(ConnectError, match=r"offsets is no file of offsets: byte \d+: expected"):
        await OffsetFile(tmp_path / "offsets").start(ignore)


async def test_offsets_that_cannot_be_written_are_as_they_were(tmp_path: Path) -> None:
    store = OffsetStore(OffsetFile(tmp_path / "missing" / "offsets"))
    await store.start()

    with pytest.raises(ConnectError, match="Offsets could not be written"):
        await store.set([(b'["a",{}]', b"{}")])
    assert await store.get([b'["a",{}]']) == [None]
