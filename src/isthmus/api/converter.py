"""Converters: between Connect data and the bytes in Kafka."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from isthmus.api.config_def import ConfigDef
from isthmus.api.metrics import PluginMetrics
from isthmus.api.schema import Schema


class SchemaAndValue(NamedTuple):
    """A value and what it is. Java: SchemaAndValue."""

    schema: Schema | None
    value: Any


class Run(NamedTuple):
    """Consecutive values that share one schema."""

    schema: Schema | None
    values: Sequence[Any]


class Converter(ABC):
    """Turns Connect data into bytes and back; one instance for keys, another for values.

    Write `from_connect` and `to_connect`; the batch methods call them record by record. A
    converter that can do better for a whole batch overrides the batch methods too, with the same
    result. Java: Converter.

    The runtime promises: `configure` once before any other method, `close` once at the end, and
    all calls on one thread. What raises is found within its batch, and only that record is skipped
    or fails the task.

    It does not promise that a record is converted once: a batch in which something failed is
    converted again by halves. Nor that data has a schema: most transformations work without one.

    The usual mistake: an error other than `DataError` for null. Null is no data, a tombstone, and
    any key or value may be it.
    """

    def config(self) -> ConfigDef:
        """Return the options that this converter knows."""
        return ConfigDef()

    def configure(self, config: Mapping[str, str], *, is_key: bool) -> None:
        """Take the options, without the prefix `key.converter.` or `value.converter.`."""

    def monitor(self, metrics: PluginMetrics) -> None:
        """Register metrics of its own (KIP-877). Called once, after `configure`; keep `metrics`."""

    @abstractmethod
    def from_connect(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        """Return the bytes for one value; None becomes a null key or value (a tombstone).

        Raises:
            DataError: The value does not fit its schema or this format.
        """

    @abstractmethod
    def to_connect(self, topic: str, data: bytes | None) -> SchemaAndValue:
        """Return what the bytes of one key or value say.

        Raises:
            DataError: The bytes are not of this format.
        """

    def from_connect_batch(
        self, topic: str, schema: Schema | None, values: Sequence[Any]
    ) -> Sequence[bytes | None]:
        """Return the bytes of each value, all of one schema.

        Raises:
            DataError: One of the values is wrong. The runtime then asks again one at a time to
                find out which, so nothing needs to be said about the place.
        """
        return [self.from_connect(topic, schema, value) for value in values]

    def to_connect_batch(self, topic: str, data: Sequence[bytes | None]) -> Sequence[Run]:
        """Return what the bytes say, as runs of one schema each; all rows, in order."""
        runs: list[Run] = []
        for item in data:
            schema, value = self.to_connect(topic, item)
            if runs and runs[-1].schema == schema:
                runs[-1].values.append(value)  # type: ignore[attr-defined]  # a list, made below
            else:
                runs.append(Run(schema, [value]))
        return runs

    def close(self) -> None:
        """Let go of what the converter holds; called once, when the task ends."""


class HeaderConverter(ABC):
    """Turns the value of a header into bytes and back. Java: HeaderConverter.

    The runtime promises what it promises a `Converter`. A class may be both: keys, values and
    headers then have an instance each.
    """

    def config(self) -> ConfigDef:
        """Return the options that this converter knows."""
        return ConfigDef()

    def configure(self, config: Mapping[str, str]) -> None:
        """Take the options, without the prefix `header.converter.`."""

    def monitor(self, metrics: PluginMetrics) -> None:
        """Register metrics of its own (KIP-877). Called once, after `configure`; keep `metrics`."""

    @abstractmethod
    def from_connect_header(
        self, topic: str, key: str, schema: Schema | None, value: Any
    ) -> bytes | None:
        """Return the bytes for one header.

        Raises:
            DataError: The value does not fit its schema or this format.
        """

    @abstractmethod
    def to_connect_header(self, topic: str, key: str, data: bytes | None) -> SchemaAndValue:
        """Return what the bytes of one header say.

        Raises:
            DataError: The bytes are not of this format.
        """

    def close(self) -> None:
        """Let go of what the converter holds; called once, when the task ends."""
