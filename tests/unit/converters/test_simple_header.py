from isthmus.api.schema import FLOAT64, INT8, STRING
from isthmus.converters.simple_header import SimpleHeaderConverter


def converter() -> SimpleHeaderConverter:
    made = SimpleHeaderConverter()
    made.configure({})
    return made


def test_a_header_is_read_as_what_it_looks_like() -> None:
    assert converter().to_connect_header("t", "k", b"1.0") == (INT8, 1)
    assert converter().to_connect_header("t", "k", "hé".encode()) == (STRING, "hé")


def test_a_header_without_bytes_and_the_text_null_are_null() -> None:
    assert converter().to_connect_header("t", "k", None) == (None, None)
    assert converter().to_connect_header("t", "k", b"null") == (None, None)


def test_bytes_that_are_no_text_are_read_with_the_replacement_character() -> None:
    assert converter().to_connect_header("t", "k", b"1\xff") == (STRING, "1\ufffd")


def test_a_header_is_written_as_text() -> None:
    assert converter().from_connect_header("t", "k", STRING, "hé \ud83d") == "hé ?".encode()
    assert converter().from_connect_header("t", "k", FLOAT64, 1e20) == b"1.0E20"
    assert converter().from_connect_header("t", "k", None, None) is None


def test_the_same_bytes_give_the_same_value_again() -> None:
    made = converter()

    assert made.to_connect_header("t", "a", b"7") == made.to_connect_header("t", "b", b"7")
