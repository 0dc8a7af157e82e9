import ssl
from pathlib import Path

import pytest
from confluent_kafka import Producer

from isthmus.api.errors import ConfigError
from isthmus.config.client_security import (
    kafka_python_security,
    librdkafka_security,
    parse_jaas,
)

#: A private key and a certificate signed by itself, which expires in a hundred years.
_PEM = Path(__file__).parents[2] / "golden" / "config" / "client.pem"
_CERTIFICATE = "".join(_PEM.read_text().rpartition("-----BEGIN CERTIFICATE-----")[1:])
_KEY = _PEM.read_text().removesuffix(_CERTIFICATE)
_PLAIN = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required"
    ' username="ann" password="a\\"b;c=d";'
)
_SASL = {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.jaas.config": _PLAIN}


def accepted_by_librdkafka(props: dict[str, str]) -> dict[str, str]:
    """Construct a client, which reads keys and certificates, and return its settings."""
    settings = librdkafka_security(props)
    Producer({**settings, "bootstrap.servers": "127.0.0.1:1", "log_level": 0})
    return settings


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (_PLAIN, {"username": "ann", "password": 'a"b;c=d'}),
        ("a.B required;", {}),
        (
            "a.B required\n  username='x y'\n  password=bare ;",
            {"username": "x y", "password": "bare"},
        ),
        ('a.B optional token="1\\\\2"', {"token": "1\\2"}),
    ],
)
def test_the_options_of_a_login_module_are_read(text: str, options: dict[str, str]) -> None:
    assert parse_jaas(text) == options


def test_a_wrong_login_is_told_without_its_password() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_jaas('password="hush"')

    assert "sasl.jaas.config" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_without_security_there_is_nothing_to_set() -> None:
    assert librdkafka_security({"sasl.mechanism": "PLAIN"}) == {"security.protocol": "plaintext"}
    assert kafka_python_security({}) == {"security_protocol": "PLAINTEXT"}


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "scram-sha-512"])
def test_a_password_is_taken_from_the_login_module(mechanism: str) -> None:
    props = _SASL | {"sasl.mechanism": mechanism}

    assert accepted_by_librdkafka(props) == {
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": mechanism.upper(),
        "sasl.username": "ann",
        "sasl.password": 'a"b;c=d',
    }
    arguments = kafka_python_security(props)
    assert arguments["sasl_mechanism"] == mechanism.upper()
    assert (arguments["sasl_plain_username"], arguments["sasl_plain_password"]) == (
        "ann",
        'a"b;c=d',
    )


def test_a_missing_password_is_told() -> None:
    props = _SASL | {"sasl.jaas.config": "a.B required username=x;"}

    for translate in (librdkafka_security, kafka_python_security):
        with pytest.raises(ConfigError) as caught:
            translate(props)
        assert str(caught.value) == (
            "sasl.jaas.config has no option password, needed by sasl.mechanism=PLAIN"
        )


def test_oauth_takes_its_client_from_settings_or_from_the_login_module() -> None:
    settings = accepted_by_librdkafka(
        {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "OAUTHBEARER",
            "sasl.oauthbearer.token.endpoint.url": "http://127.0.0.1:1/token",
            "sasl.oauthbearer.client.credentials.client.id": "ann",
            "sasl.jaas.config": "a.OAuth required clientId=bob clientSecret=hush;",
        }
    )

    assert settings["sasl.oauthbearer.method"] == "oidc"
    assert settings["sasl.oauthbearer.client.id"] == "ann"
    assert settings["sasl.oauthbearer.client.secret"] == "hush"


def test_kerberos_takes_its_principal_from_the_login_module() -> None:
    settings = librdkafka_security(
        {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.kerberos.service.name": "kafka",
            "sasl.jaas.config": 'a.Krb5 required principal="c@X" keyTab="/etc/c.keytab";',
        }
    )

    assert settings["sasl.mechanism"] == "GSSAPI"
    assert settings["sasl.kerberos.principal"] == "c@X"
    assert settings["sasl.kerberos.keytab"] == "/etc/c.keytab"


def test_the_group_member_says_which_mechanisms_it_knows() -> None:
    with pytest.raises(ConfigError, match=r"OAUTHBEARER for .*sasl\.mechanism: Group membership"):
        kafka_python_security(
            {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER"}
        )


@pytest.mark.parametrize(
    "props",
    [
        {
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(_PEM),
            "ssl.keystore.type": "pem",
            "ssl.keystore.location": str(_PEM),
        },
        {
            "ssl.truststore.type": "PEM",
            "ssl.truststore.certificates": _CERTIFICATE,
            "ssl.keystore.type": "PEM",
            "ssl.keystore.key": _KEY,
            "ssl.keystore.certificate.chain": _CERTIFICATE,
        },
    ],
)
def test_keys_and_certificates_are_read_from_files_or_settings(props: dict[str, str]) -> None:
    props |= {"security.protocol": "SSL", "ssl.endpoint.identification.algorithm": ""}

    settings = accepted_by_librdkafka(props)
    context = kafka_python_security(props)["ssl_context"]

    assert settings["ssl.endpoint.identification.algorithm"] == "none"
    assert isinstance(context, ssl.SSLContext)
    assert context.cert_store_stats()["x509"] == 1
    assert not context.check_hostname


def test_hosts_are_checked_unless_told_otherwise() -> None:
    context = kafka_python_security({"security.protocol": "SSL"})["ssl_context"]

    assert isinstance(context, ssl.SSLContext)
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize("store", ["keystore", "truststore"])
@pytest.mark.parametrize("store_type", [None, "JKS", "PKCS12"])
def test_a_store_that_only_java_reads_is_refused_with_a_way_out(
    store: str, store_type: str | None
) -> None:
    props = {"security.protocol": "SSL", f"ssl.{store}.location": "/etc/store"}
    if store_type:
        props[f"ssl.{store}.type"] = store_type

    for translate in (librdkafka_security, kafka_python_security):
        with pytest.raises(ConfigError) as caught:
            translate(props)
        assert str(caught.value) == (
            f"Invalid value {store_type or 'JKS'} for configuration ssl.{store}.type: only PEM can"
            f" be read here; convert /etc/store to PEM and set ssl.{store}.type=PEM"
        )


def test_a_store_that_cannot_be_read_is_told() -> None:
    with pytest.raises(ConfigError, match=r"ssl\.truststore\.location=/nowhere.*No such file"):
        kafka_python_security(
            {
                "security.protocol": "SSL",
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": "/nowhere",
            }
        )
