import pytest

from isthmus.api.config_def import (
    CaseInsensitiveValidString,
    ConfigDef,
    Importance,
    Type,
)
from isthmus.api.errors import ConfigError
from isthmus.config.connector import (
    Config,
    ConverterChoice,
    SinkTopics,
    choose_converter,
    connector_config_def,
    enrich,
    sink_config_def,
    sink_topics,
    source_config_def,
    tasks_max,
    validate_converter,
    validate_group,
    validate_no_nulls,
    validate_sink,
)
from tests.unit.config.plugins import FewPlugins
from tests.unit.config.workers import worker

_MINIMUM = {"name": "archive", "connector.class": "FileStreamSink"}
_JSON = "org.apache.kafka.connect.json.JsonConverter"


def errors(definition: ConfigDef, config: Config) -> dict[str, list[str]]:
    """Return the errors of each setting that has some."""
    values = definition.validate(config)
    return {value.name: value.error_messages for value in values if value.error_messages}


def test_the_settings_of_a_sink_are_checked_in_javas_words() -> None:
    config = {
        "name": "",
        "topics": "a,,b",
        "tasks.max": "0",
        "transforms": "a,a",
        "predicates": "b,,",
        "errors.tolerance": "some",
        "errors.deadletterqueue.topic.replication.factor": "x",
        "connector.plugin.version": "[bad",
        "config.action.reload": "RESTART",
        "value.converter": "nope",
    }

    assert errors(sink_config_def(FewPlugins()), config) == {
        "name": ["Invalid value  for configuration name: String may not be empty"],
        "connector.class": [
            'Missing required configuration "connector.class" which has no default value.'
        ],
        "connector.plugin.version": ["Unbounded range: [bad"],
        "tasks.max": ["Invalid value 0 for configuration tasks.max: Value must be at least 1"],
        "value.converter": [
            "Invalid value nope for configuration value.converter: Class nope could not be found."
        ],
        "transforms": [
            "Invalid value [a, a] for configuration transforms: Duplicate alias provided."
        ],
        "predicates": [
            "Invalid value [b, , ] for configuration predicates: Duplicate alias provided."
        ],
        "config.action.reload": [
            "Invalid value RESTART for configuration config.action.reload: String must be one of:"
            " none, restart"
        ],
        "errors.tolerance": [
            "Invalid value some for configuration errors.tolerance: String must be one of: none,"
            " all"
        ],
        "errors.deadletterqueue.topic.replication.factor": [
            "Invalid value x for configuration errors.deadletterqueue.topic.replication.factor:"
            " Not a number of type SHORT"
        ],
        "topics": ["Configuration 'topics' values must not be empty."],
    }


def test_the_settings_of_a_source_are_checked_in_javas_words() -> None:
    config = _MINIMUM | {
        "topic.creation.groups": "a,a",
        "exactly.once.support": "x",
        "transaction.boundary.interval.ms": "-1",
        "offsets.storage.topic": "",
    }

    assert errors(source_config_def(), config) == {
        "topic.creation.groups": [
            "Invalid value [a, a] for configuration topic.creation.groups: Duplicate alias"
            " provided."
        ],
        "exactly.once.support": [
            "Invalid value x for configuration exactly.once.support: String must be one of (case"
            " insensitive): REQUIRED, REQUESTED"
        ],
        "transaction.boundary.interval.ms": [
            "Invalid value -1 for configuration transaction.boundary.interval.ms: Value must be at"
            " least 0"
        ],
        "offsets.storage.topic": [
            "Invalid value  for configuration offsets.storage.topic: String must be non-empty"
        ],
    }


@pytest.mark.parametrize("version", ["1.0", "latest", "[1.0,2.0)", "[1.0]", "(,1.0],[1.2,)"])
def test_versions_and_ranges_of_versions_are_accepted(version: str) -> None:
    config = _MINIMUM | {"connector.plugin.version": version}

    assert errors(connector_config_def(), config) == {}


def test_a_converter_is_offered_and_shown_by_its_full_name() -> None:
    values = connector_config_def(FewPlugins()).validate(
        _MINIMUM | {"key.converter": "JsonConverter"}
    )

    [converter] = [value for value in values if value.name == "key.converter"]
    assert (converter.value, converter.recommended_values) == (_JSON, [_JSON])


def test_each_transformation_and_predicate_adds_its_settings() -> None:
    config = _MINIMUM | {
        "transforms": "mask",
        "transforms.mask.type": "MaskField",
        "transforms.mask.fields": "",
        "predicates": "p",
        "predicates.p.type": "TopicNameMatches",
    }

    enriched = enrich(connector_config_def(), config, FewPlugins())

    added = [key for key in enriched if key.name not in connector_config_def()]
    assert [(key.name, key.group, key.order_in_group) for key in added] == [
        ("transforms.mask.type", "Transforms: mask", 0),
        ("transforms.mask.plugin.version", "Transforms: mask", 1),
        ("transforms.mask.fields", "Transforms: mask", 2),
        ("transforms.mask.negate", "Transforms: mask", 3),
        ("transforms.mask.predicate", "Transforms: mask", 4),
        ("predicates.p.type", "Predicates: p", 0),
        ("predicates.p.plugin.version", "Predicates: p", 1),
        ("predicates.p.pattern", "Predicates: p", 2),
    ]
    assert added[0].display_name == "Transformation type for mask"
    assert str(added[0].validator) == "valid configs for mask transformation"
    assert errors(enriched, config) == {
        "transforms.mask.fields": [
            "Configuration 'fields' must not be empty. Valid values include: any non-empty value"
        ],
        "predicates.p.pattern": [
            'Missing required configuration "predicates.p.pattern" which has no default value.'
        ],
    }


@pytest.mark.parametrize(
    ("type_", "message"),
    [
        (None, 'Missing required configuration "transforms.a.type" which has no default value.'),
        (
            "nope",
            "Invalid value nope for configuration transforms.a.type: Class nope could not be"
            " found.",
        ),
        ("Abstract", "This class is abstract and cannot be created."),
    ],
)
def test_a_transformation_that_cannot_be_found_is_one_error(
    type_: str | None, message: str
) -> None:
    config = _MINIMUM | {"transforms": "a"} | ({"transforms.a.type": type_} if type_ else {})

    enriched = enrich(connector_config_def(), config, FewPlugins())

    assert errors(enriched, config) == {"transforms.a.type": [message]}


def test_negate_needs_a_predicate() -> None:
    config = _MINIMUM | {
        "transforms": "a",
        "transforms.a.type": "MaskField",
        "transforms.a.fields": "f",
        "transforms.a.negate": "true",
    }

    enriched = enrich(connector_config_def(), config, FewPlugins())

    assert errors(enriched, config) == {
        "transforms.a.type": [
            "Config 'transforms.a.negate' was provided but there is no config"
            " 'transforms.a.predicate' defining a predicate to be negated."
        ]
    }
    named = config | {"transforms.a.predicate": "undefined"}
    assert errors(enrich(connector_config_def(), named, FewPlugins()), named) == {}


def test_a_setting_of_a_transformation_hidden_by_the_runtimes_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = _MINIMUM | {"transforms": "a", "transforms.a.type": "Hides"}

    enriched = enrich(connector_config_def(), config, FewPlugins())

    assert enriched.keys["transforms.a.predicate"].type is Type.STRING
    assert "alias=a setting=predicate" in caplog.text


def test_a_duplicate_alias_is_enriched_once() -> None:
    enriched = enrich(connector_config_def(), {"transforms": "a,a"}, FewPlugins())

    assert enriched.names.count("transforms.a.type") == 1


def test_json_null_is_an_error_of_its_own() -> None:
    [value] = validate_no_nulls({"name": "x", "file": None})

    assert value.name == "file"
    assert value.error_messages == ["Null value can not be supplied as the configuration value."]


@pytest.mark.parametrize(
    ("config", "names", "message"),
    [
        ({}, ["topics", "topics.regex"], "Must configure one of topics or topics.regex"),
        (
            {"topics": " ", "topics.regex": " "},
            ["topics", "topics.regex"],
            "Must configure one of topics or topics.regex",
        ),
        (
            {"topics": "a", "topics.regex": "b"},
            ["topics", "topics.regex"],
            "topics and topics.regex are mutually exclusive options, but both are set.",
        ),
        (
            {"topics": " a , b ", "errors.deadletterqueue.topic.name": " a "},
            ["topics"],
            "The DLQ topic 'a' may not be included in the list of topics ('topics=[a, b]') consumed"
            " by the connector",
        ),
        (
            {"topics.regex": ".*", "errors.deadletterqueue.topic.name": "x"},
            ["topics.regex"],
            "The DLQ topic 'x' may not be matched by the regex for the topics ('topics.regex=.*')"
            " consumed by the connector",
        ),
    ],
)
def test_a_sink_needs_topics_and_reads_no_dead_letters(
    config: dict[str, str], names: list[str], message: str
) -> None:
    values = validate_sink(config)

    assert [(value.name, value.value) for value in values] == [
        (name, config.get(name)) for name in names
    ]
    assert {text for value in values for text in value.error_messages} == {message}
    with pytest.raises(ConfigError) as caught:
        sink_topics(config)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"topics": "a, b"}, SinkTopics(("a", "b"), None)),
        ({"topics.regex": " a.* "}, SinkTopics((), "a.*")),
        (
            {"topics.regex": "a.*", "errors.deadletterqueue.topic.name": "dead-a"},
            SinkTopics((), "a.*"),
        ),
    ],
)
def test_a_sink_reads_a_list_or_what_matches(config: dict[str, str], expected: SinkTopics) -> None:
    assert sink_topics(config) == expected


@pytest.mark.parametrize(
    ("config", "group", "expected"),
    [
        ({"name": "a"}, "connect-cluster", []),
        (
            {"name": "cluster"},
            "connect-cluster",
            [
                "Consumer group for sink connector named cluster conflicts with Connect worker"
                " group connect-cluster"
            ],
        ),
        (
            {"name": "a", "consumer.override.group.id": "connect-cluster"},
            "connect-cluster",
            ["Consumer group connect-cluster conflicts with Connect worker group connect-cluster"],
        ),
        ({"name": "cluster", "consumer.override.group.id": "other"}, "connect-cluster", []),
    ],
)
def test_a_sink_may_not_share_the_group_of_the_workers(
    config: dict[str, str], group: str, expected: list[str]
) -> None:
    values = validate_group(config, group)

    assert [text for value in values for text in value.error_messages] == expected


def test_the_options_of_a_converter_are_checked_under_its_prefix() -> None:
    own = ConfigDef().define(
        "decimal.format",
        Type.STRING,
        "BASE64",
        validator=CaseInsensitiveValidString("NUMERIC", "BASE64"),
        importance=Importance.LOW,
        documentation="",
        group="Serialization",
    )
    config = {"value.converter": _JSON, "value.converter.decimal.format": "x"}

    keys, [value] = validate_converter(config, "value.converter", own)

    assert keys["value.converter.decimal.format"].group == "Serialization"
    assert (value.name, value.value) == ("value.converter.decimal.format", "x")
    assert value.error_messages == [
        "Invalid value x for configuration decimal.format: String must be one of (case"
        " insensitive): NUMERIC, BASE64"
    ]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            {"key.converter": " x.Own ", "key.converter.a": "1"},
            ConverterChoice("x.Own", {"a": "1"}, is_workers=False),
        ),
        (
            {"key.converter.schemas.enable": "true"},
            ConverterChoice(_JSON, {"schemas.enable": "false"}, is_workers=True),
        ),
        (
            {"key.converter": ""},
            ConverterChoice(_JSON, {"schemas.enable": "false"}, is_workers=True),
        ),
    ],
)
def test_options_of_a_converter_count_only_beside_its_class(
    config: dict[str, str], expected: ConverterChoice
) -> None:
    config_of_worker = worker({"key.converter.schemas.enable": "false"})

    assert choose_converter(config, config_of_worker, "key.converter") == expected


def test_headers_have_a_default_converter() -> None:
    choice = choose_converter({}, worker(), "header.converter")

    assert choice.class_name == "org.apache.kafka.connect.storage.SimpleHeaderConverter"


def test_tasks_max_is_read_as_java_reads_it() -> None:
    assert [tasks_max({}), tasks_max({"tasks.max": " +3"})] == [1, 3]
    with pytest.raises(ConfigError, match="Value must be at least 1"):
        tasks_max({"tasks.max": "0"})
