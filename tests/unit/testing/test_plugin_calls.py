"""Converters and transformations under test are asked by record and by batch."""

from collections.abc import Mapping, Sequence

import pytest

from examples.csv_converter import CsvConverter
from examples.drop_field import DropField
from examples.series_source import SeriesSourceConnector
from isthmus.api.record import RecordBatch, SourceRecord
from isthmus.api.schema import Schema
from isthmus.testing import errors, from_bytes, to_bytes, transformed


def test_a_value_goes_to_bytes_and_back() -> None:
    options = {"delimiter": ";"}

    data = to_bytes(CsvConverter(), ["a", 1], config=options)

    assert data == b"a;1"
    assert from_bytes(CsvConverter(), data, config=options).value == ["a", "1"]


def test_a_converter_whose_batches_differ_is_found_out() -> None:
    class Shouting(CsvConverter):
        def from_connect_batch(
            self, topic: str, schema: Schema | None, values: Sequence[object]
        ) -> Sequence[bytes]:
            return [b"!" for _ in values]

    with pytest.raises(AssertionError, match="from_connect_batch"):
        to_bytes(Shouting(), ["a"])


def test_a_transformation_makes_a_new_record() -> None:
    record = SourceRecord(topic="t", value={"a": 1, "b": 2})

    made = transformed(DropField(), record, {"field": "b"})

    assert made is not None
    assert made.value == {"a": 1}


def test_a_transformation_whose_batches_differ_is_found_out() -> None:
    class Losing(DropField):
        def apply_batch(self, batch: RecordBatch) -> Sequence[RecordBatch]:
            return []

    with pytest.raises(AssertionError, match="apply_batch"):
        transformed(Losing(), SourceRecord(topic="t", value={"a": 1}), {"field": "b"})


def test_errors_are_told_by_key() -> None:
    config: Mapping[str, str | None] = {"topic": "", "series": "a", "count": "1"}

    assert errors(SeriesSourceConnector(), config) == {
        "topic": ["Invalid value  for configuration topic: String must be non-empty"]
    }
