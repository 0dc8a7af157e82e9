"""What the converters with a registry have in common.

    out of Kafka    the schema id in front of the data → a reader, made once for each id
    into Kafka      topic and Connect schema → a writer, made once, which registered its schema

Readers and writers work on batches: the data of a run of records with the same id at once.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby, repeat
from typing import Any, ClassVar, Final, NamedTuple, Protocol, cast

from isthmus.api.config_def import ConfigDef
from isthmus.api.converter import Converter, Run, SchemaAndValue
from isthmus.api.errors import ConnectError, DataError, RetriableError
from isthmus.api.schema import (
    BOOLEAN,
    BYTES,
    FLOAT64,
    INT64,
    STRING,
    Schema,
)
from isthmus.converters.options import with_type
from isthmus.converters.registry.apicurio import ApicurioRegistry
from isthmus.converters.registry.client import Registry, SchemaNotFoundError, StoredSchema
from isthmus.converters.registry.config import RegistryOptions, registry_config
from isthmus.converters.registry.wire import MAGIC, describe, frame

#: Gives one value's bytes.
Writer = Callable[[Any], bytes]
#: Gives the bytes of many values, each behind the first argument; None if one needs a closer look.
RowsWriter = Callable[[bytes, Sequence[Any]], list[bytes] | None]

#: The schema of values that came without one, as long as it is plain what they are.
_SCHEMAS_OF_PLAIN_VALUES: Final[Mapping[type, Schema]] = {
    bool: BOOLEAN,
    int: INT64,
    float: FLOAT64,
    str: STRING,
    bytes: BYTES,
}


class Reader(Protocol):
    """Reads the data of one schema."""

    @property
    def schema(self) -> Schema | None: ...

    def read(self, data: Sequence[bytes], start: int) -> Sequence[Any]:
        """Return the values of records, whose data begins at byte `start`.

        Raises:
            DataError: One of them is not of this schema.
        """
        ...


class OwnSchema(Protocol):
    """A Connect schema as a schema of the format."""

    @property
    def text(self) -> str: ...

    @property
    def record_name(self) -> str | None:
        """The full name, by which subjects may be called; None of what has no name."""
        ...


class _FramedWriter(NamedTuple):
    """Writes values of one schema for one topic."""

    before: bytes
    write: Writer
    write_rows: RowsWriter | None

    def write_all(self, values: Sequence[Any]) -> list[bytes]:
        rows = self.write_rows(self.before, values) if self.write_rows else None
        return list(map(self.write, values)) if rows is None else rows


class RegistryConverter(Converter):
    """A converter whose schemas are in a registry; subclasses say what format it is."""

    #: What the registry calls the format.
    kind: ClassVar[str]
    #: What people call it.
    label: ClassVar[str]

    def config(self) -> ConfigDef:
        return self.define_options(registry_config())

    def define_options(self, definition: ConfigDef) -> ConfigDef:
        """Add the format's own settings to those that all have."""
        return definition

    def configure(self, config: Mapping[str, str], *, is_key: bool) -> None:
        options = RegistryOptions.from_config(
            self.config(), with_type(config, is_key=is_key), is_key=is_key
        )
        self._is_key = is_key
        self._options = options
        self._frame_length = len(MAGIC) + options.id_bytes
        self.take_options(options.settings)
        if options.global_ids:
            self._registry: Registry = ApicurioRegistry(options, self.kind)
        else:
            self._registry = Registry(options)
        self._reader_of = lru_cache(options.cache_size)(self._make_reader)
        self._writer_of = lru_cache(options.cache_size)(self._make_writer)

    def take_options(self, settings: Mapping[str, Any]) -> None:
        """Take the format's own settings; called by `configure`."""

    @abstractmethod
    def make_reader(self, stored: StoredSchema, extra: bytes) -> Reader:
        """Return the reader for data written with this schema.

        `extra` is what `frame_end` says belongs to the frame, behind the id.

        Raises:
            DataError: It is no schema of the format, or one that Connect has nothing for.
        """

    @abstractmethod
    def own_schema(self, schema: Schema) -> OwnSchema:
        """Return a Connect schema as one of the format.

        Raises:
            DataError: The format has nothing for it.
        """

    @abstractmethod
    def make_writer(self, schema: Schema, own: OwnSchema, stored: StoredSchema | None) -> Writer:
        """Return what writes values of `schema` without a frame, as `stored` has it if given.

        Raises:
            DataError: `stored` cannot hold what `schema` has.
        """

    def make_rows_writer(
        self, schema: Schema, own: OwnSchema, stored: StoredSchema | None
    ) -> RowsWriter | None:
        """Return what writes many values at once, None where there is no faster way."""
        return None

    def frame_end(self, data: bytes, start: int) -> int:
        """Return where the frame ends, whose schema id ends at `start`.

        Raises:
            DataError: It does not end.
        """
        return start

    def close(self) -> None:
        self._registry.close()

    def to_connect(self, topic: str, data: bytes | None) -> SchemaAndValue:
        if data is None:
            return SchemaAndValue(None, None)
        found = self._frame(topic, data)
        reader = self._reader(topic, found)
        return SchemaAndValue(reader.schema, self._read(topic, reader, [data], len(found))[0])

    def to_connect_batch(self, topic: str, data: Sequence[bytes | None]) -> Sequence[Run]:
        if data and None not in data:
            items = cast("Sequence[bytes]", data)
            first = self._frame(topic, items[0])
            if all(map(bytes.startswith, items, repeat(first))):
                return (self._run(topic, first, items),)
        runs: list[Run] = []
        frames = [None if item is None else self._frame(topic, item) for item in data]
        start = 0
        for found, group in groupby(frames):
            end = start + len(list(group))
            runs.append(self._run(topic, found, data[start:end]))
            start = end
        return runs

    def _run(self, topic: str, found: bytes | None, rows: Sequence[bytes | None]) -> Run:
        """Return what records with the same in front hold: magic byte, schema id, what else."""
        if found is None:
            return Run(None, rows)
        reader = self._reader(topic, found)
        read = self._read(topic, reader, cast("Sequence[bytes]", rows), len(found))
        return Run(reader.schema, read)

    def _frame(self, topic: str, data: bytes) -> bytes:
        length = self._frame_length
        wrong = None
        if len(data) < length or data[0]:
            wrong = "Unknown magic byte!"
        elif not any(data[1:length]):
            wrong = "No schema has the id 0."
        if wrong is not None:
            side = "key" if self._is_key else "value"
            raise self._unreadable(
                topic,
                f"{wrong} The {side} looks like {describe(data)}; the converter is {self.label}",
            )
        try:
            return data[: self.frame_end(data, length)]
        except DataError as error:
            raise self._unreadable(topic, str(error)) from error

    def _read(self, topic: str, reader: Reader, rows: Sequence[bytes], start: int) -> Sequence[Any]:
        try:
            return reader.read(rows, start)
        except DataError as error:
            raise self._unreadable(topic, str(error)) from error

    def _reader(self, topic: str, found: bytes) -> Reader:
        try:
            return self._reader_of(found)
        except SchemaNotFoundError as error:
            raise self._unreadable(
                topic, f"id {self._schema_id(found)} is not in the registry: {error}"
            ) from error
        except DataError as error:
            raise self._unreadable(topic, f"id {self._schema_id(found)}: {error}") from error

    def _schema_id(self, found: bytes) -> int:
        return int.from_bytes(found[len(MAGIC) : self._frame_length], "big")

    def _make_reader(self, found: bytes) -> Reader:
        stored = self._registry.schema(self._schema_id(found))
        if stored.kind != self.kind:
            raise DataError(
                f"the schema is {_LABELS.get(stored.kind, stored.kind)}; the converter is"
                f" {self.label}"
            )
        return self.make_reader(stored, found[self._frame_length :])

    def _unreadable(self, topic: str, reason: str) -> DataError:
        return DataError(f"Failed to deserialize data for topic {topic} to {self.label}: {reason}")

    def from_connect(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        if value is None:
            return None
        schema = schema if schema is not None else self._plain(topic, value)
        return self._writer_of(topic, schema).write(value)

    def from_connect_batch(
        self, topic: str, schema: Schema | None, values: Sequence[Any]
    ) -> Sequence[bytes | None]:
        if schema is None:
            return [self.from_connect(topic, None, value) for value in values]
        if None in values:
            return [self.from_connect(topic, schema, value) for value in values]
        return self._writer_of(topic, schema).write_all(values)

    def _plain(self, topic: str, value: Any) -> Schema:
        schema = _SCHEMAS_OF_PLAIN_VALUES.get(value.__class__)
        if schema is None:
            raise self._unwritable(
                topic,
                f"a {value.__class__.__name__} came without a schema, and {self.label} needs one",
            )
        return schema

    def _make_writer(self, topic: str, schema: Schema) -> "_FramedWriter":
        try:
            own = self.own_schema(schema)
            subject = self._options.subject(topic, self._is_key, own.record_name)
            schema_id, stored = self._choose(subject, own.text)
            write = self.make_writer(schema, own, stored)
            write_rows = self.make_rows_writer(schema, own, stored)
        except RetriableError:
            raise
        except ConnectError as error:
            raise self._unwritable(topic, str(error)) from error
        before = frame(schema_id, self._options.id_bytes)

        def write_framed(value: Any) -> bytes:
            try:
                return before + write(value)
            except DataError as error:
                raise self._unwritable(topic, str(error)) from error

        return _FramedWriter(before, write_framed, write_rows)

    def _choose(self, subject: str, text: str) -> tuple[int, StoredSchema | None]:
        """Return the id to write, and the schema of it if it is not the data's own."""
        options = self._options
        try:
            if options.auto_register:
                return self._registry.register(subject, self.kind, text), None
            if options.schema_id >= 0:
                return options.schema_id, self._registry.schema(options.schema_id)
            if options.use_latest:
                return self._registry.latest(subject)
            return self._registry.find(subject, self.kind, text), None
        except DataError as error:
            verb = "registering" if options.auto_register else "retrieving"
            raise DataError(f"Error {verb} {self.label} schema{text}: {error}") from error

    @property
    def checks_latest(self) -> bool:
        """Whether a schema that cannot hold all fields of the data is an error."""
        return self._options.check_latest

    def _unwritable(self, topic: str, reason: str) -> DataError:
        return DataError(f"Failed to serialize {self.label} data from topic {topic} : {reason}")


_LABELS: Final = {"AVRO": "Avro", "PROTOBUF": "Protobuf", "JSON": "JSON Schema"}
