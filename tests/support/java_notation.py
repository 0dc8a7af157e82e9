"""Connect data as text, in the notation of the golden files that were captured from Apache's code.

A schema is `int32?=Integer:5`: type, `?` if optional, `@name`, `#version`, parameters, default. A
value names its Java class where that matters: `Long:1`; bytes are `0xff`, a date is its ms.
"""

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from isthmus.api.java_text import java_double, java_float
from isthmus.api.logical import date_to_days, time_to_ms, timestamp_to_ms
from isthmus.api.schema import Schema, Type
from isthmus.api.struct import Struct

_INTEGERS = {
    Type.INT8: "Byte",
    Type.INT16: "Short",
    Type.INT32: "Integer",
    Type.INT64: "Long",
}


def quoted(text: str) -> str:
    units = text.encode("utf-16-be", "surrogatepass")
    codes = (int.from_bytes(units[i : i + 2], "big") for i in range(0, len(units), 2))
    return f'"{"".join(map(_shown_char, codes))}"'


def _shown_char(code: int) -> str:
    if chr(code) in '"\\':
        return f"\\{chr(code)}"
    return chr(code) if 32 <= code <= 126 else f"\\u{code:04x}"


def shown_value(value: Any, schema: Schema | None = None) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return f"Boolean:{str(value).lower()}"
        case int():
            return f"{_INTEGERS[schema.type] if schema else 'Long'}:{value}"
        case float():
            is_single = schema is not None and schema.type is Type.FLOAT32
            return f"Float:{java_float(value)}" if is_single else f"Double:{java_double(value)}"
        case str():
            return quoted(value)
        case bytes():
            return f"0x{value.hex()}"
        case Decimal():
            return f"BigDecimal:{value}"
        case datetime() | date() | time():
            return f"Date:{_milliseconds(value)}"
        case _:
            return _shown_container(value, schema)


def _milliseconds(value: date | time) -> int:
    if isinstance(value, datetime):
        return timestamp_to_ms(value)
    return date_to_days(value) * 86_400_000 if isinstance(value, date) else time_to_ms(value)


def _shown_container(value: Any, schema: Schema | None) -> str:
    keys, values = (schema.key_schema, schema.value_schema) if schema else (None, None)
    if isinstance(value, Struct):
        pairs = zip(value.schema.fields, value.values, strict=True)
        return f"S{{{''.join(f'{f.name}={shown_value(v, f.schema)},' for f, v in pairs)}}}"
    if isinstance(value, dict):
        shown = sorted(
            (shown_value(key, keys), shown_value(member, values))
            for key, member in value.items()  # pyright: ignore[reportUnknownVariableType]
        )
        return f"{{{', '.join(f'{key}={member}' for key, member in shown)}}}"
    return f"[{', '.join(shown_value(item, values) for item in value)}]"


def shown_schema(schema: Schema | None) -> str:
    if schema is None:
        return "-"
    text = schema.type.name.lower()
    if schema.type is Type.ARRAY:
        text += f"<{shown_schema(schema.value_schema)}>"
    if schema.type is Type.MAP:
        text += f"<{shown_schema(schema.key_schema)},{shown_schema(schema.value_schema)}>"
    if schema.type is Type.STRUCT:
        text += f"{{{''.join(f'{f.name}:{shown_schema(f.schema)},' for f in schema.fields)}}}"
    text += "?" * schema.optional
    text += f"@{schema.name}" if schema.name is not None else ""
    text += f"#{schema.version}" if schema.version is not None else ""
    text += f"doc={schema.doc}" if schema.doc is not None else ""
    parameters = sorted(f"{key}={value}" for key, value in schema.parameters.items())
    text += f"{{{', '.join(parameters)}}}" if parameters else ""
    text += f"={shown_value(schema.default, schema)}" if schema.default is not None else ""
    return text
