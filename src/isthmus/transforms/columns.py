"""What the transformations that come with Connect share: they change whole columns of a batch.

A transformation of keys or values is written as `change`: a column of one schema in, a column of
one schema out. What depends on the schema alone is worked out once and kept for the last 16
schemas, as in Java. Nothing is changed in place but what the transformation has made itself.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import NoneType
from typing import Any, ClassVar, Final, Literal, TypeAlias, TypeVar

from isthmus.api.columnar import Columnar, Maps, Whole
from isthmus.api.config_def import ConfigDef, Importance, Type
from isthmus.api.errors import DataError
from isthmus.api.java_text import java_class
from isthmus.api.record import RecordBatch, SinkBatch, SourceBatch, SourceRecord
from isthmus.api.schema import Schema
from isthmus.api.transformation import AnyRecord, Transformation

Side: TypeAlias = Literal["Key", "Value"]
Column: TypeAlias = Sequence[Any]
Change: TypeAlias = tuple[Schema | None, Column]

REPLACE_NULL_WITH_DEFAULT: Final = "replace.null.with.default"
_SCHEMAS_KEPT: Final = 16

PlanT = TypeVar("PlanT")


def define_replace_null(definition: ConfigDef) -> ConfigDef:
    """Add `replace.null.with.default` (KIP-1040), and return the definition."""
    return definition.define(
        REPLACE_NULL_WITH_DEFAULT,
        Type.BOOLEAN,
        True,
        importance=Importance.MEDIUM,
        documentation="Whether a field that is null is read as the default of its schema, if it"
        " has one. With false it stays null.",
    )


def once_per_schema(plan: Callable[[Schema], PlanT]) -> Callable[[Schema], PlanT]:
    """Return `plan` with its results kept for the schemas that were seen last."""
    return lru_cache(maxsize=_SCHEMAS_KEPT)(plan)


class BatchTransformation(Transformation):
    """Works on batches alone; a single record is a batch of one row."""

    def apply(self, record: AnyRecord) -> AnyRecord | None:
        batch: SourceBatch | SinkBatch
        if isinstance(record, SourceRecord):
            (batch,) = SourceBatch.from_records([record])
        else:
            (batch,) = SinkBatch.from_records([record])
        for made in self.apply_batch(batch):
            assert isinstance(made, SourceBatch | SinkBatch)
            if len(made):
                return made.record(0)  # pyright: ignore[reportReturnType]  # of the record's kind
        return None

    @abstractmethod
    def apply_batch(self, batch: RecordBatch) -> Sequence[RecordBatch]: ...


class SideTransformation(BatchTransformation):
    """Has to do with the keys or the values of records: Java's classes `…$Key` and `…$Value`."""

    def __init__(self, side: Side) -> None:
        self._of_values = side == "Value"

    def column(self, batch: RecordBatch) -> Column:
        """Return the keys or values of a batch."""
        if self._of_values:
            return batch.values
        return [None] * len(batch) if batch.keys is None else batch.keys

    def schema(self, batch: RecordBatch) -> Schema | None:
        """Return the schema of the keys or values."""
        return batch.value_schema if self._of_values else batch.key_schema

    def replaced(self, batch: RecordBatch, schema: Schema | None, column: Column) -> RecordBatch:
        """Return the batch with other keys or values."""
        if self._of_values:
            return batch.replace(values=column, value_schema=schema)
        return batch.replace(keys=column, key_schema=schema)


class ColumnTransformation(SideTransformation):
    """Changes keys or values, and nothing else of a record."""

    #: Whether rows whose key or value is null go on unchanged.
    PASSES_NULL: ClassVar[bool] = True

    @abstractmethod
    def change(self, schema: Schema | None, column: Column, batch: RecordBatch) -> Change:
        """Return what becomes of the keys or values of a batch; with `PASSES_NULL` none is null.

        Raises:
            DataError: One of them is not what this transformation can change.
        """

    def apply_batch(self, batch: RecordBatch) -> Sequence[RecordBatch]:
        column = self.column(batch)
        if self.PASSES_NULL and has_null(column):
            return self._around_nulls(batch, column)
        return (self._changed(batch, column),)

    def _changed(self, batch: RecordBatch, column: Column) -> RecordBatch:
        return self.replaced(batch, *self.change(self.schema(batch), column, batch))

    def _around_nulls(self, batch: RecordBatch, column: Column) -> Sequence[RecordBatch]:
        done: list[RecordBatch] = []
        start = 0
        for row in range(1, len(column) + 1):
            is_null = column[start] is None
            if row == len(column) or (column[row] is None) != is_null:
                part = batch.rows(start, row)
                done.append(part if is_null else self._changed(part, column[start:row]))
                start = row
        return done


def has_null(column: Column) -> bool:
    """Return whether a key or value of the column is null."""
    return not isinstance(column, Columnar | Whole) and NoneType in set(map(type, column))


def without_nulls(column: Column) -> Column:
    """Return the keys or values that are not null."""
    return [value for value in column if value is not None] if has_null(column) else column


def with_nulls(made: Column, column: Column) -> Column:
    """Return what was made of `without_nulls(column)`, with the column's nulls in their places."""
    if len(made) == len(column):
        return made
    rest = iter(made)
    return [None if value is None else next(rest) for value in column]


def maps_alike(column: Column) -> Maps | None:
    """Return the maps if the converter or a transformation made them as columns."""
    return column if isinstance(column, Maps) and column.are_untouched else None


def member(maps: Maps, name: str) -> Column:
    """Return the column of a member, null where there is none."""
    return maps.columns[maps.names.index(name)] if name in maps.names else [None] * len(maps)


def with_member(maps: Maps, name: str, column: Column) -> Maps:
    """Return the maps with a member set."""
    members = dict(zip(maps.names, maps.columns, strict=True))
    members[name] = column
    return Maps(tuple(members), tuple(members.values()))


def require_maps(column: Column, purpose: str) -> Sequence[dict[Any, Any]]:
    """Return the values, all of which must be maps. Java: Requirements.requireMap."""
    if maps_alike(column) is None and set(map(type, column)) != {dict}:
        for value in column:
            require_map(value, purpose)
    return column


def require_map(value: object, purpose: str) -> Mapping[Any, Any]:
    """Return the value, which must be a map."""
    if not isinstance(value, Mapping):
        raise DataError(
            f"Only Map objects supported in absence of schema for [{purpose}], found:"
            f" {found_class(value)}"
        )
    return value  # pyright: ignore[reportUnknownVariableType]


def found_class(value: object) -> str:
    """Return what errors call the class of a value that may be null."""
    return "null" if value is None else java_class(value)
