"""A moment of `python -m tests.fuzz`, and proof that it would notice."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.run import fuzz
from tests.fuzz.targets import Target, targets

INPUTS = 200
SEED = 7


@pytest.fixture
def silence() -> Iterator[None]:
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("silence")
def test_nothing_from_outside_raises_what_its_reader_does_not_declare(tmp_path: Path) -> None:
    with targets(tmp_path) as found:
        results = [fuzz(target, INPUTS, SEED) for target in found]

    assert [str(result) for result in results if result.crashes] == []
    assert {result.inputs for result in results} == {INPUTS}


def test_an_undeclared_error_is_a_crash_and_named_once_by_its_place() -> None:
    def read(data: bytes) -> None:
        if b"\xff" in data:
            raise KeyError(data)
        raise ValueError(data)

    result = fuzz(Target("broken", [b"a", b"b\xff"], read, ValueError), 500, SEED)

    assert [what.split(" at ")[0] for what in result.crashes] == ["KeyError"]
    assert list(result.crashes.values()) == [b"b\xff"]


def test_the_same_seed_makes_the_same_inputs() -> None:
    seen: list[bytes] = []
    target = Target("any", [b"some", b"bytes"], seen.append)

    fuzz(target, 100, SEED)
    fuzz(target, 100, SEED)

    assert seen[:100] == seen[100:]
    assert len(set(seen)) > 50
