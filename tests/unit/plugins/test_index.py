from collections.abc import Iterable

import pytest

from isthmus.plugins import (
    BUILT_IN,
    CONNECTORS,
    PluginDescriptor,
    PluginIndex,
    PluginKind,
    PluginNotFoundError,
    Wanted,
    wanted_by,
)


def plugin(
    name: str, version: str, location: str, kind: PluginKind = PluginKind.SOURCE
) -> PluginDescriptor:
    python_class = ":".join(name.rsplit(".", 1))
    return PluginDescriptor(name, kind, python_class, version, location=location)


def converter(name: str, version: str, location: str) -> PluginDescriptor:
    return plugin(name, version, location, PluginKind.CONVERTER)


def locations(plugins: Iterable[PluginDescriptor], **config: str) -> tuple[str, ...]:
    named = {key.replace("__", "."): value for key, value in config.items()}
    wanted = wanted_by({"connector.class": "x.Connector", **named}, {})
    return PluginIndex([*BUILT_IN, *plugins]).locations_for(wanted)


def test_a_config_wants_its_connector_its_converters_and_all_of_its_chains() -> None:
    config = {
        "connector.class": "A",
        "connector.plugin.version": "1.0",
        "key.converter": "B",
        "transforms": "c, d",
        "transforms.c.type": "C",
        "transforms.c.plugin.version": "[2,3)",
        "transforms.d.type": "D",
        "predicates": "e",
        "predicates.e.type": "E",
    }
    worker = {"key.converter": "F", "value.converter": "G", "value.converter.plugin.version": "7"}

    wanted = wanted_by(config, worker)

    assert [(each.key, each.name, each.version) for each in wanted] == [
        ("connector.class", "A", "1.0"),
        ("key.converter", "B", None),
        ("value.converter", "G", "7"),
        ("transforms.c.type", "C", "[2,3)"),
        ("transforms.d.type", "D", None),
        ("predicates.e.type", "E", None),
    ]


def test_the_worker_needs_no_other_place_for_its_own_plugins() -> None:
    found = [plugin("x.Connector", "1.0", "classpath")]

    assert locations(found, value__converter="StringConverter") == ()


def test_the_newest_version_is_taken_unless_another_one_is_wanted() -> None:
    found = [
        plugin("x.Connector", "1.9", "/a"),
        plugin("x.Connector", "1.10", "/b"),
        plugin("x.Connector", "2.0-rc1", "/c"),
    ]

    assert locations(found) == ("/c",)
    assert locations(found, connector__plugin__version="latest") == ("/c",)
    assert locations(found, connector__plugin__version="[1,2-alpha)") == ("/b",)
    assert locations(found, connector__plugin__version="1.9") == ("/a",)


def test_a_converter_that_is_packaged_with_the_connector_is_preferred_to_a_newer_one() -> None:
    found = [
        plugin("x.Connector", "1.0", "/a"),
        converter("y.Csv", "1.0", "/a"),
        converter("y.Csv", "2.0", "/b"),
    ]

    assert locations(found, value__converter="Csv") == ("/a",)
    assert locations(found, value__converter="Csv", value__converter__plugin__version="2.0") == (
        "/b",
        "/a",
    )


def test_plugins_of_two_places_share_a_process_the_connectors_first() -> None:
    found = [plugin("x.Connector", "1.0", "/b"), converter("y.Csv", "1.0", "/a")]

    assert locations(found, key__converter="y.Csv", value__converter="Csv") == ("/b", "/a")


def test_a_version_that_nobody_has_is_left_to_validation() -> None:
    found = [plugin("x.Connector", "1.0", "/a"), plugin("x.Connector", "2.0", "/b")]

    assert locations(found, connector__plugin__version="9") == ("/b",)
    assert locations(found, connector__plugin__version="[not a range") == ("/b",)
    with pytest.raises(PluginNotFoundError) as caught:
        PluginIndex(found).matching(Wanted("", "", CONNECTORS, "x.Connector", "9"))
    assert str(caught.value) == (
        "Plugin x.Connector not found that matches the version range [9,9], available versions:"
        " [1.0, 2.0]"
    )


def test_an_alias_of_plugins_in_two_places_is_ambiguous() -> None:
    found = [plugin("x.CsvConnector", "1", "/a"), plugin("y.CsvConnector", "1", "/b")]

    with pytest.raises(PluginNotFoundError, match="More than one connector matches alias Csv"):
        PluginIndex(found).locations_for([Wanted("", "", CONNECTORS, "Csv")])


def test_versions_of_one_plugin_are_listed_in_their_order() -> None:
    found = PluginIndex([plugin("x.C", "1.10", "/b"), plugin("x.C", "1.9", "/a")])

    assert [each.version for each in found] == ["1.9", "1.10"]
