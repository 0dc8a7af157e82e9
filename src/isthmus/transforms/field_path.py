"""Names of fields, also of nested ones (KIP-821)."""

from typing import Any, Final

from isthmus.api.errors import ConfigError, DataError
from isthmus.api.schema import Field, Schema, Type
from isthmus.api.struct import Struct
from isthmus.transforms.columns import require_map
from isthmus.transforms.structs import require_struct

_PURPOSE: Final = "nested field access"


class FieldPath:
    """The way to a field. Java: SingleFieldPath.

    In version V1 the text is the name of a field. In V2 dots separate steps; a step that has dots
    in it stands between backticks, and a backslash before a backtick takes its meaning away.

    Raises:
        ConfigError: A backtick is not closed, or there is no step.
    """

    def __init__(self, text: str, version: str) -> None:
        steps = [text] if version.upper() == "V1" else _steps(text)
        if not steps:
            raise ConfigError(f"No field in path: [{text}]")
        *self._outer, self._last = steps

    def field(self, schema: Schema) -> Field | None:
        """Return the field of structs of this schema, None if there is none."""
        current = schema
        for step in self._outer:
            field = _field(current, step)
            if field is None:
                return None
            current = field.schema
        return _field(current, self._last)

    def in_map(self, value: Any) -> Any:
        """Return the member of a map, None if it or one above is missing.

        Raises:
            DataError: What should hold the member is no map.
        """
        for step in self._outer:
            value = value.get(step)
            if value is None:
                return None
            require_map(value, _PURPOSE)
        return value.get(self._last)

    def in_struct(self, value: Struct, *, use_defaults: bool) -> Any:
        """Return the member of a struct, None if it or one above is null.

        Raises:
            DataError: What should hold the member is no struct.
        """
        for step in self._outer:
            member = value[step]
            if member is None:
                return None
            value = require_struct(member, _PURPOSE)
        return value[self._last] if use_defaults else value.get_without_default(self._last)


def _field(schema: Schema, name: str) -> Field | None:
    if schema.type is not Type.STRUCT:
        raise DataError("Cannot look up fields on non-struct type")
    return schema.field(name)


def _steps(path: str) -> list[str]:
    steps: list[str] = []
    at = 0
    while at < len(path):
        if path[at] == "`":
            step, at = _quoted_step(path, at)
        else:
            end = path.find(".", at)
            end = len(path) if end < 0 else end
            step, at = path[at:end], end
        steps.append(step)
        if at == len(path) - 1:  # a dot at the end: an empty step follows
            steps.append("")
        at += 1
    return steps


def _quoted_step(path: str, start: int) -> tuple[str, int]:
    """Return the step between backticks, and where it ends: at a dot or the end of the path."""
    step = ""
    taken = at = start + 1
    while True:
        at = path.find("`", at)
        if at < 0:
            raise ConfigError(
                f"Incomplete backtick pair in path: [{path}], consider adding a backslash before"
                f" backtick at position {start} to escape it"
            )
        closes = at + 1 == len(path) or path[at + 1] == "."
        if closes and path[at - 1] != "\\":
            return step + path[taken:at], at + 1
        if closes:
            step += path[taken : at - 1] + "`"
            taken = at + 1
        at += 1
