"""Avro schemas: parsed from text, with names and references resolved.

What Avro does not reserve is kept as properties (`connect.…`, `logicalType`, `scale`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import orjson

from isthmus.api.errors import DataError
from isthmus.converters.registry.client import StoredSchema

PRIMITIVES: Final = frozenset(
    {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
)
NAMED: Final = frozenset({"record", "error", "enum", "fixed"})

_Json = dict[str, Any]


@dataclass(slots=True, eq=False)
class AvroField:
    """One member of a record; `default` counts if `has_default`."""

    name: str
    type: "AvroType"
    doc: str | None
    has_default: bool
    default: Any


@dataclass(slots=True, eq=False)
class AvroType:
    """A type; which attributes are set depends on its kind.

    `items` is what an array holds, or a map as values.
    """

    kind: str
    name: str | None = None
    doc: str | None = None
    props: Mapping[str, Any] = field(default_factory=dict[str, Any])
    fields: list[AvroField] = field(default_factory=list[AvroField])
    symbols: list[str] = field(default_factory=list[str])
    branches: "list[AvroType]" = field(default_factory=list["AvroType"])
    items: "AvroType | None" = None
    size: int = 0

    @property
    def simple_name(self) -> str:
        """The name without its namespace; the kind of what has no name."""
        return (self.name or self.kind).rpartition(".")[2]

    @property
    def content(self) -> "AvroType":
        """What an array or a map holds."""
        assert self.items is not None
        return self.items


def parse_avro(stored: StoredSchema) -> AvroType:
    """Return the schema of a text of the registry.

    Raises:
        DataError: It is no Avro schema.
    """
    names: dict[str, AvroType] = {}
    for text in _in_order(stored):
        parsed = _Parser(names).parse(_json(text), "")
    return parsed  # pyright: ignore[reportPossiblyUnboundVariable]  # its own text comes last


def _in_order(stored: StoredSchema) -> Iterator[str]:
    """Yield the texts, references before what refers to them."""
    for reference in stored.references.values():
        yield from _in_order(reference)
    yield stored.text


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        if text in PRIMITIVES:  # a registry may give a primitive's bare name
            return text
        raise DataError(f"No Avro schema, expected JSON: {text}") from None


_RESERVED: Final = frozenset(
    {"type", "name", "namespace", "fields", "symbols", "items", "values", "size", "doc", "aliases"}
)


class _Parser:
    def __init__(self, names: dict[str, AvroType]) -> None:
        self._names = names

    def parse(self, described: Any, namespace: str) -> AvroType:
        if isinstance(described, str):
            return self._by_name(described, namespace)
        if isinstance(described, list):
            branches = [self.parse(one, namespace) for one in cast("list[Any]", described)]
            return AvroType("union", branches=branches)
        if not isinstance(described, dict) or "type" not in described:
            raise DataError(f"No Avro schema, expected an object with a type: {described}")
        return self._object(cast("_Json", described), namespace)

    def _by_name(self, name: str, namespace: str) -> AvroType:
        if name in PRIMITIVES:
            return AvroType(name)
        full = name if "." in name or not namespace else f"{namespace}.{name}"
        found = self._names.get(full) or self._names.get(name)
        if found is None:
            raise DataError(f'Undefined name: "{full}" in an Avro schema')
        return found

    def _object(self, described: _Json, namespace: str) -> AvroType:
        kind = described["type"]
        if not isinstance(kind, str):
            return self.parse(kind, namespace)
        props = {key: value for key, value in described.items() if key not in _RESERVED}
        if kind in PRIMITIVES:
            return AvroType(kind, props=props)
        if kind in {"array", "map"}:
            inner = described.get("items" if kind == "array" else "values")
            return AvroType(kind, props=props, items=self.parse(inner, namespace))
        if kind in NAMED:
            return self._named(kind, described, props, namespace)
        return self._by_name(kind, namespace)

    def _named(self, kind: str, described: _Json, props: _Json, namespace: str) -> AvroType:
        name = described.get("name")
        if not isinstance(name, str) or not name:
            raise DataError(f"No name in Avro schema: {described}")
        namespace = str(described.get("namespace", namespace))
        full = name if "." in name or not namespace else f"{namespace}.{name}"
        made = AvroType("record" if kind == "error" else kind, full, described.get("doc"), props)
        self._names[full] = made
        inner = full.rpartition(".")[0]
        made.fields.extend(self._field(one, inner) for one in described.get("fields", ()))
        made.symbols.extend(described.get("symbols", ()))
        made.size = int(described.get("size", 0))
        return made

    def _field(self, described: _Json, namespace: str) -> AvroField:
        return AvroField(
            name=str(described["name"]),
            type=self.parse(described["type"], namespace),
            doc=described.get("doc"),
            has_default="default" in described,
            default=described.get("default"),
        )
