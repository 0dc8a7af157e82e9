"""What requests bring: JSON, read as Jackson reads it into Connect's types.

Scalars in a config become text as they were written (`1.50` stays `1.50`), unknown fields are
refused, and every fault names its line and column. Connect answers 500 to all of them, since to
it they are exceptions like any other.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import NoReturn, TypeAlias, TypeVar, cast

import msgspec

from isthmus.channel import TargetState
from isthmus.herder.errors import RestError
from isthmus.herder.views import ConnectorOffset, JsonConfig

T = TypeVar("T")

_Path: TypeAlias = tuple[str | int, ...]

_SOURCE = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled);"


class InitialState(StrEnum):
    """The state in which a connector is created (KIP-980)."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"

    def target_state(self) -> TargetState:
        if self is InitialState.RUNNING:
            return TargetState.STARTED
        return TargetState(self.value)


class CreateConnectorRequest(msgspec.Struct, frozen=True):
    """The body of `POST /connectors`, and of its forwarding. Java: CreateConnectorRequest."""

    name: str | None
    config: JsonConfig | None
    initial_state: InitialState | None


class UnreadableBodyError(RestError):
    """500: a body is no JSON, or not of the expected shape."""

    def __init__(self, message: str) -> None:
        super().__init__(HTTPStatus.INTERNAL_SERVER_ERROR, message)


class _Number(str):
    """A number's text, told apart from a string that happens to hold a number."""

    __slots__ = ()


def read_create_request(data: bytes) -> CreateConnectorRequest | None:
    """Return the body, None if it is empty or null."""
    body = _Body(data, number=_Number)
    if body.value is None:
        return None
    fields = body.fields(body.value, (), ("name", "config", "initial_state"))
    state = body.text(fields.get("initial_state"), ("initial_state",))
    if state is not None and state.upper() not in InitialState.__members__:
        body.fail(
            f'Invalid value "{state}" for initial_state: expected one of {", ".join(InitialState)}',
            ("initial_state",),
        )
    return CreateConnectorRequest(
        body.text(fields.get("name"), ("name",)),
        body.config(fields.get("config"), ("config",)),
        None if state is None else InitialState(state.upper()),
    )


def read_config(data: bytes) -> JsonConfig | None:
    """Return a map of settings, None if the body is empty or null."""
    body = _Body(data, number=_Number)
    return body.config(body.value, ())


def read_task_configs(data: bytes) -> list[JsonConfig]:
    """Return the task configs that another worker sent."""
    body = _Body(data, number=_Number)
    if body.value is None:
        body.fail("No content to map: expected an array of objects", ())
    items = body.items(body.value, ())
    return [body.config(item, (index,)) or {} for index, item in enumerate(items)]


def read_offsets(data: bytes) -> list[ConnectorOffset | None] | None:
    """Return the offsets to alter: None if there is no body, no items if it has none."""
    body = _Body(data, number=None)
    if body.value is None:
        return None
    fields = body.fields(body.value, (), ("offsets",))
    items = body.items(fields.get("offsets"), ("offsets",))
    return [_offset(body, item, ("offsets", index)) for index, item in enumerate(items)]


def _offset(body: "_Body", item: object, path: _Path) -> ConnectorOffset | None:
    if item is None:
        return None
    fields = body.fields(item, path, ("partition", "offset"))
    return ConnectorOffset(
        body.map(fields.get("partition"), (*path, "partition")),
        body.map(fields.get("offset"), (*path, "offset")),
    )


class _Body:
    """A parsed body, and the text that it was parsed from, to say where a fault is.

    With `number`, numbers are of this class, made from their text; otherwise they are numbers.
    """

    def __init__(self, data: bytes, *, number: Callable[[str], object] | None) -> None:
        try:
            self._text = data.decode(_encoding(data))
        except UnicodeDecodeError as error:
            before = data[: error.start].decode(_encoding(data), "replace")
            raise UnreadableBodyError(
                f"Invalid UTF-8 byte 0x{data[error.start]:02x}\n at {_place(before, len(before))}"
            ) from None
        self.value: object = self._parse(number) if self._text.strip() else None

    def _parse(self, number: Callable[[str], object] | None) -> object:
        try:
            return json.loads(
                self._text,
                parse_int=number,
                parse_float=number,
                parse_constant=_refuse_constant,
            )
        except json.JSONDecodeError as error:
            position = max(error.pos, 0)
            raise UnreadableBodyError(
                f"Malformed JSON: {error.msg[:1].lower()}{error.msg[1:]}\n at"
                f" {_place(self._text, position)}"
            ) from None
        except _ConstantError as error:
            position = self._text.index(str(error))
            raise UnreadableBodyError(
                f"Non-standard token '{error}'\n at {_place(self._text, position)}"
            ) from None
        except RecursionError:
            raise UnreadableBodyError("Malformed JSON: nested too deeply") from None
        except ValueError as error:  # Python reads integers of a few thousand digits at most
            raise UnreadableBodyError(f"Malformed JSON: a number is too long: {error}") from None

    def fields(self, value: object, path: _Path, known: Sequence[str]) -> Mapping[str, object]:
        """Return an object's members, which may be only those that are `known`."""
        fields = self.map(value, path)
        if fields is None:
            self._fail_type("an object", value, path)
        for name in fields:
            if name not in known:
                properties = ", ".join(f'"{item}"' for item in known)
                self.fail(
                    f'Unrecognized field "{name}", not marked as ignorable'
                    f" (known properties: {properties})",
                    (*path, name),
                )
        return fields

    def map(self, value: object, path: _Path) -> dict[str, object] | None:
        if value is None:
            return None
        if not isinstance(value, dict):
            self._fail_type("an object", value, path)
        return cast("dict[str, object]", value)

    def items(self, value: object, path: _Path) -> list[object]:
        """Return an array's items, none for null."""
        if value is None:
            return []
        if not isinstance(value, list):
            self._fail_type("an array", value, path)
        return cast("list[object]", value)

    def config(self, value: object, path: _Path) -> JsonConfig | None:
        fields = self.map(value, path)
        if fields is None:
            return None
        return {name: self.text(item, (*path, name)) for name, item in fields.items()}

    def text(self, value: object, path: _Path) -> str | None:
        """Return a scalar as text, as it was written."""
        if value is None:
            return None
        if isinstance(value, str):
            return str(value)
        if not isinstance(value, bool):
            self._fail_type("a string", value, path)
        return "true" if value else "false"

    def fail(self, message: str, path: _Path) -> NoReturn:
        """Refuse the body for what is wrong with the value at `path`."""
        chain = "".join(f'["{step}"]' if isinstance(step, str) else f"[{step}]" for step in path)
        reference = f" (through reference chain: body{chain})" if path else ""
        raise UnreadableBodyError(
            f"{message}\n at {_place(self._text, _offset_of(self._text, path))}{reference}"
        )

    def _fail_type(self, expected: str, value: object, path: _Path) -> NoReturn:
        self.fail(f"Cannot deserialize {_kind(value)}: expected {expected}", path)


def _encoding(data: bytes) -> str:
    """Return how JSON is encoded, which its first bytes tell; the Content-Type does not count."""
    found = json.detect_encoding(data)
    return "utf-8-sig" if found == "utf-8" else found


class _ConstantError(Exception):
    """NaN or an infinity, which Python reads and JSON does not have."""


def _refuse_constant(name: str) -> NoReturn:
    raise _ConstantError(name)


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, _Number | int | float):
        return "a number"
    return "a string"


def _place(text: str, position: int) -> str:
    before = text[:position]
    line = before.count("\n") + 1
    column = position - (before.rfind("\n") + 1) + 1
    return f"{_SOURCE} line: {line}, column: {column}]"


def _offset_of(text: str, path: _Path) -> int:
    """Return where the value at `path` starts in `text`, which is known to be valid JSON."""
    position = _after_blanks(text, 0)
    for step in path:
        position = _members(text, position)[step]
    return position


def _members(text: str, start: int) -> dict[str | int, int]:
    """Return where each member's value starts, of the object or array that starts at `start`."""
    decoder = json.JSONDecoder(parse_int=str)  # numbers of any length: where they are is enough
    starts: dict[str | int, int] = {}
    position = _after_blanks(text, start + 1)
    while text[position] not in "}]":
        key: str | int = len(starts)
        if text[start] == "{":
            key, end = cast("tuple[str, int]", decoder.raw_decode(text, position))
            position = _after_blanks(text, _after_blanks(text, end) + 1)
        starts[key] = position
        _, end = decoder.raw_decode(text, position)
        position = _after_blanks(text, end)
        if text[position] == ",":
            position = _after_blanks(text, position + 1)
    return starts


def _after_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position
