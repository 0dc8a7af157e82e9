"""Kerberos (SASL GSSAPI): from Java's settings and login module to those of our clients.

check_kerberos()          what a worker lacks for it, before it starts
take_java_krb5_conf()     the krb5.conf that Java is told of, for MIT's library as well
librdkafka_kerberos()     for confluent-kafka, which has kinit fill the process's ticket cache
kafka_python_kerberos()   for kafka-python, which keeps tickets of a keytab in memory

Java: KerberosLogin, Krb5LoginModule.
"""

import importlib.util
import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from isthmus.api.errors import ConfigError
from isthmus.config.jaas import java_option

_MECHANISM: Final = "sasl.mechanism"
_KINIT: Final = "sasl.kerberos.kinit.cmd"
_SERVICE: Final = "sasl.kerberos.service.name"
_RELOGIN: Final = "sasl.kerberos.min.time.before.relogin"
_JAVA_KRB5_CONF: Final = "java.security.krb5.conf"
_KRB5_CONF: Final = "KRB5_CONFIG"
#: Clients of a worker, by the prefix of their settings; the first are the worker's own.
_PREFIXES: Final = ("", "producer.", "consumer.", "admin.")
_LIBRDKAFKA_LACKS: Final = (
    "the installed confluent-kafka has a librdkafka without GSSAPI, as its wheels do; build"
    " librdkafka with libsasl2 and install libsasl2-modules-gssapi-mit, then"
    " pip install --no-binary confluent-kafka confluent-kafka (docs/security.md, Kerberos)"
)
_GSSAPI_LACKS: Final = (
    "the worker's membership of its group needs the Python package gssapi, which is not"
    " installed: pip install 'isthmus[kerberos]' (it needs a compiler and libkrb5-dev)"
)


@dataclass(frozen=True, slots=True)
class KerberosLogin:
    """Who logs in, to which service; tickets come of the keytab, else of the ticket cache."""

    service: str
    principal: str | None
    keytab: str | None
    renews_ticket: bool

    @classmethod
    def of(cls, props: Mapping[str, str], options: Mapping[str, str]) -> "KerberosLogin":
        """Return what the settings and the options of the login module say.

        Raises:
            ConfigError: They do not go together, or the keytab cannot be read.
        """
        login = cls(
            service=_service(props.get(_SERVICE), options.get("serviceName")),
            principal=options.get("principal"),
            keytab=_keytab(options),
            renews_ticket=_is_true(options, "useTicketCache", "false"),
        )
        if login.keytab and not login.principal:
            raise ConfigError(
                "sasl.jaas.config has no option principal, needed by its option keyTab"
            )
        if not login.keytab:
            _check_ticket_cache(options.get("ticketCache"))
        return login


def librdkafka_kerberos(props: Mapping[str, str], options: Mapping[str, str]) -> dict[str, str]:
    """Return librdkafka's settings for GSSAPI.

    It runs kinit when a client is made, and again each `sasl.kerberos.min.time.before.relogin`.

    Raises:
        ConfigError: This librdkafka has no GSSAPI, there is no kinit, or the login is wrong.
    """
    if not librdkafka_has_gssapi():
        raise ConfigError.invalid(_MECHANISM, "GSSAPI", _LIBRDKAFKA_LACKS)
    login = KerberosLogin.of(props, options)
    settings = {_SERVICE: login.service}
    if login.principal:
        settings["sasl.kerberos.principal"] = login.principal
    if login.keytab and login.principal:
        settings["sasl.kerberos.keytab"] = login.keytab
        # A shell reads it, and a connector's config may have brought both names.
        settings[_KINIT] = shlex.join([_kinit(props), "-k", "-t", login.keytab, login.principal])
    elif login.renews_ticket:
        settings[_KINIT] = shlex.join([_kinit(props), "-R"])
    if _KINIT not in settings:
        settings[_RELOGIN] = "0"  # no kinit at all: someone else keeps the cache filled
    elif relogin := props.get(_RELOGIN):
        settings[_RELOGIN] = relogin
    return settings


def kafka_python_kerberos(
    props: Mapping[str, str], options: Mapping[str, str]
) -> dict[str, object]:
    """Return the keyword arguments of kafka-python's clients for GSSAPI.

    Raises:
        ConfigError: The package gssapi is missing, or the login is wrong.
    """
    if not has_gssapi_module():
        raise ConfigError.invalid(_MECHANISM, "GSSAPI", _GSSAPI_LACKS)
    # It imports kafka-python and gssapi.
    from isthmus.config.kerberos_login import login_service  # noqa: PLC0415

    login = KerberosLogin.of(props, options)
    return {
        "sasl_kerberos_service_name": login_service(login.service, login.principal, login.keytab)
    }


def check_kerberos(originals: Mapping[str, str]) -> None:
    """Check that what a worker's clients need for GSSAPI is installed, if one of them asks for it.

    Raises:
        ConfigError: Something is missing; the text says for which setting, and how to get it.
    """
    for prefix in _PREFIXES:
        if not _asks_for_kerberos(originals, prefix):
            continue
        key = f"{prefix}{_MECHANISM}"
        if not librdkafka_has_gssapi():
            raise ConfigError.invalid(key, "GSSAPI", _LIBRDKAFKA_LACKS)
        if not prefix and not has_gssapi_module():
            raise ConfigError.invalid(key, "GSSAPI", _GSSAPI_LACKS)


def take_java_krb5_conf() -> None:
    """Have Kerberos read the krb5.conf of KAFKA_OPTS, here and in processes started from now on.

    KRB5_CONFIG, which MIT's library goes by and Java does not know, counts if it is set.
    """
    path = java_option(_JAVA_KRB5_CONF)
    if path:
        os.environ.setdefault(_KRB5_CONF, path)


@cache
def librdkafka_has_gssapi() -> bool:
    """Return whether the installed librdkafka was built with libsasl2."""
    # Only what asks for Kerberos needs to know; other readers of settings come without a client.
    from confluent_kafka import KafkaException, Producer  # noqa: PLC0415

    try:
        # librdkafka refuses features that it was not built with, before it makes a client.
        Producer({"builtin.features": "sasl_gssapi", "log_level": 0})
    except KafkaException:
        return False
    return True


def has_gssapi_module() -> bool:
    """Return whether the package gssapi, which kafka-python uses, is installed."""
    return importlib.util.find_spec("gssapi") is not None


def _asks_for_kerberos(originals: Mapping[str, str], prefix: str) -> bool:
    protocol = originals.get(f"{prefix}security.protocol", "PLAINTEXT").strip().upper()
    mechanism = originals.get(f"{prefix}{_MECHANISM}", "GSSAPI").strip().upper()
    return protocol.startswith("SASL") and mechanism == "GSSAPI"


def _service(configured: str | None, of_module: str | None) -> str:
    if configured and of_module and configured != of_module:
        raise ConfigError(
            "Conflicting serviceName values found in JAAS and Kafka configs value in JAAS file"
            f" {of_module}, value in Kafka config {configured}"
        )
    return configured or of_module or "kafka"


def _keytab(options: Mapping[str, str]) -> str | None:
    """Return the path of the keytab, None if tickets come from a cache."""
    if not _is_true(options, "useKeyTab", "true" if "keyTab" in options else "false"):
        return None
    keytab = options.get("keyTab", "").removeprefix("FILE:").removeprefix("file:")
    if not keytab:
        raise ConfigError("sasl.jaas.config has no option keyTab, needed by its useKeyTab=true")
    if not os.access(keytab, os.R_OK):
        raise ConfigError(
            f"The keyTab of sasl.jaas.config, {keytab}, is not a file that can be read"
        )
    return keytab


def _check_ticket_cache(wanted: str | None) -> None:
    """Refuse another cache than the process's: librdkafka cannot be told one."""
    used = os.environ.get("KRB5CCNAME", f"/tmp/krb5cc_{os.getuid()}")
    if wanted and wanted.removeprefix("FILE:") != used.removeprefix("FILE:"):
        raise ConfigError(
            f"The ticketCache of sasl.jaas.config, {wanted}, is not the one of this process,"
            f" {used}: start the worker with KRB5CCNAME={wanted}"
        )


def _kinit(props: Mapping[str, str]) -> str:
    command = props.get(_KINIT) or "/usr/bin/kinit"
    if shutil.which(command) is None:
        raise ConfigError.invalid(
            _KINIT, command, "expected a program that can be run; install krb5-user, or name it"
        )
    return command


def _is_true(options: Mapping[str, str], name: str, default: str) -> bool:
    return options.get(name, default).strip().lower() == "true"
