"""Small transformations, predicates and converters; loaded as `tests.support.transformations:X`."""

from collections.abc import Mapping, Sequence
from typing import Any

from isthmus.api.converter import Converter, Run, SchemaAndValue
from isthmus.api.errors import DataError, RetriableError
from isthmus.api.record import RecordBatch
from isthmus.api.schema import STRING, Schema
from isthmus.api.transformation import AnyRecord, Predicate, Transformation

PACKAGE = "tests.support.transformations:"


class Suffix(Transformation):
    """Appends `suffix` to each value."""

    def configure(self, config: Mapping[str, str]) -> None:
        self.suffix = config["suffix"]

    def apply(self, record: AnyRecord) -> AnyRecord | None:
        record.value = f"{record.value}{self.suffix}"
        return record


class DropDivisible(Transformation):
    """Drops values that are divisible by `by`."""

    def configure(self, config: Mapping[str, str]) -> None:
        self.by = int(config["by"])

    def apply(self, record: AnyRecord) -> AnyRecord | None:
        return None if int(record.value) % self.by == 0 else record


class RouteByParity(Transformation):
    """Appends `-even` or `-odd` to the topic."""

    def apply(self, record: AnyRecord) -> AnyRecord | None:
        record.topic += "-odd" if int(record.value) % 2 else "-even"
        return record


class Fail(Transformation):
    """Fails for the value `on`; with `retriable`, so often, and then no more."""

    def configure(self, config: Mapping[str, str]) -> None:
        self.on = config["on"]
        self.left = int(config["retriable"]) if "retriable" in config else None

    def apply(self, record: AnyRecord) -> AnyRecord | None:
        if record.value != self.on:
            return record
        if self.left is None:
            raise DataError(f"cannot take {self.on}")
        if self.left:
            self.left -= 1
            raise RetriableError(f"not yet: {self.on}")
        return record


class LoseRows(Transformation):
    """Has a batch method that returns less than it was given, in order."""

    def apply(self, record: AnyRecord) -> AnyRecord | None:
        return record

    def apply_batch(self, batch: RecordBatch) -> Sequence[RecordBatch]:
        return (batch.rows(0, 1),)


class IsOdd(Predicate):
    """Chooses odd numbers."""

    def test(self, record: Any) -> bool:
        return int(record.value) % 2 == 1


class ForgetfulConverter(Converter):
    """Has batch methods that lose a row."""

    def from_connect(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        return None if value is None else str(value).encode()

    def to_connect(self, topic: str, data: bytes | None) -> SchemaAndValue:
        return SchemaAndValue(STRING, None if data is None else data.decode())

    def from_connect_batch(
        self, topic: str, schema: Schema | None, values: Sequence[Any]
    ) -> Sequence[bytes | None]:
        return [self.from_connect(topic, schema, value) for value in values[1:]]

    def to_connect_batch(self, topic: str, data: Sequence[bytes | None]) -> Sequence[Run]:
        return [Run(STRING, [self.to_connect(topic, item).value for item in data[1:]])]
