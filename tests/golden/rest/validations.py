"""Configs to validate: every setting good, wrong, missing and odd, alone and in company."""

from collections.abc import Sequence

from tests.support.rest_script import Script, Send

_FILE = "org.apache.kafka.connect.file"
_TRANSFORMS = "org.apache.kafka.connect.transforms"
_JSON = "org.apache.kafka.connect.json.JsonConverter"

Config = dict[str, object]


def validate(plugin: str, config: object) -> Send:
    return Send("PUT", f"/connector-plugins/{plugin}/config/validate", config)


def source(**changes: object) -> Send:
    """Validate a file source; `__` in a name is a dot, a value `...` leaves the setting out."""
    return validate("FileStreamSource", _config("Source", {"topic": "t"}, changes))


def sink(**changes: object) -> Send:
    return validate("FileStreamSink", _config("Sink", {"topics": "t"}, changes))


def _config(kind: str, own: Config, changes: Config) -> Config:
    config: Config = {"name": "v", "connector.class": f"FileStream{kind}", "file": "f", **own}
    config |= {key.replace("__", "."): value for key, value in changes.items()}
    return {key: value for key, value in config.items() if value is not ...}


def transform(type_: str, **options: object) -> Send:
    """Validate a source with one transformation `a`."""
    given = {f"transforms__a__{key}": value for key, value in options.items()}
    return source(transforms="a", transforms__a__type=type_, **given)


def predicate(type_: str, **options: object) -> Send:
    given = {f"predicates__p__{key}": value for key, value in options.items()}
    return source(predicates="p", predicates__p__type=type_, **given)


_NUMBERS = ("0", "-1", "abc", "", " 2", "+3", "2147483648", "1.5", "1e3", None, 4, True)
_FLAGS = ("TRUE", "False", "yes", "", " true ", None)

IDENTITY = [
    validate("FileStreamSource", {"connector.class": "FileStreamSource"}),
    validate("FileStreamSink", {"connector.class": "FileStreamSink"}),
    validate(f"{_FILE}.FileStreamSinkConnector", {"connector.class": "FileStreamSink"}),
    validate("FileStreamSource", {"connector.class": f"{_FILE}.FileStreamSourceConnector"}),
    validate("FileStreamSource", {}),
    validate("FileStreamSource", {"name": "v"}),
    validate("FileStreamSource", {"connector.class": None}),
    validate("FileStreamSource", {"connector.class": ""}),
    validate("FileStreamSource", {"connector.class": "FileStreamSink", "name": "v"}),
    validate("Sink", {"connector.class": "FileStreamSink", "name": "v"}),
    validate("Nope", {"connector.class": "Nope"}),
    validate("FileStreamSource", {"connector.class": " FileStreamSource"}),
    source(),
    sink(),
    source(name=""),
    source(name=" "),
    source(name=None),
    source(name="a/b"),
    source(name="a\nb\x7f"),
    source(nothing="knows me"),
    source(nothing=None),
    *[source(tasks__max=value) for value in _NUMBERS],
    *[source(tasks__max__enforce=value) for value in _FLAGS],
    source(config__action__reload="never"),
    source(config__action__reload=""),
    source(errors__retry__timeout="-2", errors__retry__delay__max__ms="x"),
    source(errors__retry__timeout="9223372036854775808"),
    source(errors__tolerance="ALL"),
    source(errors__tolerance="all", errors__log__enable="x"),
]

FILE_CONNECTORS = [
    source(topic=...),
    source(topic=""),
    source(topic=None),
    source(file=...),
    source(file=""),
    source(batch__size="0"),
    source(batch__size="x"),
    source(batch__size=""),
    sink(file=...),
    sink(file=None),
]

TOPICS = [
    sink(topics=...),
    sink(topics=""),
    sink(topics=" , "),
    sink(topics="a,a"),
    sink(topics="a, b ,c"),
    sink(topics="a,"),
    sink(topics=None),
    sink(topics__regex=".*"),
    sink(topics=..., topics__regex=".*"),
    sink(topics=..., topics__regex="t-[a"),
    sink(topics=..., topics__regex=" "),
    sink(errors__deadletterqueue__topic__name="t"),
    sink(errors__deadletterqueue__topic__name="dead"),
    sink(topics="a,b", errors__deadletterqueue__topic__name="b"),
    sink(topics=..., topics__regex="d.*", errors__deadletterqueue__topic__name="dead"),
    sink(errors__deadletterqueue__topic__replication__factor="0"),
    sink(errors__deadletterqueue__topic__replication__factor="99999"),
    sink(errors__deadletterqueue__context__headers__enable="x"),
    sink(consumer__override__group__id="rest-@RUN@"),
    sink(consumer__override__group__id="readers"),
]

VERSIONS = [
    source(connector__plugin__version="4.3.1"),
    source(connector__plugin__version="1.0"),
    source(connector__plugin__version="[4.0,5.0)"),
    source(connector__plugin__version="[1.0,2.0)"),
    source(connector__plugin__version="[1.0"),
    source(connector__plugin__version="latest"),
    source(connector__plugin__version=""),
    sink(connector__plugin__version="1.0"),
    sink(connector__plugin__version="1.0", topics=...),
    source(key__converter__plugin__version="1.0"),
    source(key__converter=_JSON, key__converter__plugin__version="4.3.1"),
    source(key__converter=_JSON, key__converter__plugin__version="1.0"),
    source(key__converter=_JSON, key__converter__plugin__version="[1"),
    source(value__converter=_JSON, value__converter__plugin__version="[4,5)"),
    source(header__converter=_JSON, header__converter__plugin__version="latest"),
    transform(f"{_TRANSFORMS}.Cast$Value", spec="a:int8", **{"plugin.version": "4.3.1"}),
    transform(f"{_TRANSFORMS}.Cast$Value", spec="a:int8", **{"plugin.version": "1.0"}),
    predicate(f"{_TRANSFORMS}.predicates.RecordIsTombstone", **{"plugin.version": "1.0"}),
]

CONVERTERS = [
    source(key__converter="nope"),
    source(key__converter=""),
    source(key__converter=None),
    source(key__converter="JsonConverter"),
    source(value__converter="Json"),
    source(header__converter="SimpleHeaderConverter"),
    source(header__converter="Simple"),
    source(value__converter="java.lang.String"),
    source(value__converter=f"{_FILE}.FileStreamSinkConnector"),
    source(key__converter__schemas__enable="false"),
    source(value__converter=_JSON, value__converter__schemas__enable="false"),
    source(value__converter=_JSON, value__converter__schemas__enable="maybe"),
    source(
        value__converter=_JSON,
        value__converter__decimal__format="x",
        value__converter__schemas__cache__size="x",
        value__converter__odd="1",
    ),
    source(key__converter=_JSON, header__converter=_JSON, value__converter=_JSON),
    source(value__converter=_JSON, value__converter__schema__content="{"),
    source(value__converter=_JSON, value__converter__decimal__format="numeric"),
    sink(value__converter="org.apache.kafka.connect.storage.StringConverter"),
    sink(
        value__converter="org.apache.kafka.connect.storage.StringConverter",
        value__converter__encoding="nope",
        value__converter__converter__encoding="nope",
    ),
    sink(key__converter="org.apache.kafka.connect.converters.ByteArrayConverter"),
    sink(key__converter="org.apache.kafka.connect.converters.IntegerConverter"),
    sink(value__converter=_JSON, value__converter__converter__type="key"),
    sink(value__converter=_JSON, value__converter__converter__type="nope"),
    sink(value__converter=_JSON, value__converter__schemas__enable=None),
]

ALIASES = [
    source(transforms=""),
    source(transforms="a"),
    source(transforms="a,a"),
    source(transforms="a, b"),
    source(transforms=None),
    source(transforms=",a"),
    source(transforms="a", transforms__a__type="nope"),
    source(transforms="a", transforms__a__type=""),
    source(transforms="a", transforms__a__type=None),
    source(transforms="a", transforms__a__type="java.lang.String"),
    source(transforms__a__type="nope"),
    source(predicates=""),
    source(predicates="p"),
    source(predicates="p,p"),
    source(predicates="p", predicates__p__type="nope"),
    source(predicates="p", predicates__p__type=f"{_TRANSFORMS}.Cast$Value"),
    sink(transforms="a", predicates="p"),
    transform(f"{_TRANSFORMS}.HoistField$Value", field="x", predicate="p"),
    transform(f"{_TRANSFORMS}.HoistField$Value", field="x", negate="true"),
    transform(f"{_TRANSFORMS}.HoistField$Value", field="x", predicate="p", negate="x"),
    transform("HoistField$Value", field="x"),
    transform("HoistField", field="x"),
]

TRANSFORMATIONS = [
    *[
        transform(f"{_TRANSFORMS}.{name}{side}")
        for name in (
            "Cast",
            "ExtractField",
            "Flatten",
            "HoistField",
            "InsertField",
            "MaskField",
            "ReplaceField",
            "SetSchemaMetadata",
            "TimestampConverter",
        )
        for side in ("$Key", "$Value")
    ],
    *[
        transform(f"{_TRANSFORMS}.{name}")
        for name in (
            "DropHeaders",
            "Filter",
            "HeaderFrom$Key",
            "HeaderFrom$Value",
            "InsertHeader",
            "RegexRouter",
            "TimestampRouter",
            "ValueToKey",
        )
    ],
    *[
        predicate(f"{_TRANSFORMS}.predicates.{name}")
        for name in ("HasHeaderKey", "RecordIsTombstone", "TopicNameMatches")
    ],
    transform(f"{_TRANSFORMS}.Cast$Value", spec=""),
    transform(f"{_TRANSFORMS}.Cast$Value", spec="a:b:c,d:nope"),
    transform(f"{_TRANSFORMS}.Cast$Value", spec="int8,int16"),
    transform(f"{_TRANSFORMS}.DropHeaders", headers=""),
    transform(f"{_TRANSFORMS}.HeaderFrom$Value", fields="", headers="h", operation="x"),
    transform(f"{_TRANSFORMS}.InsertHeader", header="", **{"value.literal": "1"}),
    transform(f"{_TRANSFORMS}.MaskField$Value", fields="", replacement=""),
    transform(f"{_TRANSFORMS}.RegexRouter", regex="[", replacement="$1"),
    transform(f"{_TRANSFORMS}.TimestampConverter$Value", **{"target.type": "x"}),
    transform(
        f"{_TRANSFORMS}.TimestampConverter$Value",
        **{"target.type": "unix", "unix.precision": "x", "format": "y"},
    ),
    transform(f"{_TRANSFORMS}.ValueToKey", fields="a,,b"),
    transform(f"{_TRANSFORMS}.ReplaceField$Value", renames="a,b:c", include="", exclude="x"),
    predicate(f"{_TRANSFORMS}.predicates.HasHeaderKey", name=""),
    predicate(f"{_TRANSFORMS}.predicates.TopicNameMatches", pattern="["),
]

TOPIC_CREATION = [
    source(topic__creation__groups="g"),
    source(topic__creation__groups="g,g"),
    source(topic__creation__groups=""),
    source(
        topic__creation__default__partitions="1",
        topic__creation__default__replication__factor="1",
    ),
    source(
        topic__creation__default__partitions="0",
        topic__creation__default__replication__factor="x",
    ),
    source(topic__creation__groups="g", topic__creation__g__include="["),
    source(admin__override__client__id="me"),
    source(topic__creation__enable="x", admin__override__client__id="me"),
]

EXACTLY_ONCE = [
    source(exactly__once__support="required"),
    source(exactly__once__support="REQUIRED", transaction__boundary="CONNECTOR"),
    source(exactly__once__support="requested"),
    source(exactly__once__support="x"),
    source(exactly__once__support=""),
    source(exactly__once__support=None),
    source(exactly__once__support="required", batch__size="x"),
    source(exactly__once__support="required", topic=...),
    source(transaction__boundary="connector"),
    source(transaction__boundary="interval"),
    source(transaction__boundary="interval", transaction__boundary__interval__ms="-1"),
    source(transaction__boundary="interval", transaction__boundary__interval__ms="x"),
    source(transaction__boundary="never"),
    source(transaction__boundary=None),
    source(offsets__storage__topic=""),
    source(offsets__storage__topic=" "),
    source(offsets__storage__topic="o", consumer__override__client__id="me"),
    sink(exactly__once__support="required"),
]

OVERRIDES = [
    source(producer__override__linger__ms="5"),
    source(producer__override__linger__ms="x"),
    source(producer__override__no__such__key="5"),
    source(producer__override__acks="all", producer__override__compression__type="zstd"),
    source(producer__override__sasl__jaas__config="secret"),
    source(producer__override__ssl__keystore__password="secret"),
    source(producer__override__security__protocol="x", producer__override__batch__size="-1"),
    source(producer__override__bootstrap__servers="a:1,b:2"),
    source(producer__override__partitioner__class="nope"),
    source(producer__override__interceptor__classes="a,b"),
    source(producer__override__enable__idempotence="false"),
    source(producer__override__linger__ms=None),
    source(consumer__override__max__poll__records="7"),
    source(admin__override__retries="3"),
    sink(consumer__override__max__poll__records="7"),
    sink(consumer__override__auto__offset__reset="x"),
    sink(consumer__override__client__rack="r", consumer__override__isolation__level="y"),
    sink(consumer__override__nothing="x", producer__override__linger__ms="5"),
    sink(
        errors__deadletterqueue__topic__name="dead",
        producer__override__linger__ms="5",
        admin__override__retries="3",
        consumer__override__fetch__min__bytes="1",
    ),
    source(
        topic__creation__default__partitions="1",
        topic__creation__default__replication__factor="1",
        admin__override__retries="3",
        admin__override__nothing="3",
    ),
]

#: What comes out may depend on the policy; the same is asked of workers with another one.
UNDER_POLICIES = [
    source(),
    *OVERRIDES[:6],
    sink(consumer__override__max__poll__records="7", consumer__override__security__protocol="SSL"),
]

ODD_BODIES = [
    validate("FileStreamSource", body)
    for body in (
        "",
        "null",
        "[]",
        '"x"',
        "7",
        "{",
        '{"connector.class": "FileStreamSource", "name": {}}',
        '{"connector.class": "FileStreamSource", "name": []}',
        '{"connector.class": "FileStreamSource", "name": "v", "name": "w", "topic": "t"}',
        '{"connector.class": "FileStreamSource", "tasks.max": 1.50, "name": 1e3, "topic": true}',
        b'{"connector.class": "\xff"}',
    )
]

SUBJECTS: Sequence[tuple[str, Sequence[Send]]] = (
    ("identity", [*IDENTITY, *FILE_CONNECTORS, *TOPICS, *ODD_BODIES]),
    ("plugins", [*VERSIONS, *CONVERTERS, *ALIASES]),
    ("transformations", TRANSFORMATIONS),
    ("clients", [*TOPIC_CREATION, *EXACTLY_ONCE, *OVERRIDES]),
)

VALIDATIONS = [Script(f"validate-{name}", steps) for name, steps in SUBJECTS]
