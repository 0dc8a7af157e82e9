import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from isthmus.api.errors import ConfigError
from isthmus.config import kerberos
from isthmus.config.client_security import (
    kafka_python_security,
    librdkafka_security,
    without_effect,
)
from isthmus.config.kerberos import KerberosLogin, check_kerberos, take_java_krb5_conf

_LOGIN = "com.sun.security.auth.module.Krb5LoginModule required"
_KERBEROS = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "GSSAPI"}


@pytest.fixture
def keytab(tmp_path: Path) -> Path:
    file = tmp_path / "my own.keytab"
    file.touch()
    return file


@pytest.fixture
def with_gssapi(monkeypatch: pytest.MonkeyPatch) -> None:
    """Translate as with a librdkafka that has GSSAPI, whatever this one is."""
    monkeypatch.setattr(kerberos, "librdkafka_has_gssapi", lambda: True)


def kinit() -> dict[str, str]:
    """Name a program that is everywhere; nobody runs it."""
    return {"sasl.kerberos.kinit.cmd": shutil.which("true") or "true"}


@pytest.mark.usefixtures("with_gssapi")
def test_a_keytab_is_given_to_librdkafka_with_the_command_that_reads_it(keytab: Path) -> None:
    props = _KERBEROS | kinit()
    props["sasl.kerberos.min.time.before.relogin"] = "5000"
    props["sasl.jaas.config"] = (
        f'{_LOGIN} useKeyTab=true keyTab="{keytab}" principal="c@X" serviceName="bus";'
    )

    assert librdkafka_security(props) == {
        "security.protocol": "sasl_plaintext",
        "sasl.mechanism": "GSSAPI",
        "sasl.kerberos.service.name": "bus",
        "sasl.kerberos.principal": "c@X",
        "sasl.kerberos.keytab": str(keytab),
        "sasl.kerberos.kinit.cmd": f"{shutil.which('true')} -k -t '{keytab}' c@X",
        "sasl.kerberos.min.time.before.relogin": "5000",
    }


@pytest.mark.usefixtures("with_gssapi")
def test_a_principal_cannot_bring_a_command_of_its_own(keytab: Path) -> None:
    props = _KERBEROS | kinit()
    props["sasl.jaas.config"] = f'{_LOGIN} keyTab="{keytab}" principal="c; reboot";'

    assert librdkafka_security(props)["sasl.kerberos.kinit.cmd"].endswith(" 'c; reboot'")


@pytest.mark.usefixtures("with_gssapi")
def test_tickets_of_the_cache_are_renewed_if_the_login_module_uses_it() -> None:
    renewing = {"sasl.jaas.config": f"{_LOGIN} useTicketCache=true;"}
    passive = {"sasl.jaas.config": f"{_LOGIN} doNotPrompt=true;"}

    settings = librdkafka_security(_KERBEROS | kinit() | renewing)
    assert settings["sasl.kerberos.kinit.cmd"].endswith(" -R")
    settings = librdkafka_security(_KERBEROS | passive)
    assert settings["sasl.kerberos.min.time.before.relogin"] == "0"
    assert "sasl.kerberos.kinit.cmd" not in settings


def test_a_ticket_cache_must_be_the_one_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRB5CCNAME", "FILE:/run/tickets")

    assert KerberosLogin.of({}, {"ticketCache": "/run/tickets"}).keytab is None
    with pytest.raises(ConfigError) as caught:
        KerberosLogin.of({}, {"ticketCache": "/run/others"})
    assert str(caught.value) == (
        "The ticketCache of sasl.jaas.config, /run/others, is not the one of this process,"
        " FILE:/run/tickets: start the worker with KRB5CCNAME=/run/others"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"useKeyTab": "true"},
            "sasl.jaas.config has no option keyTab, needed by its useKeyTab=true",
        ),
        (
            {"keyTab": "/nowhere"},
            "The keyTab of sasl.jaas.config, /nowhere, is not a file that can be read",
        ),
        (
            {"keyTab": "/dev/null"},
            "sasl.jaas.config has no option principal, needed by its option keyTab",
        ),
        (
            {"serviceName": "bus"},
            "Conflicting serviceName values found in JAAS and Kafka configs value in JAAS file"
            " bus, value in Kafka config kafka",
        ),
    ],
)
def test_what_a_login_lacks_is_told(options: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        KerberosLogin.of({"sasl.kerberos.service.name": "kafka"}, options)

    assert str(caught.value) == message


@pytest.mark.usefixtures("with_gssapi")
def test_a_kinit_that_is_not_there_is_named(keytab: Path) -> None:
    props = _KERBEROS | {"sasl.kerberos.kinit.cmd": "/nowhere/kinit"}
    props["sasl.jaas.config"] = f'{_LOGIN} keyTab="{keytab}" principal="c@X";'

    with pytest.raises(ConfigError, match=r"/nowhere/kinit .* sasl\.kerberos\.kinit\.cmd: .*krb5"):
        librdkafka_security(props)


def lacks_librdkafka(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(kerberos, "librdkafka_has_gssapi", lambda: False)


def lacks_module(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(kerberos, "librdkafka_has_gssapi", lambda: True)
    patch.setattr(kerberos, "has_gssapi_module", lambda: False)


@pytest.mark.parametrize(
    ("prefix", "lacks", "remedy"),
    [
        ("", lacks_librdkafka, "pip install --no-binary confluent-kafka confluent-kafka"),
        ("consumer.", lacks_librdkafka, "build librdkafka with libsasl2"),
        ("admin.", lacks_librdkafka, "libsasl2-modules-gssapi-mit"),
        ("", lacks_module, "pip install 'isthmus[kerberos]'"),
    ],
)
def test_a_worker_that_lacks_kerberos_is_told_for_which_setting_and_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
    prefix: str,
    lacks: Callable[[pytest.MonkeyPatch], None],
    remedy: str,
) -> None:
    lacks(monkeypatch)

    with pytest.raises(ConfigError) as caught:
        check_kerberos({f"{prefix}{key}": value for key, value in _KERBEROS.items()})

    text = str(caught.value)
    assert text.startswith(f"Invalid value GSSAPI for configuration {prefix}sasl.mechanism: ")
    assert remedy in text
    assert "\n" not in text


def test_who_does_not_ask_for_kerberos_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lacks_librdkafka(monkeypatch)

    check_kerberos({"sasl.mechanism": "GSSAPI"})
    check_kerberos({"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"})
    with pytest.raises(ConfigError, match=r"GSSAPI for configuration sasl\.mechanism"):
        librdkafka_security(_KERBEROS)


def test_kafka_python_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    lacks_module(monkeypatch)

    with pytest.raises(ConfigError, match=r"isthmus\[kerberos\]"):
        kafka_python_security(_KERBEROS)


def test_when_tickets_are_renewed_is_not_for_us_to_say() -> None:
    key = "sasl.kerberos.ticket.renew.window.factor"

    assert without_effect(_KERBEROS | {key: "0.5"}) == [key]
    assert without_effect(_KERBEROS | {key: "0.8"}) == []


@pytest.mark.parametrize(
    ("opts", "before", "after"),
    [
        ("-Xmx1g -Djava.security.krb5.conf=/k/krb5.conf", None, "/k/krb5.conf"),
        ("-Djava.security.krb5.conf=/k/krb5.conf", "/mine.conf", "/mine.conf"),
        ("-Djava.security.krb5.conf=", None, None),
        ("-Xmx1g", None, None),
    ],
)
def test_the_krb5_conf_that_java_is_told_of_counts(
    opts: str, before: str | None, after: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRB5_CONFIG", before or "")
    if before is None:
        monkeypatch.delenv("KRB5_CONFIG")
    monkeypatch.setenv("KAFKA_OPTS", opts)

    take_java_krb5_conf()

    assert os.environ.get("KRB5_CONFIG") == after
