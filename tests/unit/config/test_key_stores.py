"""Stores that the JDK's keytool made; see golden/config/stores/record.sh."""

import shutil
import ssl
from pathlib import Path

import pytest

from isthmus.api.errors import ConfigError
from isthmus.config.jks import JksError, read_jks
from isthmus.config.key_stores import read_identity, read_trusted
from isthmus.config.tls import client_context, openssl_ciphers, server_context

_CONFIG = Path(__file__).parents[2] / "golden" / "config"
_STORES = _CONFIG / "stores"
_PASSWORD = "of-the-store"


def keystore(name: str, **more: str) -> dict[str, str]:
    return {
        "ssl.keystore.location": str(_STORES / name),
        "ssl.keystore.password": _PASSWORD,
        **{f"ssl.{key.replace('_', '.')}": value for key, value in more.items()},
    }


def truststore(name: str, password: str | None = _PASSWORD) -> dict[str, str]:
    location = {"ssl.truststore.location": str(_STORES / name)}
    return location if password is None else location | {"ssl.truststore.password": password}


JKS = keystore("identity.jks", key_password="of-the-key")
PKCS12 = keystore("identity.p12", keystore_type="PKCS12")


def as_pem(directory: Path) -> dict[str, str]:
    """Write the same identity as PEM, key and certificates in one file."""
    identity = read_identity(JKS)
    assert identity is not None
    file = directory / "identity.pem"
    file.write_text(identity.key + identity.chain)
    return {"ssl.keystore.type": "PEM", "ssl.keystore.location": str(file)}


def greet(server: ssl.SSLContext, client: ssl.SSLContext, host: str = "localhost") -> bool:
    """Have both ends shake hands in memory; return whether the client showed a certificate.

    Raises:
        ssl.SSLError: One of them refuses the other.
    """
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        server.wrap_bio(to_server, to_client, server_side=True),
        client.wrap_bio(to_client, to_server, server_hostname=host),
    ]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    with pytest.raises(ssl.SSLWantReadError):
        ends[1].read()  # with TLS 1.3 a refusal by the server comes after the handshake
    return ends[0].getpeercert(binary_form=True) is not None


@pytest.mark.parametrize("store", ["jks", "p12", "pem"])
@pytest.mark.parametrize("trusted", ["trusted.jks", "trusted.p12"])
def test_both_ends_prove_who_they_are_from_any_store(
    store: str, trusted: str, tmp_path: Path
) -> None:
    identity = {"jks": JKS, "p12": PKCS12, "pem": as_pem(tmp_path)}[store]
    both = identity | truststore(trusted)

    assert greet(server_context(both | {"ssl.client.auth": "required"}), client_context(both))


@pytest.mark.parametrize(("auth", "shown"), [("none", False), ("requested", False)])
def test_a_client_without_a_certificate_is_let_in_unless_it_is_required(
    auth: str, shown: bool
) -> None:
    trusted = truststore("trusted.jks")

    server = server_context(JKS | trusted | {"ssl.client.auth": auth})

    assert greet(server, client_context(trusted)) is shown


def test_a_client_without_a_certificate_is_refused_where_it_is_required() -> None:
    trusted = truststore("trusted.jks")
    server = server_context(JKS | trusted | {"ssl.client.auth": "required"})

    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        greet(server, client_context(trusted))


def test_a_host_of_another_name_is_refused_unless_names_do_not_matter() -> None:
    trusted = truststore("trusted.p12")
    server = server_context(JKS)

    with pytest.raises(ssl.SSLError, match="Hostname mismatch"):
        greet(server, client_context(trusted), "elsewhere")
    anywhere = trusted | {"ssl.endpoint.identification.algorithm": ""}
    assert not greet(server, client_context(anywhere), "elsewhere")


def test_a_truststore_holds_several_certificates() -> None:
    for name in ("trusted.jks", "trusted.p12"):
        text = read_trusted(truststore(name))
        assert text is not None
        assert text.count("BEGIN CERTIFICATE") == 2


def test_the_bytes_say_what_a_store_is_as_in_java() -> None:
    """keytool has made PKCS12 since Java 9, and the default type is still JKS."""
    assert read_identity(keystore("identity.p12")) == read_identity(PKCS12)
    jks = read_identity(JKS | {"ssl.keystore.type": "pkcs12"})
    assert jks == read_identity(JKS)


def test_a_jks_truststore_needs_no_password() -> None:
    assert read_trusted(truststore("trusted.jks", None)) is not None


@pytest.mark.parametrize(
    ("props", "message"),
    [
        (
            JKS | {"ssl.key.password": "x"},
            "Invalid value STORES/identity.jks for configuration ssl.keystore.location: the"
            " password of its key is another one",
        ),
        (
            JKS | {"ssl.keystore.password": "hush"},
            "Invalid value STORES/identity.jks for configuration ssl.keystore.location: its"
            " password is another one, or the file is damaged",
        ),
        (
            PKCS12 | {"ssl.keystore.password": "hush"},
            "Invalid value STORES/identity.p12 for configuration ssl.keystore.location: Invalid"
            " password or PKCS12 data",
        ),
        (
            {"ssl.keystore.location": str(_STORES / "identity.jks")},
            "ssl.keystore.password is missing; the store STORES/identity.jks cannot be read"
            " without it",
        ),
        (
            keystore("trusted.jks"),
            "Invalid value STORES/trusted.jks for configuration ssl.keystore.location: it holds no"
            " private key",
        ),
        (
            keystore("trusted.p12"),
            "Invalid value STORES/trusted.p12 for configuration ssl.keystore.location: the store"
            " holds no private key with a certificate",
        ),
        (
            keystore("record.sh"),
            "Invalid value STORES/record.sh for configuration ssl.keystore.location: the file is"
            " no JKS store",
        ),
        (
            keystore("../client.pem"),
            "Invalid value STORES/../client.pem for configuration ssl.keystore.location: the file"
            " is no JKS store; set ssl.keystore.type=PEM",
        ),
        (
            keystore("identity.jks", keystore_type="PEM"),
            "Invalid value STORES/identity.jks for configuration ssl.keystore.location: the file"
            " is not PEM, which is text",
        ),
        (
            keystore("record.sh", keystore_type="PEM"),
            "Invalid value STORES/record.sh for configuration ssl.keystore.location: expected one"
            " private key and its certificates as PEM; there are 0 keys and 0 certificates",
        ),
        (
            keystore("nothing"),
            "Invalid value STORES/nothing for configuration ssl.keystore.location: cannot be"
            " read: No such file or directory",
        ),
        (
            keystore("identity.jks", keystore_type="BKS"),
            "Invalid value BKS for configuration ssl.keystore.type: expected one of PEM, PKCS12,"
            " JKS",
        ),
        (
            {"ssl.keystore.key": "hush"},
            "ssl.keystore.key is set without ssl.keystore.certificate.chain, which is needed with"
            " it",
        ),
        (
            {"ssl.keystore.key": "hush", "ssl.keystore.certificate.chain": "x"},
            "Invalid value [hidden] for configuration ssl.keystore.key: expected one private key"
            " and its certificates as PEM; there are 0 keys and 0 certificates",
        ),
    ],
)
def test_what_is_wrong_with_a_keystore_is_told_without_its_secrets(
    props: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_identity(props)

    assert str(caught.value) == message.replace("STORES", str(_STORES))


@pytest.mark.parametrize("name", ["identity.jks", "trusted.jks"])
def test_a_damaged_jks_store_is_told_wherever_it_is_damaged(name: str) -> None:
    data = (_STORES / name).read_bytes()

    for size in range(4, len(data) - 20, 7):
        with pytest.raises(JksError):
            read_jks(data[:size] + b"\0" * 20, None)
        with pytest.raises(JksError):
            read_jks(data[:size] + bytes([data[size] ^ 1]) + data[size + 1 :], _PASSWORD)


def test_a_truststore_with_another_password_is_refused() -> None:
    for name in ("trusted.jks", "trusted.p12"):
        with pytest.raises(ConfigError, match=r"ssl\.truststore\.location: .*password"):
            read_trusted(truststore(name, "hush"))


def test_an_encrypted_key_needs_its_password_and_asks_nobody() -> None:
    encrypted = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(_CONFIG / "encrypted.pem"),
    }

    assert server_context(encrypted | {"ssl.key.password": "of-the-key"})
    for wrong in ({}, {"ssl.key.password": "hush"}):
        with pytest.raises(ConfigError, match=r"ssl\.key\.password, is missing or wrong"):
            server_context(encrypted | wrong)


def test_a_key_is_never_left_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    server_context(JKS)

    monkeypatch.delattr("os.memfd_create", raising=False)
    server_context(JKS)

    assert list(tmp_path.iterdir()) == []


def test_tls_versions_and_ciphers_are_those_that_were_asked_for() -> None:
    context = client_context(
        {
            "ssl.enabled.protocols": "TLSv1.2",
            "ssl.cipher.suites": "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        }
    )

    assert (context.minimum_version, context.maximum_version) == (
        ssl.TLSVersion.TLSv1_2,
        ssl.TLSVersion.TLSv1_2,
    )
    older = {each["name"] for each in context.get_ciphers() if each["protocol"] != "TLSv1.3"}
    assert older == {"ECDHE-RSA-AES256-GCM-SHA384"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ssl.enabled.protocols", "SSLv3"),
        ("ssl.cipher.suites", "TLS_RSA_WITH_NOTHING"),
    ],
)
def test_what_tls_does_not_have_is_told(key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"for configuration {key}"):
        client_context({key: value})


@pytest.mark.parametrize(
    ("java", "openssl"),
    [
        ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "ECDHE-ECDSA-AES128-SHA256"),
        ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"),
        ("TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"),
        ("AES128-SHA, TLS_AES_256_GCM_SHA384", "AES128-SHA"),
        ("", ""),
    ],
)
def test_ciphers_get_the_names_of_openssl(java: str, openssl: str) -> None:
    assert openssl_ciphers(java) == openssl


def test_a_store_is_read_once_and_may_be_gone_then(tmp_path: Path) -> None:
    copy = tmp_path / "identity.jks"
    shutil.copy(_STORES / "identity.jks", copy)
    context = server_context(JKS | {"ssl.keystore.location": str(copy)})
    copy.unlink()

    assert not greet(context, client_context(truststore("trusted.jks")))
