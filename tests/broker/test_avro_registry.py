"""Avro against a real registry: what is registered, found, refused, and read back."""

import json
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import urllib3

from isthmus.api.errors import DataError, RetriableError
from isthmus.api.schema import INT32, OPTIONAL_STRING, STRING, Schema, struct_schema
from isthmus.api.struct import Struct
from isthmus.converters.registry.avro import AvroConverter
from tests.support.registry import ApicurioRegistry, Converters, gate, self_signed

Avro = Callable[..., AvroConverter]

_USER = struct_schema(("id", INT32), ("name", OPTIONAL_STRING), name="shop.User")


@pytest.fixture
def avro(converters: Converters) -> Avro:
    """Makes Avro converters; `auto_register_schemas="false"` sets `auto.register.schemas`."""

    def make(url: str, **options: str) -> AvroConverter:
        settings = {name.replace("_", "."): value for name, value in options.items()}
        return converters.make(AvroConverter, url, settings)

    return make


def _user(number: int) -> Struct:
    return Struct(_USER, id=number, name=f"user {number}")


def _record(name: str, field: str, type_: str) -> str:
    fields = [{"name": field, "type": type_}]
    return json.dumps({"type": "record", "name": name, "namespace": "shop", "fields": fields})


def _register(registry: ApicurioRegistry, subject: str, body: dict[str, object]) -> int:
    answer = urllib3.request(
        "POST", f"{registry.url}/subjects/{subject}/versions", json=body, timeout=10.0
    )
    assert answer.status == 200, answer.data
    return int(answer.json()["id"])


def test_what_one_converter_writes_another_reads(
    avro: Avro, registry: ApicurioRegistry, topic: str
) -> None:
    users = [_user(number) for number in range(100)]

    data = avro(registry.url).from_connect_batch(topic, _USER, users)
    runs = avro(registry.url).to_connect_batch(topic, data)

    assert [value for run in runs for value in run.values] == users
    assert [run.schema for run in runs] == [_USER]


def test_a_schema_is_registered_under_the_topics_name(
    avro: Avro, registry: ApicurioRegistry, topic: str
) -> None:
    avro(registry.url).from_connect(topic, _USER, _user(1))

    found = urllib3.request("GET", f"{registry.url}/subjects/{topic}-value/versions/latest")

    assert found.json()["schema"].startswith('{"type":"record","name":"User","namespace":"shop"')


def test_a_subject_may_be_called_after_the_record(
    avro: Avro, registry: ApicurioRegistry, topic: str
) -> None:
    strategy = "io.confluent.kafka.serializers.subject.TopicRecordNameStrategy"

    avro(registry.url, value_subject_name_strategy=strategy).from_connect(topic, _USER, _user(1))

    subjects = urllib3.request("GET", f"{registry.url}/subjects").json()
    assert f"{topic}-shop.User" in subjects


def test_an_incompatible_schema_is_refused_with_the_registrys_words(
    avro: Avro, registry: ApicurioRegistry, topic: str
) -> None:
    converter = avro(registry.url)
    converter.from_connect(topic, _USER, _user(1))
    urllib3.request(
        "PUT", f"{registry.url}/config/{topic}-value", json={"compatibility": "BACKWARD"}
    )
    other = struct_schema(("id", STRING), name="shop.User")

    with pytest.raises(DataError, match=r"(?i)Error registering Avro schema.*incompatible"):
        converter.from_connect(topic, other, Struct(other, id="1"))


def test_without_auto_registration_an_unknown_schema_is_an_error(
    avro: Avro, registry: ApicurioRegistry, topic: str
) -> None:
    converter = avro(registry.url, auto_register_schemas="false")

    with pytest.raises(DataError, match="Error retrieving Avro schema"):
        converter.from_connect(topic, _USER, _user(1))


def test_without_auto_registration_a_known_schema_is_found(
    avro: Avro, registry: ApicurioRegistry, topic: str
) -> None:
    data = avro(registry.url).from_connect(topic, _USER, _user(1))

    found = avro(registry.url, auto_register_schemas="false").from_connect(topic, _USER, _user(1))

    assert found == data


def test_data_is_written_as_the_latest_schema_has_it(
    avro: Avro, registry: ApicurioRegistry, topic: str
) -> None:
    latest = (
        '{"type":"record","name":"User","namespace":"shop","fields":['
        '{"name":"name","type":["null","string"]},{"name":"id","type":"long"},'
        '{"name":"rank","type":"int","default":7}]}'
    )
    schema_id = _register(registry, f"{topic}-value", {"schema": latest})
    options = {"auto_register_schemas": "false", "use_latest_version": "true"}

    data = avro(registry.url, **options).from_connect(topic, _USER, _user(1))

    assert data is not None
    assert int.from_bytes(data[1:5], "big") == schema_id
    read = avro(registry.url).to_connect(topic, data).value
    assert dict(zip(read, read.values, strict=True)) == {"name": "user 1", "id": 1, "rank": 7}


def test_the_latest_schema_must_have_all_fields(
    avro: Avro, registry: ApicurioRegistry, topic: str
) -> None:
    latest = '{"type":"record","name":"User","namespace":"shop","fields":[]}'
    _register(registry, f"{topic}-value", {"schema": latest})
    options = {"auto_register_schemas": "false", "use_latest_version": "true"}

    with pytest.raises(DataError, match="has no field id, name"):
        avro(registry.url, **options).from_connect(topic, _USER, _user(1))

    lenient = avro(registry.url, latest_compatibility_strict="false", **options)
    assert lenient.from_connect(topic, _USER, _user(1)) is not None


def test_references_are_followed(avro: Avro, registry: ApicurioRegistry, topic: str) -> None:
    place = _record("Place", "city", "string")
    _register(registry, f"{topic}-place", {"schema": place})
    order = _record("Order", "to", "shop.Place")
    reference = {"name": "shop.Place", "subject": f"{topic}-place", "version": 1}
    body: dict[str, object] = {"schema": order, "references": [reference]}
    schema_id = _register(registry, f"{topic}-value", body)
    data = b"\0" + schema_id.to_bytes(4, "big") + b"\x08Rome"

    read = avro(registry.url).to_connect(topic, data).value

    assert str(read) == "Struct{to=Struct{city=Rome}}"


def test_apicurios_property_names_are_understood(
    converters: Converters, registry: ApicurioRegistry, topic: str
) -> None:
    config = {
        "apicurio.registry.url": registry.own_url,
        "apicurio.registry.auto-register": "true",
        "apicurio.registry.artifact-resolver-strategy": (
            "io.apicurio.registry.serde.strategy.SimpleTopicIdStrategy"
        ),
    }
    converter = converters.make(AvroConverter, None, config)

    data = converter.from_connect(topic, _USER, _user(1))

    assert topic in urllib3.request("GET", f"{registry.url}/subjects").json()
    assert converter.to_connect(topic, data).value == _user(1)


def test_an_unknown_id_is_named(avro: Avro, registry: ApicurioRegistry, topic: str) -> None:
    with pytest.raises(DataError, match="id 987654 is not in the registry"):
        avro(registry.url).to_connect(topic, b"\0\0\x0f\x12\x06xyz")


def test_basic_credentials_are_sent(avro: Avro, registry: ApicurioRegistry, topic: str) -> None:
    source = {"basic_auth_credentials_source": "USER_INFO"}
    with gate(registry, user_info="alice:secret") as (url, _):
        known = avro(url, basic_auth_user_info="alice:secret", **source)
        wrong = avro(url, basic_auth_user_info="alice:wrong", **source)

        assert known.from_connect(topic, _USER, _user(1)) is not None
        with pytest.raises(DataError, match="check the credentials"):
            wrong.from_connect(topic, _USER, _user(1))


def test_credentials_may_stand_in_the_address(
    avro: Avro, registry: ApicurioRegistry, topic: str
) -> None:
    with gate(registry, user_info="alice:secret") as (url, _):
        with_user = url.replace("://", "://alice:secret@")

        assert avro(with_user).from_connect(topic, _USER, _user(1)) is not None


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context, certificate


def test_the_registrys_certificate_must_be_trusted(
    avro: Avro, registry: ApicurioRegistry, topic: str, tls: tuple[ssl.SSLContext, Path]
) -> None:
    context, certificate = tls
    options = {"max_retries": "0"}
    with gate(registry, tls=context) as (url, _):
        trusting = avro(
            url,
            schema_registry_ssl_truststore_location=str(certificate),
            schema_registry_ssl_truststore_type="PEM",
        )

        assert trusting.from_connect(topic, _USER, _user(1)) is not None
        with pytest.raises(RetriableError, match="CERTIFICATE_VERIFY_FAILED"):
            avro(url, **options).from_connect(topic, _USER, _user(1))


def test_what_fails_for_a_moment_is_tried_again(
    avro: Avro, registry: ApicurioRegistry, topic: str
) -> None:
    with gate(registry, failures=2) as (url, proxy):
        assert avro(url).from_connect(topic, _USER, _user(1)) is not None

        assert len(proxy.requests) == 3


def test_a_registry_that_is_away_is_a_retriable_error(avro: Avro, topic: str) -> None:
    converter = avro("http://127.0.0.1:1", max_retries="0")

    with pytest.raises(RetriableError, match="cannot be asked"):
        converter.from_connect(topic, _USER, _user(1))


def test_a_schema_is_asked_for_once(avro: Avro, registry: ApicurioRegistry, topic: str) -> None:
    data = avro(registry.url).from_connect(topic, _USER, _user(1))
    with gate(registry) as (url, proxy):
        converter = avro(url)

        for _ in range(3):
            converter.to_connect_batch(topic, [data, None, data])

        assert len(proxy.requests) == 1


def test_a_primitive_has_a_schema_too(avro: Avro, registry: ApicurioRegistry, topic: str) -> None:
    converter = avro(registry.url)
    schemas: list[Schema] = [STRING, INT32, OPTIONAL_STRING]
    values: list[object] = ["text", 7, "or not"]

    for number, (schema, value) in enumerate(zip(schemas, values, strict=True)):
        data = converter.from_connect(f"{topic}-{number}", schema, value)
        assert converter.to_connect(topic, data) == (schema, value)
