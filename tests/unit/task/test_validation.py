"""Answers of a validation, for connectors of the test suite: entries, their order, their errors."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec
import pytest

from isthmus.api.config_def import ConfigDef, ConfigValue
from isthmus.api.connector import ExactlyOnceSupport
from isthmus.api.errors import ConnectError
from isthmus.channel import RunPluginJob
from isthmus.plugins import PluginDescriptor, PluginKind, Plugins
from isthmus.task.jobs import run_job
from isthmus.task.validation import validate_config
from tests.support.connectors import TestSink, TestSource

SINK = "tests.support.connectors:TestSink"
SOURCE = "tests.support.connectors:TestSource"
JSON = "org.apache.kafka.connect.json.JsonConverter"
STRING = "org.apache.kafka.connect.storage.StringConverter"
BOTH_TOPICS = "topics and topics.regex are mutually exclusive options, but both are set."
WORKER = {"key.converter": STRING, "value.converter": "JsonConverter"}


class SinkWithoutDefinition(TestSink):
    def config(self) -> ConfigDef:
        return cast("ConfigDef", None)


class SinkWithoutAnswer(TestSink):
    def validate(self, config: Mapping[str, str | None]) -> Sequence[ConfigValue]:
        return cast("Sequence[ConfigValue]", None)


class ExactSource(TestSource):
    def exactly_once_support(self, config: Mapping[str, str]) -> ExactlyOnceSupport | None:
        return ExactlyOnceSupport.SUPPORTED


class InexactSource(TestSource):
    def exactly_once_support(self, config: Mapping[str, str]) -> ExactlyOnceSupport | None:
        return ExactlyOnceSupport.UNSUPPORTED


class LostSource(TestSource):
    def exactly_once_support(self, config: Mapping[str, str]) -> ExactlyOnceSupport | None:
        raise OSError("no route to host")


class SilentSource(TestSource):
    def exactly_once_support(self, config: Mapping[str, str]) -> ExactlyOnceSupport | None:
        raise ValueError


class SourceInVersionTwo(TestSource):
    version = "2.0"


def validate(
    config: Mapping[str, str | None], worker: Mapping[str, str] = WORKER
) -> dict[str, Any]:
    return cast("dict[str, Any]", validate_config(config, worker, Plugins.discover()))


def sink(**settings: str | None) -> dict[str, str | None]:
    named = {key.replace("__", "."): value for key, value in settings.items()}
    return {"name": "x", "connector.class": SINK, "topics": "a", **named}


def source(**settings: str | None) -> dict[str, str | None]:
    named = {key.replace("__", "."): value for key, value in settings.items()}
    return {"name": "x", "connector.class": SOURCE, **named}


def errors(infos: Mapping[str, Any]) -> dict[str, list[str]]:
    values = [entry["value"] for entry in infos["configs"]]
    return {value["name"]: value["errors"] for value in values if value["errors"]}


def names(infos: Mapping[str, Any]) -> list[str]:
    return [entry["value"]["name"] for entry in infos["configs"]]


def test_a_good_config_has_no_errors_and_lists_the_runtimes_settings_first() -> None:
    infos = validate(sink())

    assert infos["name"] == SINK
    assert infos["error_count"] == 0
    assert names(infos)[:3] == ["name", "connector.class", "connector.plugin.version"]
    assert names(infos)[-2:] == ["behave", "count"]
    assert infos["groups"] == ["Common", "Transforms", "Predicates", "Error Handling"]


def test_the_workers_converters_are_the_defaults() -> None:
    by_name = {entry["value"]["name"]: entry for entry in validate(sink())["configs"]}

    assert by_name["key.converter"]["definition"]["default_value"] == STRING
    assert by_name["value.converter"]["value"]["value"] == JSON


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"name": ""},
            {"name": ["Invalid value  for configuration name: String may not be empty"]},
        ),
        (
            {"tasks__max": "0"},
            {
                "tasks.max": [
                    "Invalid value 0 for configuration tasks.max: Value must be at least 1"
                ]
            },
        ),
        (
            {"tasks__max": "abc"},
            {
                "tasks.max": [
                    "Invalid value abc for configuration tasks.max: Not a number of type INT",
                    "Invalid value null for configuration tasks.max: Value must be non-null",
                ]
            },
        ),
        (
            {"anything": None},
            {"anything": ["Null value can not be supplied as the configuration value."]},
        ),
        (
            {"value__converter": "nope"},
            {
                "value.converter": [
                    "Invalid value nope for configuration value.converter: Class nope could not be"
                    " found."
                ]
            },
        ),
        (
            {"topics": ""},
            {
                "topics": ["Must configure one of topics or topics.regex"],
                "topics.regex": ["Must configure one of topics or topics.regex"],
            },
        ),
        (
            {"topics__regex": "b.*"},
            {"topics": [BOTH_TOPICS], "topics.regex": [BOTH_TOPICS]},
        ),
        (
            {"topics": "a,a"},
            {"topics": ["Configuration 'topics' values must not be duplicated."]},
        ),
        (
            {"errors__deadletterqueue__topic__name": "a"},
            {
                "topics": [
                    "The DLQ topic 'a' may not be included in the list of topics ('topics=[a]')"
                    " consumed by the connector"
                ]
            },
        ),
        (
            {"count": "-1"},
            {"count": ["Invalid value -1 for configuration count: Value must be at least 0"]},
        ),
    ],
)
def test_errors_are_worded_as_java_words_them(
    settings: dict[str, str | None], expected: dict[str, list[str]]
) -> None:
    infos = validate(sink(**settings))

    assert errors(infos) == expected
    assert infos["error_count"] == sum(map(len, expected.values()))


def test_overrides_that_the_policy_forbids_are_listed_last() -> None:
    worker = {**WORKER, "connector.client.config.override.policy": "None"}
    config = sink(consumer__override__linger__ms="1", producer__override__acks="0")

    infos = validate(config, worker)

    assert errors(infos) == {
        "consumer.override.linger.ms": [
            "The 'None' policy does not allow 'linger.ms' to be overridden in the connector"
            " configuration."
        ]
    }
    assert names(infos)[-1] == "consumer.override.linger.ms"


def test_an_override_has_the_definition_of_the_client_that_it_is_for() -> None:
    config = sink(consumer__override__max__poll__records="7", consumer__override__odd="x")

    known, odd = validate(config)["configs"][-2:]

    assert odd["definition"] is None
    assert known["definition"]["name"] == "consumer.override.max.poll.records"
    assert known["definition"]["type"] == "INT"
    assert known["definition"]["default_value"] == "500"
    assert known["value"]["value"] == "7"


def test_an_override_of_the_wrong_type_is_an_error_of_its_own() -> None:
    infos = validate(sink(consumer__override__max__poll__records="many"))

    assert errors(infos) == {
        "consumer.override.max.poll.records": [
            "Invalid value many for configuration max.poll.records: Not a number of type INT"
        ]
    }


def test_secrets_in_overrides_are_hidden() -> None:
    infos = validate(sink(consumer__override__sasl__jaas__config="secret"))

    assert infos["configs"][-1]["value"]["value"] == "[hidden]"


def test_the_workers_own_group_is_no_group_of_a_sink() -> None:
    worker = {**WORKER, "group.id": "connect-x"}

    by_name = validate(sink(), worker)
    by_override = validate(sink(consumer__override__group__id="connect-x"), worker)

    assert set(errors(by_name)) == {"name"}
    assert by_override["configs"][0]["value"]["errors"] == [
        "Consumer group connect-x conflicts with Connect worker group connect-x"
    ]


def test_versions_of_plugins_are_shown_and_offered() -> None:
    infos = validate(sink(value__converter=JSON))

    found = {entry["value"]["name"]: entry for entry in infos["configs"]}
    version = found["value.converter.plugin.version"]
    assert version["definition"]["default_value"] == "4.3.1"
    assert version["value"]["recommended_values"] == ["4.3.1"]


def test_options_count_only_for_a_converter_that_the_connector_names() -> None:
    worker_side = validate(sink(value__converter__decimal__format="x"))
    own = validate(sink(value__converter="JsonConverter", value__converter__decimal__format="x"))

    assert worker_side["error_count"] == 0
    assert errors(own) == {
        "value.converter.decimal.format": [
            "Invalid value x for configuration decimal.format: String must be one of (case"
            " insensitive): NUMERIC, BASE64"
        ]
    }


def test_exactly_once_support_that_is_required_is_refused_by_a_worker_without_it() -> None:
    infos = validate(source(exactly__once__support="required"))

    first, second = errors(infos)["exactly.once.support"]
    assert first == "This worker does not have exactly-once source support enabled."
    assert second.startswith("The connector does not implement the API required for preflight")


@pytest.mark.parametrize(
    ("class_name", "text"),
    [
        ("ExactSource", None),
        (
            "InexactSource",
            "The connector does not support exactly-once semantics with the provided"
            " configuration.",
        ),
        ("LostSource", "An unexpected error occurred during validation: no route to host"),
        (
            "SilentSource",
            "An unexpected error occurred during validation; please see the worker logs for more"
            " details.",
        ),
    ],
)
def test_a_connector_is_asked_whether_it_writes_exactly_once(
    class_name: str, text: str | None
) -> None:
    config = source(exactly__once__support="required", connector__class=f"{__name__}:{class_name}")

    infos = validate(config, {**WORKER, "exactly.once.source.support": "enabled"})

    assert errors(infos).get("exactly.once.support") == (None if text is None else [text])


def test_transaction_boundaries_of_a_connector_that_defines_none_are_refused() -> None:
    infos = validate(source(transaction__boundary="connector"))

    (message,) = errors(infos)["transaction.boundary"]
    assert message.startswith("The connector does not support connector-defined transaction bound")


def test_a_version_that_there_is_not_is_an_error_of_two_settings() -> None:
    class_name = f"{__name__}:SourceInVersionTwo"
    infos = validate(
        {"name": "x", "connector.class": class_name, "connector.plugin.version": "1.0"}
    )

    assert infos["error_count"] == 2
    assert set(errors(infos)) == {"connector.class", "connector.plugin.version"}
    assert errors(infos)["connector.class"][0].endswith(
        "not found that matches the version range [1.0,1.0], available versions: [2.0]"
    )


def test_a_connector_that_is_not_there_is_an_error_of_its_own() -> None:
    with pytest.raises(ConnectError, match=r"^Failed to find any class that implements Connector"):
        validate({"name": "x", "connector.class": "Nope"})


@pytest.mark.parametrize(
    ("class_name", "text"),
    [
        ("SinkWithoutDefinition", "config() must return a ConfigDef that is not null."),
        ("SinkWithoutAnswer", "validate() must return a Config that is not null."),
    ],
)
def test_a_connector_that_answers_nothing_is_refused(class_name: str, text: str) -> None:
    with pytest.raises(ConnectError) as caught:
        validate({**sink(), "connector.class": f"{__name__}:{class_name}"})

    assert str(caught.value) == f"{__name__}.{class_name}.{text}"


def job(name: str, arguments: object) -> Any:
    message = RunPluginJob(1, name, msgspec.json.encode(arguments), WORKER, {})
    reply = run_job(message, Plugins.discover())
    return (
        msgspec.json.decode(reply.body) if not reply.error_type else (reply.error_type, reply.error)
    )


def test_the_config_of_a_plugin_lists_its_own_settings_first() -> None:
    keys = [entry["name"] for entry in job("plugin_config", {"plugin": SINK, "version": None})]

    assert keys[:3] == ["behave", "count", "name"]
    assert "topics" in keys


def test_an_unknown_plugin_or_version_is_said_apart_from_a_bad_version() -> None:
    unknown = job("plugin_config", {"plugin": "Nope", "version": None})
    other = job("plugin_config", {"plugin": SINK, "version": "9"})
    bad = job("plugin_config", {"plugin": SINK, "version": "[bad"})

    assert unknown[0] == "LookupError"
    assert other[0] == "ConnectError"
    assert "not found that matches the version range [9,9], available versions" in other[1]
    assert bad == ("ConnectError", "Invalid version specification: [bad")


def test_the_type_of_a_connector_is_known_or_unknown() -> None:
    kinds = [job("connector_type", {"connector.class": name}) for name in (SINK, SOURCE, "Nope")]

    assert kinds == ["sink", "source", "unknown"]


def test_plugins_are_listed_sinks_first() -> None:
    described = job("describe_plugins", {})

    assert described[0]["kind"] == "sink"
    assert described[0]["location"] == "classpath"


def test_plugins_of_other_processes_are_recommended_and_their_versions_named() -> None:
    converter = PluginDescriptor("x.Csv", PluginKind.CONVERTER, "x:Csv", "2.0", location="/p/csv")
    newer = PluginDescriptor(SOURCE.replace(":", "."), PluginKind.SOURCE, SOURCE, "3.0")
    plugins = Plugins.discover().with_others([converter, newer])
    config = {**source(), "connector.plugin.version": "[9,10)"}

    infos = cast("dict[str, Any]", validate_config(source(), WORKER, plugins))
    wrong = cast("dict[str, Any]", validate_config(config, WORKER, plugins))

    values = {entry["value"]["name"]: entry["value"] for entry in infos["configs"]}
    assert "x.Csv" in values["key.converter"]["recommended_values"]
    assert errors(wrong)["connector.plugin.version"] == [
        f"Plugin {newer.class_name} not found that matches the version range [9,10), available"
        " versions: [1.2.3, 3.0]"
    ]


def test_a_converter_or_transformation_in_another_version_is_an_error_of_both_settings() -> None:
    found = errors(
        validate(source(key__converter="JsonConverter", key__converter__plugin__version="1"))
    )

    assert set(found) == {"key.converter", "key.converter.plugin.version"}
    assert "available versions: [4.3.1]" in found["key.converter"][0]


def test_a_connector_is_asked_about_new_offsets() -> None:
    for_sink = {"config": sink(), "offsets": [["a", 0, None]]}
    for_source = {"config": source(), "offsets": [[{"file": "a"}, {"position": 1}]]}

    assert job("alter_offsets", for_sink) is False
    assert job("alter_offsets", for_source) is False
