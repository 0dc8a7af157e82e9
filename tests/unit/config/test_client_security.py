import ssl
from pathlib import Path

import pytest
from confluent_kafka import Producer

from isthmus.api.errors import ConfigError
from isthmus.config.client_security import (
    kafka_python_security,
    librdkafka_security,
    without_effect,
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


def test_older_oauth_logins_for_tests_need_no_identity_provider() -> None:
    props = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.jaas.config": 'a.OAuth required unsecuredLoginStringClaim_sub="ann"'
        ' extension_logicalCluster="lkc-1";',
    }

    settings = accepted_by_librdkafka(props)

    assert settings["enable.sasl.oauthbearer.unsecure.jwt"] == "true"
    assert settings["sasl.oauthbearer.config"] == "principal=ann"
    assert settings["sasl.oauthbearer.extensions"] == "logicalCluster=lkc-1"


def test_an_assertion_takes_the_place_of_a_secret() -> None:
    settings = accepted_by_librdkafka(
        {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "OAUTHBEARER",
            "sasl.oauthbearer.token.endpoint.url": "http://127.0.0.1:1/token",
            "sasl.oauthbearer.jwt.retriever.class": "org.apache.kafka.common.security.oauthbearer"
            ".JwtBearerJwtRetriever",
            "sasl.oauthbearer.assertion.private.key.file": str(_PEM),
            "sasl.oauthbearer.assertion.claim.sub": "ann",
        }
    )

    assert settings["sasl.oauthbearer.grant.type"].endswith(":jwt-bearer")
    assert settings["sasl.oauthbearer.assertion.claim.sub"] == "ann"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {},
            "Invalid value null for configuration sasl.oauthbearer.token.endpoint.url: expected"
            " the http or https URL of an identity provider",
        ),
        (
            {
                "sasl.oauthbearer.token.endpoint.url": "https://a/token",
                "sasl.oauthbearer.client.credentials.client.id": "ann",
            },
            "sasl.oauthbearer.client.credentials.client.secret is missing, needed by"
            " sasl.mechanism=OAUTHBEARER",
        ),
    ],
)
def test_what_oauth_lacks_is_told(more: dict[str, str], message: str) -> None:
    props = {"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER", **more}

    for translate in (librdkafka_security, kafka_python_security):
        with pytest.raises(ConfigError) as caught:
            translate(props)
        assert str(caught.value) == message


def test_a_login_may_stand_in_the_file_that_java_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "login.conf"
    file.write_text(f"KafkaClient {{\n  {_PLAIN}\n}};\n")
    monkeypatch.setenv("KAFKA_OPTS", f"-Xmx1g -Djava.security.auth.login.config={file}")
    props = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"}

    assert librdkafka_security(props)["sasl.username"] == "ann"
    own = 'a.B required username="bob" password="x";'
    assert librdkafka_security(props | {"sasl.jaas.config": own})["sasl.username"] == "bob"


def test_a_mechanism_that_no_client_knows_is_refused() -> None:
    props = {"security.protocol": "SASL_SSL", "sasl.mechanism": "AWS_MSK_IAM"}

    for translate in (librdkafka_security, kafka_python_security):
        with pytest.raises(ConfigError) as caught:
            translate(props)
        assert str(caught.value) == (
            "Invalid value AWS_MSK_IAM for configuration sasl.mechanism: expected one of PLAIN,"
            " SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, GSSAPI"
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


@pytest.mark.parametrize("kind", ["jks", "p12"])
def test_the_stores_of_java_become_pem(kind: str) -> None:
    stores = _PEM.parent / "stores"
    props = {
        "security.protocol": "SSL",
        "ssl.keystore.location": str(stores / f"identity.{kind}"),
        "ssl.keystore.password": "of-the-store",
        "ssl.key.password": "of-the-key",
        "ssl.truststore.location": str(stores / f"trusted.{kind}"),
        "ssl.truststore.password": "of-the-store",
    }

    settings = accepted_by_librdkafka(props)

    assert settings["ssl.ca.pem"].count("BEGIN CERTIFICATE") == 2
    assert settings["ssl.key.pem"].startswith("-----BEGIN PRIVATE KEY-----")
    assert "ssl.key.password" not in settings
    assert isinstance(kafka_python_security(props)["ssl_context"], ssl.SSLContext)


@pytest.mark.parametrize(
    ("props", "in_vain"),
    [
        ({"security.protocol": "SSL", "ssl.engine.factory.class": "a.B"}, "ssl.engine"),
        ({"security.protocol": "SSL", "ssl.enabled.protocols": "TLSv1.2"}, "ssl.enabled.protocols"),
        ({"security.protocol": "SSL", "ssl.enabled.protocols": "TLSv1.3 , TLSv1.2"}, None),
        ({"security.protocol": "SSL", "ssl.protocol": "TLSv1.3"}, None),
        ({"security.protocol": "SASL_SSL", "sasl.login.class": "a.B"}, "sasl.login.class"),
        ({"security.protocol": "SASL_SSL", "sasl.login.read.timeout.ms": "5"}, "sasl.login.read"),
        (
            {
                "security.protocol": "SASL_SSL",
                "sasl.login.callback.handler.class": "org.apache.kafka.common.security.oauthbearer"
                ".OAuthBearerLoginCallbackHandler",
            },
            None,
        ),
        ({"sasl.login.class": "a.B", "ssl.engine.factory.class": "a.B"}, None),
    ],
)
def test_what_librdkafka_cannot_do_is_named_where_it_matters(
    props: dict[str, str], in_vain: str | None
) -> None:
    named = without_effect(props)

    assert [name for name in named if not name.startswith(in_vain or "?")] == []
    assert bool(named) is (in_vain is not None)


def test_a_store_that_cannot_be_read_is_told() -> None:
    with pytest.raises(ConfigError, match=r"/nowhere .*ssl\.truststore\.location: .*No such file"):
        kafka_python_security(
            {
                "security.protocol": "SSL",
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": "/nowhere",
            }
        )
