import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.api.errors import DataError
from isthmus.storage.java_map import read_map, write_map

#: What Java 17 writes for {null: "v", "k": null, "a": "b"}, where "b" is the array that "v" is.
_JAVA = bytes.fromhex(
    "aced0005737200116a6176612e7574696c2e486173684d61700507dac1c31660d103000246000a6c6f6164466163"
    "746f724900097468726573686f6c6478703f4000000000000c77080000001000000003"
    "7075720002"
    "5b42acf317f8060854e002000078700000000176"
    "7571007e0002000000016b70"
    "7571007e00020000000161"
    "71007e0003"
    "78"
)


@given(st.dictionaries(st.binary(max_size=20), st.binary(max_size=20), max_size=30))
def test_a_map_comes_back_as_it_was_written(entries: dict[bytes, bytes]) -> None:
    assert read_map(write_map(entries)) == entries


def test_null_and_arrays_that_come_again_are_read() -> None:
    assert read_map(_JAVA) == {None: b"v", b"k": None, b"a": b"v"}


@pytest.mark.parametrize(
    "data", [b"\xac\xed\x00\x05t\x00\x01x", b"not Java's at all", _JAVA[:-1], _JAVA[:90], b""]
)
def test_what_is_no_such_map_is_refused(data: bytes) -> None:
    with pytest.raises(DataError):
        read_map(data)
