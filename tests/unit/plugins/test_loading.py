import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, cast

import pytest

from isthmus.api.converter import Converter, SchemaAndValue
from isthmus.api.errors import ConnectError
from isthmus.api.schema import Schema
from isthmus.plugins import (
    BUILT_IN,
    CONNECTORS,
    PluginDescriptor,
    PluginKind,
    PluginNotFoundError,
    Plugins,
)

FILE_SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"


class ReversingConverter(Converter):
    version = "1.2"

    def __init__(self, suffix: str = "") -> None:
        self.suffix = suffix

    def from_connect(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        return None if value is None else bytes(reversed(value.encode()))

    def to_connect(self, topic: str, data: bytes | None) -> SchemaAndValue:
        return SchemaAndValue(None, data)


def listed(class_name: str, kind: PluginKind = PluginKind.SOURCE) -> PluginDescriptor:
    python_class = ":".join(class_name.rsplit(".", 1))
    return PluginDescriptor(
        class_name=class_name, kind=kind, python_class=python_class, version="1.0"
    )


@pytest.mark.parametrize(
    "name",
    [
        FILE_SOURCE,
        "FileStreamSourceConnector",
        "FileStreamSource",
        "isthmus.connectors.file_source:FileStreamSourceConnector",
        "isthmus.connectors.file_source.FileStreamSourceConnector",
    ],
)
def test_a_connector_is_found_by_each_of_its_names(name: str) -> None:
    found = Plugins(BUILT_IN).find(CONNECTORS, name)

    assert (found.class_name, found.kind, found.version) == (FILE_SOURCE, "source", "4.3.1")


@pytest.mark.parametrize("name", ["Json", "JsonConverter"])
def test_a_converter_has_the_same_alias_for_keys_values_and_headers(name: str) -> None:
    plugins = Plugins(BUILT_IN)

    for kind in (PluginKind.CONVERTER, PluginKind.HEADER_CONVERTER):
        assert plugins.find(kind, name).class_name == "org.apache.kafka.connect.json.JsonConverter"
    assert plugins.find(PluginKind.HEADER_CONVERTER, "Simple").simple_name.startswith("Simple")


def test_an_unknown_connector_is_refused_in_javas_words_with_all_that_there_are() -> None:
    plugins = Plugins(plugin for plugin in BUILT_IN if "FileStream" in plugin.class_name)

    with pytest.raises(PluginNotFoundError) as caught:
        plugins.find(CONNECTORS, "Nope")

    assert str(caught.value) == (
        "Failed to find any class that implements Connector and which name matches Nope, available"
        " connectors are: PluginDesc{klass=class"
        " org.apache.kafka.connect.file.FileStreamSinkConnector,"
        " name='org.apache.kafka.connect.file.FileStreamSinkConnector', version='4.3.1',"
        " encodedVersion=4.3.1, type=sink, typeName='sink', location='classpath'},"
        " PluginDesc{klass=class org.apache.kafka.connect.file.FileStreamSourceConnector,"
        " name='org.apache.kafka.connect.file.FileStreamSourceConnector', version='4.3.1',"
        " encodedVersion=4.3.1, type=source, typeName='source', location='classpath'}"
    )


def test_an_unknown_converter_is_refused_in_javas_words() -> None:
    with pytest.raises(PluginNotFoundError, match=r"^Class nope could not be found\.$"):
        Plugins(BUILT_IN).find(PluginKind.CONVERTER, "nope")


def test_a_plugin_of_another_kind_is_not_found() -> None:
    with pytest.raises(PluginNotFoundError):
        Plugins(BUILT_IN).find(CONNECTORS, "JsonConverter")


def test_an_alias_of_two_plugins_is_refused_with_both_and_full_names_still_work() -> None:
    plugins = Plugins([listed("a.CsvSourceConnector"), listed("b.CsvSourceConnector")])

    with pytest.raises(PluginNotFoundError) as caught:
        plugins.find(CONNECTORS, "CsvSource")

    assert "More than one connector matches alias CsvSource." in str(caught.value)
    assert "name='a.CsvSourceConnector'" in str(caught.value)
    assert "name='b.CsvSourceConnector'" in str(caught.value)
    assert plugins.find(CONNECTORS, "b.CsvSourceConnector").class_name == "b.CsvSourceConnector"


@pytest.mark.parametrize("name", ["Avro", "AvroConverter", "Protobuf", "ProtobufConverter"])
def test_an_alias_that_two_names_of_one_class_share_means_that_class(name: str) -> None:
    plugins = Plugins(BUILT_IN)

    found = plugins.find(PluginKind.CONVERTER, name)

    assert found.class_name.startswith("io.confluent.connect.")
    apicurios = plugins.find(
        PluginKind.CONVERTER, f"io.apicurio.registry.utils.converter.{found.simple_name}"
    )
    assert apicurios.python_class == found.python_class


@pytest.mark.parametrize("separator", [":", "."])
def test_a_class_that_no_list_names_is_found_where_python_finds_it(separator: str) -> None:
    name = f"{__name__}{separator}ReversingConverter"

    found = Plugins([]).find(PluginKind.CONVERTER, name)

    assert (found.class_name, found.version) == (f"{__name__}.ReversingConverter", "1.2")
    assert Plugins([]).load(found) is ReversingConverter


def test_a_module_that_misses_another_is_reported_and_not_called_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lame_plugin.py").write_text("import no_such_driver\nclass C: pass\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ConnectError, match="No module named 'no_such_driver'"):
        Plugins([]).find(PluginKind.CONVERTER, "lame_plugin:C")


def test_one_class_stands_for_a_pair_of_plugins_by_its_arguments() -> None:
    python_class = f"{__name__}:ReversingConverter"
    pair = [
        PluginDescriptor(f"x.Reverse${side}", PluginKind.CONVERTER, python_class, arguments=(side,))
        for side in ("Key", "Value")
    ]
    plugins = Plugins(pair)

    created = plugins.create(plugins.find(PluginKind.CONVERTER, "x.Reverse$Value"))

    assert created.suffix == "Value"


def test_a_class_of_another_kind_than_listed_is_refused() -> None:
    wrong = PluginDescriptor("x.Y", PluginKind.SINK, f"{__name__}:ReversingConverter")

    with pytest.raises(ConnectError, match="listed as sink"):
        Plugins([wrong]).load(wrong)


def test_every_built_in_plugin_can_be_made() -> None:
    plugins = Plugins(BUILT_IN)

    for descriptor in BUILT_IN:
        assert plugins.create(descriptor) is not None


def test_plugins_are_listed_in_javas_order() -> None:
    other = PluginDescriptor("z.Z", PluginKind.SINK, "z:Z")

    found = list(Plugins([*BUILT_IN, other]))

    sink, source = "org.apache.kafka.connect.file.FileStreamSinkConnector", FILE_SOURCE
    names = [plugin.class_name for plugin in found]
    assert names.index(sink) < names.index("z.Z") < names.index(source)
    converters = [plugin.class_name for plugin in found if plugin.kind is PluginKind.CONVERTER]
    assert converters == sorted(converters)
    assert found[-1].kind is PluginKind.HEADER_CONVERTER


def test_discovery_lists_every_built_in_plugin_once() -> None:
    identities = [(found.class_name, found.kind) for found in Plugins.discover()]

    assert len(identities) == len(set(identities))
    assert {(found.class_name, found.kind) for found in BUILT_IN} <= set(identities)


def test_listing_plugins_imports_none_of_them() -> None:
    program = (
        "import sys; from isthmus.plugins import Plugins; list(Plugins.discover());"
        "print([m for m in sys.modules if m.startswith(('isthmus.conv', 'isthmus.conn'))])"
    )

    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )

    assert output.stdout.strip() == "[]"


class Entry:
    """What an installed package declares, without the package."""

    name = "test"
    value = "test:declared"
    dist = None

    def __init__(self, declared: object) -> None:
        self.declared = declared

    def load(self) -> object:
        if isinstance(self.declared, Exception):
            raise self.declared
        return self.declared


def declaring(declared: object) -> Plugins:
    return Plugins(BUILT_IN, [(cast("EntryPoint", Entry(declared)), "/opt/plugins/test")])


@pytest.mark.parametrize(
    "declared", [ReversingConverter, [listed("x.Y")], {"y": listed("x.Y")}], ids=type
)
def test_a_package_declares_a_class_or_a_list_or_a_mapping_of_descriptors(
    declared: Mapping[str, object],
) -> None:
    found = list(declaring(declared))

    assert len(found) == len(BUILT_IN) + 1
    assert {plugin.location for plugin in found} == {"classpath", "/opt/plugins/test"}


@pytest.mark.parametrize("declared", [ImportError("no driver"), ["not a descriptor"]], ids=type)
def test_a_broken_package_costs_only_its_own_plugins(
    declared: object, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(list(declaring(declared))) == len(BUILT_IN)
    assert "Plugins left out: entry_point=test" in caplog.text


def test_the_full_name_of_a_built_in_plugin_is_found_without_the_code_of_other_packages(
    caplog: pytest.LogCaptureFixture,
) -> None:
    plugins = declaring(ImportError("no driver"))

    assert plugins.find(CONNECTORS, FILE_SOURCE).class_name == FILE_SOURCE
    assert not caplog.records
    assert plugins.find(CONNECTORS, "FileStreamSource").class_name == FILE_SOURCE
    assert "Plugins left out: entry_point=test" in caplog.text


@pytest.mark.parametrize("name", [FILE_SOURCE, f"{__name__}:ReversingConverter"])
def test_a_plugin_is_refused_in_another_version_than_wanted(name: str) -> None:
    kinds = (PluginKind.SOURCE, PluginKind.CONVERTER)

    with pytest.raises(PluginNotFoundError, match=r"version range \[9,9\], available versions: \["):
        Plugins(BUILT_IN).find(kinds, name, "9")
    assert Plugins(BUILT_IN).find(kinds, name, "[1,5)").kind in kinds
