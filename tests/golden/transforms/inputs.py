r"""Prints the cases of this folder, a JSON object a line, without their results.

To record them anew, with `$JARS` a class path of `tests/support/connect-4.3.1.jars`, on Java 19 or
newer (older ones print some doubles with a digit more):

    javac -d /tmp/record -cp "$JARS" Record.java
    python inputs.py | java -Duser.language=en -Duser.country=US -Duser.timezone=UTC \
        -cp "/tmp/record:$JARS" Record > cases.jsonl

A case has the class behind `org.apache.kafka.connect.transforms.`, its options, and a record, of a
sink unless `source` is true. Data are `{"schema": …, "value": …}`, without `schema` if they have
none, or null. A schema is the name of a type, with `?` if it is optional, or an object. Values are
JSON; where that says too little, `{"$date": ms}`, `{"$bytes": hex}`, `{"$decimal": text}`,
`{"$double": text}`, `{"$data": …}`. Maps with a schema are lists of pairs.
"""

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

Case = dict[str, Any]

TS = 1_700_000_000_123
DAY = 86_400_000


def struct(*fields: tuple[str, Any], **more: Any) -> Any:
    return {"type": "struct", "fields": [list(field) for field in fields], **more}


def typed(schema: Any, value: Any) -> Any:
    return {"schema": schema, "value": value}


def plain(value: Any) -> Any:
    return {"value": value}


def case(name: str, config: dict[str, str], value: Any = None, **record: Any) -> Case:
    return {"class": name, "config": config, "value": value, **record}


#: A required and an optional field, one with a default that is set, one with a default that is not.
MIXED = struct(
    ("id", "int32"),
    ("name", "string?"),
    ("size", {"type": "int64", "default": 5}),
    ("note", {"type": "string", "optional": True, "default": "none"}),
    name="org.x.Mixed",
    version=3,
    doc="A struct.",
    parameters={"p": "1"},
    optional=True,
)
MIXED_VALUES = (
    {"id": 1, "name": "a", "size": 7, "note": "x"},
    {"id": 1, "name": None, "size": 7},
    {"id": 2, "name": "b"},
    {"name": "c"},
)
INNER = struct(("x", "int32?"), ("y", "string?"), optional=True)
NESTED = struct(
    ("id", "int64"),
    ("in", INNER),
    ("deep", struct(("er", struct(("est", "boolean"))))),
    ("tags", {"type": "array", "items": "string"}),
)
NESTED_VALUE = {
    "id": 1,
    "in": {"x": 2, "y": "z"},
    "deep": {"er": {"est": True}},
    "tags": ["a", "b"],
}
REPLACE_NULL: tuple[dict[str, str], ...] = ({}, {"replace.null.with.default": "false"})
#: Values that no transformation of fields can take.
NO_STRUCTS = (
    plain("text"),
    plain(5),
    plain([1]),
    plain(None),
    typed("string", "text"),
    typed("int32?", None),
    typed(MIXED, None),
)


def both(name: str, config: dict[str, str], data: Any) -> Iterator[Case]:
    """Yield the case for keys and for values."""
    yield case(f"{name}$Key", config, plain("v"), key=data)
    yield case(f"{name}$Value", config, data, key=plain("k"))


def whole_casts() -> Iterator[Case]:
    types = ("int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string")
    values = [
        *(plain(v) for v in (0, 44, 300, -129, 70_000, 2**40, -(2**63), 2**63 - 1)),
        *(plain(v) for v in (0.0, 0.9, -1.5, 1e10, 1e20, 1e300, 0.1, 123456.789)),
        *(plain({"$double": v}) for v in ("NaN", "Infinity", "-Infinity", "-0.0")),
        *(plain(v) for v in (True, False, "", "1", "-7", "+7", "300", " 5", "0x10", "1e3")),
        *(
            plain(v)
            for v in ("1.5", "1f", "0x1p3", "NaN", "TRUE", "yes", "abc", "9223372036854775808")
        ),
        plain({"$bytes": "00ff10"}),
        plain({"$decimal": "12.50"}),
        plain({"$date": TS}),
        plain([1]),
        plain({"a": 1}),
        plain({"$data": typed(INNER, {"x": 1})}),
        typed("int8", -5),
        typed("int16?", 300),
        typed("int32", 70_000),
        typed("float32", 0.1),
        typed("float32", 16_777_217.0),
        typed("float64", 3.99),
        typed("bytes", "00ff"),
        typed("Decimal:2", "300.75"),
        typed("Decimal:-3", "1E+3"),
        typed("Date", 0),
        typed("Date", 19_000 * DAY),
        typed("Date", -DAY),
        typed("Time", 3_723_004),
        typed("Timestamp", TS),
        typed("Timestamp", 5 * DAY),
        typed("Timestamp", -1),
    ]
    for value, type_ in itertools.product(values, types):
        yield case("Cast$Value", {"spec": type_}, value)


def casts() -> Iterator[Case]:
    yield from whole_casts()
    for config in REPLACE_NULL:
        for value in MIXED_VALUES:
            spec = {"spec": "id:string,size:int8,name:string", **config}
            yield case("Cast$Value", spec, typed(MIXED, value))
    spec = {"spec": "a:int32, b : string,missing:boolean"}
    for value in ({"a": "5", "b": 1.5, "c": None}, {"a": None}, {}, {"a": "x"}):
        yield from both("Cast", spec, plain(value))
    for data in NO_STRUCTS:
        yield from both("Cast", {"spec": "a:int8"}, data)
    for data in (
        typed({"type": "int32", "default": 300, "name": "n", "version": 2, "doc": "d"}, 5),
        typed({"type": "int32", "optional": True, "default": 300}, None),
        typed({"type": "string", "default": "x"}, "5"),
        typed({"type": "array", "items": "int32"}, [1]),
        typed({"type": "map", "keys": "string", "items": "int32"}, [["a", 1]]),
        typed(INNER, {"x": 1}),
    ):
        yield from both("Cast", {"spec": "int8"}, data)
    dates = struct(("d", "Date"), ("t", "Time?"), ("ts", "Timestamp"), ("n", "Decimal:1"))
    values = {"d": 3 * DAY, "t": 5000, "ts": TS, "n": "1.5"}
    for type_ in ("string", "int64", "float64", "int8", "boolean"):
        spec = ",".join(f"{name}:{type_}" for name in values)
        yield case("Cast$Value", {"spec": spec}, typed(dates, values))
    for spec in (
        *("", " ", "int8,int16", "int8,a:int8", "a:b:c", "a:", ":int8", "a:bytes", "array", "x"),
        *("a:INT8", "a:foo", "a:int8,a:int16", "a:struct", "string:", "a::int8"),
    ):
        yield case("Cast$Value", {"spec": spec}, plain({"a": 5, "": 7}))
    yield case("Cast$Value", {}, plain({"a": 5}))
    yield case("Cast$Value", {"spec": "a:int8", "replace.null.with.default": "x"}, None)


def extractions() -> Iterator[Case]:
    for data in (
        plain({"a": 1, "b": {"c": {"d": 2}}, "b.c": 3}),
        plain({"b": {}}),
        plain({"b": 5}),
        plain({}),
        typed(NESTED, NESTED_VALUE),
        *NO_STRUCTS,
    ):
        for field, version in (
            *(("a", "V1"), ("b.c", "V1"), ("b.c", "V2"), ("b.c.d", "v2"), ("`b.c`", "V2")),
            *(("in.x", "V2"), ("in", "V1"), ("in.missing", "V2"), ("missing.x", "V2")),
            ("id.x", "V2"),
        ):
            config = {"field": field, "field.syntax.version": version}
            yield case("ExtractField$Value", config, data)
    paths = (
        *("`", "`x", "`a`b`", "`a``b`.c", "`a\\`.b`", "\\`x", "a.", "a..b", ".", ".a", "", "`a`"),
        *("`a`x.b", "a`.b", "a.`b", "a.`b.c`", "``", "`.`", "`a.b`.c", "a\\.b", "`\\`", "`a`.`b`"),
    )
    names = ("", "a", "b", "c", "x", "`x", "\\`x", "a``b", "a`.b", "a`b", "a.b", "b.c", "a`", "a\\")
    for path in paths:
        config = {"field": path, "field.syntax.version": "V2"}
        small = {name: {other: f"{name}|{other}" for other in names} for name in names}
        yield case("ExtractField$Value", config, plain(small))
    for config in REPLACE_NULL:
        for field in ("id", "name", "size", "note"):
            for value in (*MIXED_VALUES, None):
                yield case("ExtractField$Value", {"field": field, **config}, typed(MIXED, value))
    holder = struct(("in", struct(("n", {"type": "int8", "default": 3}), optional=True)))
    held: tuple[dict[str, Any], ...] = ({"in": {}}, {"in": None}, {})
    for config, value in itertools.product(REPLACE_NULL, held):
        config = {"field": "in.n", "field.syntax.version": "V2", **config}
        yield case("ExtractField$Key", config, None, key=typed(holder, value))
    yield case("ExtractField$Value", {"field": "a", "field.syntax.version": "V3"}, None)
    yield case("ExtractField$Value", {}, None)


def flattenings() -> Iterator[Case]:
    for data in (
        typed(NESTED, NESTED_VALUE),
        typed(NESTED, {**NESTED_VALUE, "in": None}),
        typed(MIXED, MIXED_VALUES[2]),
        plain({"a": {"b": {"c": 1}, "d": None}, "e": [1, {"x": 2}], "f": {}, "g": "s"}),
        plain({"d": {"t": {"$date": TS}}}),
        plain({"d": {"$decimal": "1.5"}}),
        plain({"b": {"$bytes": "00"}, "s": {"$data": typed(INNER, {"x": 1})}}),
        plain({}),
        plain({"": {"": 1}}),
        *NO_STRUCTS,
    ):
        for config in ({}, {"delimiter": "_"}, {"delimiter": ""}):
            yield case("Flatten$Value", config, data)
    with_defaults = struct(
        (
            "in",
            struct(
                ("x", {"type": "int32", "default": 3}),
                ("y", "string?"),
                default={"x": 9, "y": "d"},
            ),
        ),
        ("o", struct(("z", "int8"), optional=True)),
        name="n",
        optional=True,
    )
    values: tuple[dict[str, Any] | None, ...] = (
        {"in": {"x": 1}, "o": {"z": 1}},
        {"o": None},
        {"in": {}},
        None,
    )
    for value in values:
        yield case("Flatten$Value", {}, typed(with_defaults, value))
    rooted = struct(("in", struct(("x", "int32"))), default={"in": {"x": 4}})
    yield case("Flatten$Key", {}, None, key=typed(rooted, {"in": {"x": 5}}))
    a_map = {"type": "map", "keys": "string", "items": "string"}
    yield case("Flatten$Value", {}, typed(struct(("in", struct(("m", a_map)))), {"in": {"m": []}}))
    clash = struct(("a.b", "int8"), ("a", struct(("b", "int8"))))
    yield case("Flatten$Value", {}, typed(clash, {"a.b": 1, "a": {"b": 2}}))
    structs = struct(("l", {"type": "array", "items": INNER}))
    yield case("Flatten$Value", {}, typed(structs, {"l": [{"x": 1}]}))


def header_froms() -> Iterator[Case]:
    base = {"fields": "id,name", "headers": "h1,h2"}
    had = [["old", plain("o")], ["h1", typed("int8", 1)]]
    for operation, config in itertools.product(("move", "copy"), REPLACE_NULL):
        options = {**base, "operation": operation, **config}
        for value in MIXED_VALUES:
            yield case("HeaderFrom$Value", options, typed(MIXED, value), headers=had)
        options = {**options, "fields": "size,note"}
        for value in MIXED_VALUES:
            yield case("HeaderFrom$Key", options, None, key=typed(MIXED, value))
    for operation in ("move", "copy"):
        options = {**base, "operation": operation}
        for value in ({"id": 1, "name": "a", "c": 2}, {"id": None}, {}, {"name": [1]}):
            yield from both("HeaderFrom", options, plain(value))
        for data in NO_STRUCTS:
            yield case("HeaderFrom$Value", options, data)
        twice = {"fields": "a,a", "headers": "x,x", "operation": operation}
        yield case("HeaderFrom$Value", twice, plain({"a": 1}))
        missing = {"fields": "zz", "headers": "x", "operation": operation}
        yield case("HeaderFrom$Value", missing, typed(MIXED, MIXED_VALUES[0]))
    for changes in (
        *({"operation": "drop"}, {"operation": "MOVE"}, {"fields": ""}, {"headers": ""}),
        *({"fields": "a"}, {"headers": "a"}, {"fields": "a,"}),
    ):
        yield case("HeaderFrom$Value", {**base, "operation": "move", **changes}, plain({}))
    yield case("HeaderFrom$Value", {}, None)


def hoists() -> Iterator[Case]:
    for data in (
        *NO_STRUCTS,
        typed(MIXED, MIXED_VALUES[0]),
        typed("Timestamp", TS),
        plain({"a": 1}),
        typed("int32", None),
        typed({"type": "int32", "default": 3}, None),
    ):
        yield from both("HoistField", {"field": "line"}, data)
    yield case("HoistField$Value", {"field": ""}, plain(1))
    yield case("HoistField$Value", {}, None)


def field_insertions() -> Iterator[Case]:
    every = {
        "topic.field": "tp",
        "partition.field": "pt!",
        "offset.field": "of?",
        "timestamp.field": "ts",
        "static.field": "st!",
        "static.value": "v",
    }
    no_offset = {key: value for key, value in every.items() if key != "offset.field"}
    for data in (typed(MIXED, MIXED_VALUES[0]), plain({"a": 1, "tp": "old"}), *NO_STRUCTS):
        for timestamp in (TS, None):
            yield case("InsertField$Value", every, data, timestamp=timestamp, partition=4)
            yield case(
                "InsertField$Key", no_offset, None, key=data, timestamp=timestamp, source=True
            )
    for data in (typed(MIXED, MIXED_VALUES[0]), plain({})):
        yield case("InsertField$Value", every, data, source=True)
    required = {"timestamp.field": "ts!", "partition.field": "p!"}
    for timestamp in (TS, None, 0):
        for value in MIXED_VALUES:
            yield case(
                "InsertField$Value", required, typed(MIXED, value), timestamp=timestamp, source=True
            )
    for config in REPLACE_NULL:
        for value in MIXED_VALUES:
            yield case("InsertField$Value", {"topic.field": "t", **config}, typed(MIXED, value))
    for config in (
        *({}, {"static.field": "a"}, {"static.value": "a"}, {"static.field": "a!"}),
        *({"topic.field": ""}, {"topic.field": "!"}, {"topic.field": "?"}, {"topic.field": "a!?"}),
        {"static.field": "x", "static.value": ""},
        {"topic.field": "id"},
        {"topic.field": "a", "partition.field": "a"},
    ):
        yield case("InsertField$Value", config, typed(MIXED, MIXED_VALUES[0]))
        yield case("InsertField$Value", config, plain({"a": 1}))


def header_insertions() -> Iterator[Case]:
    had = [["h", plain("o")]]
    literals = (
        *("5", "300", "-1", "1.5", "true", "text", "[1, 2]", "[1,300]", "{a:1}", '{"a":1}'),
        *("null", "2019-08-23", " padded ", '"quoted"', "1e400", "1.0", "", "[]", "a,b"),
        *("14:34:54.346Z", "2019-08-23T14:34:54.346Z", '["a","b"]', "0x10", "9223372036854775808"),
    )
    for literal in literals:
        yield case("InsertHeader", {"header": "h", "value.literal": literal}, None, headers=had)
    yield case("InsertHeader", {"header": "", "value.literal": "5"}, plain("v"), source=True)
    yield case("InsertHeader", {"header": "h"}, None)
    yield case("InsertHeader", {"value.literal": "h"}, None)
    for names in ("h", "h,g", "x", "", "a,a", "a,,b", " h "):
        headers = [["h", plain(1)], ["g", plain(2)], ["h", typed("int8", 3)], ["i", None]]
        yield case("DropHeaders", {"headers": names}, plain("v"), headers=headers)
    yield case("DropHeaders", {}, None)
    yield case("DropHeaders", {"headers": "h"}, plain("v"), source=True)


def masks() -> Iterator[Case]:
    values = {
        "int8": 5, "int16": 5, "int32": 5, "int64": 5, "float32": 1.5, "float64": 1.5,
        "boolean": True, "string": "secret", "bytes": "ff", "Decimal:2": "1.25", "Date": DAY,
        "Time": 5, "Timestamp": TS,
    }  # fmt: skip
    replacements: tuple[dict[str, str], ...] = (
        {}, {"replacement": "7"}, {"replacement": "300"}, {"replacement": "x"},
        {"replacement": "1.9"}, {"replacement": "1e30"}, {"replacement": " 7"},
    )  # fmt: skip
    for (type_, value), config in itertools.product(values.items(), replacements):
        schema = struct(("f", type_), ("g", "string?"))
        yield case("MaskField$Value", {"fields": "f", **config}, typed(schema, {"f": value}))
    plains = (
        *(5, 1.5, True, "secret", None, [1, 2], {"a": 1}, {"$date": TS}, {"$decimal": "1.50"}),
        *({"$bytes": "ff"}, {"$data": typed(INNER, {"x": 1})}),
    )
    for value, config in itertools.product(plains, replacements[:4]):
        yield case(
            "MaskField$Value", {"fields": "f,missing", **config}, plain({"f": value, "g": 1})
        )
    containers = struct(
        ("l", {"type": "array", "items": "int8"}),
        ("m", {"type": "map", "keys": "string", "items": "int8"}),
        ("s", INNER),
    )
    content = {"l": [1], "m": [["a", 1]], "s": {"x": 1}}
    for fields in ("l", "m", "s", "l,m"):
        yield case("MaskField$Value", {"fields": fields}, typed(containers, content))
    for config, value in itertools.product(REPLACE_NULL, MIXED_VALUES):
        yield case("MaskField$Value", {"fields": "name,note,zz", **config}, typed(MIXED, value))
    for data in NO_STRUCTS:
        yield from both("MaskField", {"fields": "f"}, data)
    for config in ({}, {"fields": ""}, {"fields": "a,a"}, {"fields": "a", "replacement": ""}):
        yield case("MaskField$Value", config, plain({"a": 1}))


def routers() -> Iterator[Case]:
    for regex, replacement, topic in (
        ("t", "u", "t"),
        ("(.*)-(.*)", "$2-$1", "a-b-c"),
        ("(.*)", "pre-$1", "t"),
        (".*", "pre-$0", "t"),
        ("(?<a>.*)-x", "${a}", "t-x"),
        ("(?<a>t)(?<b1>u)?", "${b1}|${a}", "t"),
        ("(t)", "$1$11\\$1\\\\", "t"),
        ("(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)", "$11-$10", "abcdefghijk"),
        ("t", "$1", "t"),
        ("t", "$1", "other"),
        ("t", "$", "t"),
        ("t", "$x", "t"),
        ("t", "\\", "t"),
        ("t", "${a}", "t"),
        ("t", "${", "t"),
        ("t", "${1a}", "t"),
        ("(?<a>t)", "${a", "t"),
        ("(?<a>t)", "${}", "t"),
        ("t?", "x", "t"),
        ("a|ab", "x", "ab"),
        ("ab|a", "x", "ab"),
        ("\\Qa.b\\E", "x", "a.b"),
        ("\\Qa.b\\E", "x", "aXb"),
        ("a\\Q.b", "x", "a.b"),
        ("(?i)ABC", "x", "abc"),
        ("\\d+", "n", "123"),
        ("\\d+", "n", "12a"),
        ("[a-c[x]]+", "n", "ab"),
        ("(a)\\1", "$1", "aa"),
        ("(?<n>a)\\k<n>", "$1", "aa"),
        ("[^.]+\\.(\\w+)\\z", "$1", "db.table"),
        ("a{2}", "x", "aa"),
        ("a++b", "x", "aaab"),
        ("(?:a)(?=b)b", "x", "ab"),
        ("(?<=a)b|ab", "x", "ab"),
        ("", "x", ""),
        ("[", "x", "t"),
        ("(", "x", "t"),
        ("*a", "x", "t"),
        (" t ", " u ", "t"),
    ):
        config = {"regex": regex, "replacement": replacement}
        yield case("RegexRouter", config, plain("v"), topic=topic, partition=3, source=True)
    yield case("RegexRouter", {"regex": "a"}, None)
    yield case("RegexRouter", {"replacement": "a"}, None)
    for pattern in (
        *("yyyyMMdd", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "", "yy", "y", "yyyyy", "M MM MMM MMMM"),
        *("d dd D DDD", "E EEEE u", "H k K h a", "m s S SSSS", "G z zzzz Z X XX XXX", "L LLL"),
        *("w W F Y YYYY", "'it''s' ''", "'open", "b", "XXXX", "yyyy'year'", "%d {0}", "'x"),
    ):
        for timestamp in (TS, 0, -1, 1_704_063_600_000):
            yield case("TimestampRouter", {"timestamp.format": pattern}, None, timestamp=timestamp)
    for topic_format in ("${timestamp}", "a${topic}b${topic}", "$1\\", "${TOPIC}", "", "${topic"):
        config = {"topic.format": topic_format}
        yield case("TimestampRouter", config, plain("v"), timestamp=TS, topic="a$1b\\c${timestamp}")
    yield case("TimestampRouter", {}, plain("v"))
    yield case(
        "TimestampRouter",
        {},
        typed("int32", 5),
        key=typed(INNER, {"x": 1}),
        headers=[["h", plain("x")], ["i", typed("int8", 1)]],
    )
    for day in range(24):
        # Weeks around the turn of two years, and hours of the day.
        timestamp = 1_640_000_000_000 + day * (DAY + 3_600_000)
        config = {"timestamp.format": "YYYY-'W'ww-W-F-u-E-DDD-hh-a-KK-kk"}
        yield case("TimestampRouter", config, None, timestamp=timestamp)


def field_replacements() -> Iterator[Case]:
    options: tuple[dict[str, str], ...] = (
        *({}, {"exclude": "id"}, {"include": "id,name"}, {"include": "id", "exclude": "id"}),
        *({"renames": "id:key"}, {"renames": "id:name,name:id"}, {"renames": "id:name"}),
        *({"include": "id,zz", "renames": "id:a,zz:b"}, {"exclude": "size", "renames": "size:x"}),
        {"exclude": "id,name,size,note"},
    )
    for config in options:
        for value in MIXED_VALUES[:3]:
            yield case("ReplaceField$Value", config, typed(MIXED, value))
        # Java leaves it to the order of a hash map which of two fields of one name is kept.
        if config != {"renames": "id:name"}:
            for value in ({"id": 1, "name": "n", "size": None}, {}, {"zz": 1}):
                yield from both("ReplaceField", config, plain(value))
    for config, value in itertools.product(REPLACE_NULL, MIXED_VALUES):
        yield case("ReplaceField$Value", {"exclude": "zz", **config}, typed(MIXED, value))
    for data in NO_STRUCTS:
        yield from both("ReplaceField", {"exclude": "a"}, data)
    for config in (
        *({"renames": "a"}, {"renames": "a:b:c"}, {"renames": "a:"}, {"renames": ":b"}),
        *({"renames": ":"}, {"renames": "a:b,c"}, {"exclude": "a,a"}, {"include": "a,,b"}),
        *({"renames": "a:b,a:c"}, {"renames": "a:b::"}, {"renames": " a : b "}),
    ):
        yield case("ReplaceField$Value", config, plain({"a": 1}))


def metadata() -> Iterator[Case]:
    options = (
        {"schema.name": "n"},
        {"schema.version": "7"},
        {"schema.name": "n", "schema.version": "1"},
    )
    for config in options:
        for data in (
            typed(MIXED, MIXED_VALUES[2]),
            typed("int32", 5),
            typed({"type": "array", "items": "string"}, ["a"]),
            typed({"type": "map", "keys": "string", "items": "int8", "default": []}, [["a", 1]]),
            *NO_STRUCTS,
        ):
            yield from both("SetSchemaMetadata", config, data)
    for config, value in itertools.product(REPLACE_NULL, MIXED_VALUES):
        yield case("SetSchemaMetadata$Value", {"schema.name": "n", **config}, typed(MIXED, value))
    for config in ({}, {"schema.version": "x"}, {"schema.name": ""}, {"schema.version": "1.5"}):
        yield case("SetSchemaMetadata$Value", config, typed("int8", 1))


def time_conversions() -> Iterator[Case]:
    targets = ("string", "unix", "Date", "Time", "Timestamp")
    precisions = ("seconds", "milliseconds", "microseconds", "nanoseconds")
    pattern = "yyyy-MM-dd HH:mm:ss.SSS"
    whole = (
        *(plain(v) for v in (TS, 0, -1, -1_500, "2023-11-14 22:13:20.123", None, True, 1.5, [1])),
        *(plain(v) for v in ("nonsense", "", {"a": 1}, {"$date": TS}, {"$date": -5})),
        *(typed(*pair) for pair in (("int64", TS), ("int64?", None), ("Timestamp?", TS))),
        *(typed(*pair) for pair in (("Date", 19_000 * DAY), ("Time", 3_723_004), ("int32", 5))),
        *(typed(*pair) for pair in (("string", "2023-11-14 22:13:20.123"), ("string", "x"))),
        *(typed(*pair) for pair in (("int32?", None), ("float64", 1.5), ("Decimal:0", "5"))),
        typed({"type": "int64", "default": 5, "name": "n"}, 6),
        typed(MIXED, MIXED_VALUES[0]),
    )
    for data, target in itertools.product(whole, targets):
        yield case("TimestampConverter$Value", {"target.type": target, "format": pattern}, data)
    numbers = (
        0,
        1,
        -1,
        1_699_999_999,
        1_700_000_000_123,
        -1_700_000_000_123,
        1_700_000_000_123_456,
    )
    for value, precision, target in itertools.product(numbers, precisions, targets):
        if precision == "seconds" and abs(value) > 2_000_000_000 and target != "unix":
            continue  # beyond the year 9999
        config = {"target.type": target, "unix.precision": precision, "format": pattern}
        if precision != "milliseconds" or abs(value) < 2_000_000_000_000:
            yield case("TimestampConverter$Value", config, plain(value))
    for precision in precisions:
        config = {"target.type": "unix", "unix.precision": precision}
        for ms in (TS, -TS, -1):
            yield case("TimestampConverter$Value", config, plain({"$date": ms}))
    yield from field_conversions(pattern, targets)
    yield from readings()


def field_conversions(pattern: str, targets: Sequence[str]) -> Iterator[Case]:
    schema = struct(
        ("ts", {"type": "int64", "default": 1000}),
        ("o", "Timestamp?"),
        ("s", "string?"),
        ("n", "int8"),
        optional=True,
        name="n",
    )
    values = (
        {"ts": TS, "o": TS, "s": "2023-11-14 00:00:00.000", "n": 1},
        {"n": 1},
        {"ts": 1},
        None,
    )
    for field, target, value in itertools.product(("ts", "o", "s", "n", "zz"), targets, values):
        config = {"field": field, "target.type": target, "format": pattern}
        yield case("TimestampConverter$Value", config, typed(schema, value))
    for value in values[:3]:
        config = {"field": "ts", "target.type": "Timestamp", "replace.null.with.default": "false"}
        yield case("TimestampConverter$Key", config, None, key=typed(schema, value))
    defaulted = struct(("ts", "int64"), default={"ts": 5})
    config = {"field": "ts", "target.type": "Timestamp"}
    yield case("TimestampConverter$Value", config, typed(defaulted, {"ts": 6}))
    for value in (
        {"ts": TS, "a": 1},
        {"ts": None},
        {},
        {"ts": {"$date": TS}},
        {"ts": "x"},
        {"ts": 1.5},
    ):
        yield from both("TimestampConverter", {**config, "format": pattern}, plain(value))
    for data in NO_STRUCTS:
        yield from both("TimestampConverter", config, data)
    for config in (
        *({}, {"target.type": "x"}, {"target.type": "string"}, {"target.type": "date"}),
        *({"target.type": "string", "format": "bad"}, {"target.type": "string", "format": "'x"}),
        *(
            {"target.type": "unix", "unix.precision": "minutes"},
            {"target.type": "string", "format": " "},
        ),
        *({"target.type": "unix", "format": "bbb"}, {"target.type": "unix", "format": "yyyy"}),
    ):
        yield case("TimestampConverter$Value", config, plain(TS))
    yield case("TimestampConverter$Value", {"target.type": "unix"}, plain("2023"))


def readings() -> Iterator[Case]:
    for pattern, texts in (
        ("yyyy-MM-dd", ("2024-02-30", "2024-13-01", "2024-1-2", "2024-01-02 trailing", "24-01-02")),
        ("yyyy-MM-dd", (" 2024-01-02", "2024 -01-02", "2024- 01-02", "-2024-01-02", "2024--1-02")),
        ("yyyyMMdd", ("20240102", "2024102", "202401021", "2024-1-2", "2024")),
        ("yyMMdd", ("240102", "990102", "700102", "0240102")),
        ("y-M-d", ("24-1-2", "2024-1-2", "4-1-2", "99-12-31", "024-1-1")),
        (
            "dd MMM yyyy",
            ("02 Jan 2024", "2 january 2024", "02 JAN 2024", "02 Ja 2024", "2 Sept 2024"),
        ),
        ("dd MMMM yyyy", ("02 Jan 2024", "02 February 2024", "02 Mayor 2024", "02 13 2024")),
        ("EEE, dd MMM yyyy HH:mm:ss zzz", ("Tue, 14 Nov 2023 22:13:20 GMT",)),
        ("EEE, dd MMM yyyy HH:mm:ss zzz", ("Mon, 14 Nov 2023 22:13:20 UTC", "Tue, 14 Nov 2023")),
        ("EEEE dd.MM.yyyy", ("Tuesday 14.11.2023", "tue 14.11.2023", "Tueday 14.11.2023")),
        ("yyyy-MM-dd'T'HH:mm:ss.SSSX", ("2023-11-14T22:13:20.123Z", "2023-11-14T22:13:20.123+02")),
        ("yyyy-MM-dd'T'HH:mm:ss.SSSX", ("2023-11-14T22:13:20.1-0230", "2023-11-14T22:13:20.123")),
        ("yyyy-MM-dd'T'HH:mm:ssXX", ("2023-11-14T22:13:20+0230", "2023-11-14T22:13:20+02:30")),
        ("yyyy-MM-dd'T'HH:mm:ssXXX", ("2023-11-14T22:13:20+02:30", "2023-11-14T22:13:20-23:59")),
        ("yyyy-MM-dd'T'HH:mm:ssXXX", ("2023-11-14T22:13:20+0230", "2023-11-14T22:13:20+24:00")),
        ("yyyy-MM-dd'T'HH:mm:ssZ", ("2023-11-14T22:13:20+0230", "2023-11-14T22:13:20GMT+1:30")),
        ("yyyy-MM-dd'T'HH:mm:ssZ", ("2023-11-14T22:13:20GMT", "2023-11-14T22:13:20+02:30")),
        ("yyyy-MM-dd'T'HH:mm:ssz", ("2023-11-14T22:13:20-0800", "2023-11-14T22:13:20UTC")),
        (
            "yyyy-MM-dd hh:mm a",
            ("2023-11-14 12:30 AM", "2023-11-14 12:30 pm", "2023-11-14 01:30 PM"),
        ),
        (
            "yyyy-MM-dd KK:mm a",
            ("2023-11-14 00:30 AM", "2023-11-14 11:30 PM", "2023-11-14 12:30 PM"),
        ),
        ("yyyy-MM-dd kk:mm", ("2023-11-14 24:30", "2023-11-14 01:30", "2023-11-14 25:00")),
        ("yyyy-MM-dd hh:mm", ("2023-11-14 12:30", "2023-11-14 01:30", "2023-11-14 13:30")),
        ("yyyy-MM-dd HH:mm a", ("2023-11-14 13:30 AM", "2023-11-14 01:30 PM")),
        ("HH:mm:ss", ("25:61:61", "00:00:00", "-1:00:00")),
        ("yyyy-DDD", ("2024-060", "2023-366", "2024-1")),
        ("yyyy-MM-dd D", ("2024-05-05 60",)),
        ("D yyyy-MM-dd", ("60 2024-05-05",)),
        ("SSS", ("5", "123456", "x")),
        ("ss.SSS", ("5.5", "61.5")),
        ("yyyy'year'MM", ("2024year02", "2024Year02")),
        ("G yyyy", ("AD 2024", "ad 2024", "XX 2024")),
        ("yyyy u", ("2024 3",)),
        ("hhmmss a", ("123456 AM", "1234 AM")),
        ("''yyyy''", ("'2024'", "2024")),
        ("MM/dd/yy", ("01/02/24", "1/2/24", "01/02/2024")),
    ):
        for text in texts:
            config = {"target.type": "unix", "format": pattern}
            yield case("TimestampConverter$Value", config, plain(text))


def keys_from_values() -> Iterator[Case]:
    for config, value in itertools.product(REPLACE_NULL, MIXED_VALUES):
        for fields in ("id", "name,size", "note"):
            yield case(
                "ValueToKey", {"fields": fields, **config}, typed(MIXED, value), key=plain("k")
            )
    for value in ({"a": 1, "b": {"c": 2}}, {}, {"b": None}):
        yield case("ValueToKey", {"fields": "a,b"}, plain(value), key=typed("string", "k"))
    for data in NO_STRUCTS:
        yield case("ValueToKey", {"fields": "a"}, data)
    yield case("ValueToKey", {"fields": "zz"}, typed(MIXED, MIXED_VALUES[0]))
    for config in ({}, {"fields": ""}, {"fields": "a,a"}):
        yield case("ValueToKey", config, plain({}))


def predicates() -> Iterator[Case]:
    headers = [["h", plain(None)], ["i", plain(1)]]
    for name in ("h", "H", "x", "", " h "):
        yield case("predicates.HasHeaderKey", {"name": name}, None, headers=headers)
    yield case("predicates.HasHeaderKey", {"name": "h"}, None)
    yield case("predicates.HasHeaderKey", {}, None)
    for data in (None, plain(None), typed("string?", None), plain(""), plain(0)):
        yield case("predicates.RecordIsTombstone", {}, data)
    for pattern in ("t", "T", "t|u", "x", ".*", "(?i)T", "\\Qt\\E", "", "[", "(?<a>t)", "t\\z"):
        yield case("predicates.TopicNameMatches", {"pattern": pattern}, None)
    yield case("predicates.TopicNameMatches", {}, None)
    yield case("Filter", {}, plain("v"))
    yield case("Filter", {"unknown": "option"}, None, source=True)


def cases() -> Iterator[Case]:
    yield from casts()
    yield from extractions()
    yield from flattenings()
    yield from header_froms()
    yield from hoists()
    yield from field_insertions()
    yield from header_insertions()
    yield from masks()
    yield from routers()
    yield from field_replacements()
    yield from metadata()
    yield from time_conversions()
    yield from keys_from_values()
    yield from predicates()


if __name__ == "__main__":
    for example in cases():
        print(json.dumps(example, separators=(",", ":")))
