"""Apicurio's own API: global ids, and JSON whose schema is one of Connect."""

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import pytest
import urllib3

from isthmus.api.converter import Converter
from isthmus.api.errors import DataError
from isthmus.api.logical import DATE, decimal_schema
from isthmus.api.schema import INT32, OPTIONAL_STRING, struct_schema
from isthmus.api.struct import Struct
from isthmus.converters.registry.avro import AvroConverter
from isthmus.converters.registry.ext_json import ExtJsonConverter
from isthmus.converters.registry.json_schema import JsonSchemaConverter
from isthmus.converters.registry.protobuf import ProtobufConverter
from tests.support.registry import ApicurioRegistry, Converters

_USER = struct_schema(("id", INT32), ("name", OPTIONAL_STRING), name="shop.User")
_BORN = struct_schema(("id", INT32), ("born", DATE), ("debt", decimal_schema(2)), name="shop.Born")


def _api(registry: ApicurioRegistry, version: int, **more: str) -> dict[str, str]:
    options = {f"apicurio.registry.{key.replace('_', '-')}": item for key, item in more.items()}
    return {
        "apicurio.registry.url": f"{registry.address}/apis/registry/v{version}",
        "apicurio.registry.auto-register": "true",
        **options,
    }


def _ids(registry: ApicurioRegistry, artifact: str) -> Mapping[str, int]:
    """Return both ids of the newest version of an artifact."""
    url = f"{registry.address}/apis/registry/v2/groups/default/artifacts/{artifact}/meta"
    return urllib3.request("GET", url, timeout=10.0).json()


def _write_elsewhere(converter: Converter, topic: str, value: Struct) -> None:
    """Register a schema under another artifact first, so that its two ids go apart."""
    converter.from_connect(f"{topic}-first", value.schema, value)


def test_ids_are_global_and_long_with_the_api_of_version_2(
    converters: Converters, registry: ApicurioRegistry, topic: str
) -> None:
    user = Struct(_USER, id=1, name="Ada")
    converter = converters.make(AvroConverter, None, _api(registry, 2))
    _write_elsewhere(converter, topic, user)

    data = converter.from_connect(topic, _USER, user)

    assert data is not None
    ids = _ids(registry, f"{topic}-value")
    assert ids["globalId"] != ids["contentId"]
    assert data[:9] == b"\0" + ids["globalId"].to_bytes(8, "big")
    read = converters.make(AvroConverter, None, _api(registry, 2)).to_connect(topic, data)
    assert read == (_USER, user)


@pytest.mark.parametrize(
    ("version", "options", "length", "used"),
    [
        (2, {"as_confluent": "true"}, 5, "globalId"),
        (2, {"use_id": "contentId"}, 9, "contentId"),
        (3, {}, 5, "contentId"),
        (3, {"use_id": "globalId"}, 5, "globalId"),
    ],
)
def test_the_config_says_which_id_it_is_and_how_long(
    converters: Converters,
    registry: ApicurioRegistry,
    topic: str,
    version: int,
    options: dict[str, str],
    length: int,
    used: str,
) -> None:
    user = Struct(_USER, id=1, name="Ada")
    config = _api(registry, version, **options)
    converter = converters.make(AvroConverter, None, config)
    _write_elsewhere(converter, topic, user)

    data = converter.from_connect(topic, _USER, user)

    assert data is not None
    ids = _ids(registry, f"{topic}-value")
    assert ids["globalId"] != ids["contentId"]
    assert int.from_bytes(data[1:length], "big") == ids[used]
    assert converters.make(AvroConverter, None, config).to_connect(topic, data).value == user


@pytest.mark.parametrize("kind", [ProtobufConverter, JsonSchemaConverter])
def test_other_formats_have_global_ids_too(
    converters: Converters,
    registry: ApicurioRegistry,
    topic: str,
    kind: type[ProtobufConverter] | type[JsonSchemaConverter],
) -> None:
    user = Struct(_USER, id=1, name="Ada")
    converter = converters.make(kind, None, _api(registry, 2))

    data = converter.from_connect(topic, _USER, user)

    assert data is not None
    assert int.from_bytes(data[1:9], "big") == _ids(registry, f"{topic}-value")["globalId"]
    read = converters.make(kind, None, _api(registry, 2)).to_connect(topic, data).value
    assert (read["id"], read["name"]) == (1, "Ada")


def test_references_of_a_global_id_are_followed(
    converters: Converters, registry: ApicurioRegistry, topic: str
) -> None:
    place = {"type": "record", "name": "Place", "fields": [{"name": "city", "type": "string"}]}
    order = {"type": "record", "name": "Order", "fields": [{"name": "to", "type": "Place"}]}
    bodies = [
        (f"{topic}-place", {"schema": json.dumps(place)}),
        (
            f"{topic}-value",
            {
                "schema": json.dumps(order),
                "references": [{"name": "Place", "subject": f"{topic}-place", "version": 1}],
            },
        ),
    ]
    for subject, body in bodies:
        url = f"{registry.url}/subjects/{subject}/versions"
        assert urllib3.request("POST", url, json=body, timeout=10.0).status == 200
    schema_id = _ids(registry, f"{topic}-value")["globalId"]

    converter = converters.make(AvroConverter, None, _api(registry, 2))
    read = converter.to_connect(topic, b"\0" + schema_id.to_bytes(8, "big") + b"\x08Rome")

    assert str(read.value) == "Struct{to=Struct{city=Rome}}"


@pytest.fixture
def ext_json(converters: Converters, registry: ApicurioRegistry) -> ExtJsonConverter:
    return converters.make(ExtJsonConverter, None, _api(registry, 2))


@pytest.mark.parametrize(("version", "used"), [(2, "globalId"), (3, "contentId")])
def test_json_with_the_id_of_its_schema_is_written_and_read(
    converters: Converters, registry: ApicurioRegistry, topic: str, version: int, used: str
) -> None:
    config = _api(registry, version)
    born = Struct(_BORN, id=7, born=date(1970, 1, 2), debt=Decimal("1.50"))
    converter = converters.make(ExtJsonConverter, None, config)
    _write_elsewhere(converter, topic, born)

    data = converter.from_connect(topic, _BORN, born)
    runs = converters.make(ExtJsonConverter, None, config).to_connect_batch(topic, [data, data])

    schema_id = _ids(registry, f"{topic}-value")[used]
    assert data == b'{"schemaId":%d,"payload":{"id":7,"born":1,"debt":"AJY="}}' % schema_id
    assert [(run.schema, list(run.values)) for run in runs] == [(_BORN, [born, born])]


def test_the_schema_of_such_json_is_connects(
    registry: ApicurioRegistry, ext_json: Converter, topic: str
) -> None:
    ext_json.from_connect(topic, _USER, Struct(_USER, id=1))

    url = f"{registry.address}/apis/registry/v2/groups/default/artifacts/{topic}-value"
    assert _ids(registry, f"{topic}-value")["type"] == "KCONNECT"
    assert urllib3.request("GET", url).json() == {
        "type": "struct",
        "fields": [
            {"type": "int32", "optional": False, "field": "id"},
            {"type": "string", "optional": True, "field": "name"},
        ],
        "optional": False,
        "name": "shop.User",
    }


def test_without_auto_registration_such_a_schema_is_found_or_is_an_error(
    converters: Converters, registry: ApicurioRegistry, ext_json: Converter, topic: str
) -> None:
    user = Struct(_USER, id=1)
    for more in ({}, {"find_latest": "true"}):
        config = _api(registry, 2, auto_register="false", **more)
        with pytest.raises(DataError, match=f"of artifact {topic}-value"):
            converters.make(ExtJsonConverter, None, config).from_connect(topic, _USER, user)
    data = ext_json.from_connect(topic, _USER, user)

    for more in ({}, {"find_latest": "true"}):
        config = _api(registry, 2, auto_register="false", **more)
        found = converters.make(ExtJsonConverter, None, config)
        assert found.from_connect(topic, _USER, user) == data


def test_what_is_no_such_json_is_told_by_its_look(ext_json: Converter, topic: str) -> None:
    with pytest.raises(DataError, match="The value looks like data with schema id 7 of a registry"):
        ext_json.to_connect(topic, b"\0\0\0\0\7\2")
    with pytest.raises(DataError, match=r"expected JSON with schemaId and payload.*like JSON text"):
        ext_json.to_connect(topic, b'{"id":1}')
    with pytest.raises(DataError, match=r"id 987654: .*No version with global ID"):
        ext_json.to_connect(topic, b'{"schemaId":987654,"payload":1}')


def test_such_json_needs_a_schema_and_knows_tombstones(ext_json: Converter, topic: str) -> None:
    with pytest.raises(DataError, match="expected a value with a schema, found a bare dict"):
        ext_json.from_connect(topic, None, {"id": 1})
    assert ext_json.from_connect(topic, None, None) is None
    assert ext_json.to_connect(topic, None) == (None, None)
