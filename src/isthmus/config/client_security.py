"""Encryption and authentication of Kafka clients: from Java's settings to those of our clients.

parse_jaas()             the options in sasl.jaas.config
librdkafka_security()    for confluent-kafka
kafka_python_security()  for kafka-python
"""

import re
import ssl
import tempfile
from collections.abc import Mapping
from typing import Final

from isthmus.api.errors import ConfigError

_JAAS = re.compile(
    r"\s*([\w.$]+)\s+(required|requisite|sufficient|optional)\b(.*?);?\s*", re.DOTALL
)
_JAAS_OPTION = re.compile(
    r"""([\w.-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s;]+))"""
)
_PASSWORD_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

#: Settings that have another name, and the same text as value, in librdkafka.
_SAME_TEXT: Final[Mapping[str, str]] = {
    "ssl.truststore.certificates": "ssl.ca.pem",
    "ssl.keystore.key": "ssl.key.pem",
    "ssl.keystore.certificate.chain": "ssl.certificate.pem",
    "ssl.key.password": "ssl.key.password",
    "sasl.kerberos.service.name": "sasl.kerberos.service.name",
    "sasl.oauthbearer.client.credentials.client.id": "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.credentials.client.secret": "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.scope": "sasl.oauthbearer.scope",
    "sasl.oauthbearer.token.endpoint.url": "sasl.oauthbearer.token.endpoint.url",
}
#: The options of the OAuth login module, which older files use for the same.
_OAUTH_OPTIONS: Final[Mapping[str, str]] = {
    "clientId": "sasl.oauthbearer.client.id",
    "clientSecret": "sasl.oauthbearer.client.secret",
    "scope": "sasl.oauthbearer.scope",
}


def parse_jaas(text: str) -> dict[str, str]:
    """Return the options of the one login module that `sasl.jaas.config` names.

    Raises:
        ConfigError: The text is not `module required option="value" …;`. It is not repeated in
            the message, since it holds passwords.
    """
    match = _JAAS.fullmatch(text)
    if match is None:
        raise ConfigError(
            "Invalid value [hidden] for configuration sasl.jaas.config:"
            ' expected <login module> required <option>="<value>" ...;'
        )
    return {
        option[1]: _unescape(next(part for part in option.groups()[1:] if part is not None))
        for option in _JAAS_OPTION.finditer(match[3])
    }


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def librdkafka_security(props: Mapping[str, str]) -> dict[str, str]:
    """Return the settings for librdkafka.

    Raises:
        ConfigError: A store is not PEM, or credentials are missing.
    """
    protocol = _protocol(props)
    settings = {"security.protocol": protocol.lower()}
    if protocol.endswith("SSL"):
        settings |= _librdkafka_ssl(props)
    if protocol.startswith("SASL"):
        settings |= _librdkafka_sasl(props)
    return settings


def _librdkafka_ssl(props: Mapping[str, str]) -> dict[str, str]:
    settings = _same_text(props, "ssl.")
    if location := _pem_location(props, "truststore"):
        settings["ssl.ca.location"] = location
    if location := _pem_location(props, "keystore"):
        # One file holds the key and the chain, and OpenSSL picks what it needs.
        settings["ssl.key.location"] = settings["ssl.certificate.location"] = location
    if "ssl.endpoint.identification.algorithm" in props:
        algorithm = props["ssl.endpoint.identification.algorithm"].strip().lower()
        settings["ssl.endpoint.identification.algorithm"] = algorithm or "none"
    return settings


def _librdkafka_sasl(props: Mapping[str, str]) -> dict[str, str]:
    mechanism = _mechanism(props)
    settings = {"sasl.mechanism": mechanism}
    options = parse_jaas(props["sasl.jaas.config"]) if props.get("sasl.jaas.config") else {}
    if mechanism in _PASSWORD_MECHANISMS:
        username, password = _credentials(mechanism, options)
        return settings | {"sasl.username": username, "sasl.password": password}
    if mechanism == "OAUTHBEARER":
        settings |= {"sasl.oauthbearer.method": "oidc"} | _same_text(props, "sasl.oauthbearer.")
        for option, name in _OAUTH_OPTIONS.items():
            if option in options:
                settings.setdefault(name, options[option])
    elif mechanism == "GSSAPI":
        settings |= _same_text(props, "sasl.kerberos.")
        for option, name in (("principal", "principal"), ("keyTab", "keytab")):
            if option in options:
                settings[f"sasl.kerberos.{name}"] = options[option]
    return settings


def kafka_python_security(props: Mapping[str, str]) -> dict[str, object]:
    """Return the keyword arguments for the clients of kafka-python.

    Raises:
        ConfigError: A store is not PEM or cannot be read, credentials are missing, or the
            mechanism is not one that kafka-python can do.
    """
    protocol = _protocol(props)
    arguments: dict[str, object] = {"security_protocol": protocol}
    if protocol.endswith("SSL"):
        arguments["ssl_context"] = _ssl_context(props)
    if protocol.startswith("SASL"):
        mechanism = _mechanism(props)
        if mechanism not in _PASSWORD_MECHANISMS:
            raise ConfigError.invalid(
                "sasl.mechanism",
                mechanism,
                f"Group membership knows {', '.join(_PASSWORD_MECHANISMS)} only",
            )
        username, password = _credentials(mechanism, parse_jaas(props.get("sasl.jaas.config", "")))
        arguments |= {
            "sasl_mechanism": mechanism,
            "sasl_plain_username": username,
            "sasl_plain_password": password,
        }
    return arguments


def _ssl_context(props: Mapping[str, str]) -> ssl.SSLContext:
    truststore, keystore = _pem_location(props, "truststore"), _pem_location(props, "keystore")
    password = props.get("ssl.key.password")
    try:
        context = ssl.create_default_context(
            cafile=truststore, cadata=props.get("ssl.truststore.certificates")
        )
        if keystore:
            context.load_cert_chain(keystore, password=password)
        elif key := props.get("ssl.keystore.key"):
            # Python reads keys from files only; this one lives as long as the call.
            with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
                file.write(f"{key}\n{props.get('ssl.keystore.certificate.chain', '')}\n")
                file.flush()
                context.load_cert_chain(file.name, password=password)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"Could not load the certificates of ssl.truststore.location={truststore},"
            f" ssl.keystore.location={keystore}: {error}"
        ) from None
    if not props.get("ssl.endpoint.identification.algorithm", "https").strip():
        context.check_hostname = False
    return context


def _protocol(props: Mapping[str, str]) -> str:
    return props.get("security.protocol", "PLAINTEXT").strip().upper()


def _mechanism(props: Mapping[str, str]) -> str:
    return props.get("sasl.mechanism", "GSSAPI").strip().upper()


def _credentials(mechanism: str, options: Mapping[str, str]) -> tuple[str, str]:
    try:
        return options["username"], options["password"]
    except KeyError as error:
        raise ConfigError(
            f"sasl.jaas.config has no option {error.args[0]}, needed by sasl.mechanism={mechanism}"
        ) from None


def _pem_location(props: Mapping[str, str], store: str) -> str | None:
    """Return the file of a key or trust store; None if there is none.

    Raises:
        ConfigError: The store is of a format that only Java reads.
    """
    location = props.get(f"ssl.{store}.location", "").strip()
    store_type = props.get(f"ssl.{store}.type", "JKS").strip()
    if not location:
        return None
    if store_type.upper() != "PEM":
        raise ConfigError.invalid(
            f"ssl.{store}.type",
            store_type,
            f"only PEM can be read here; convert {location} to PEM and set ssl.{store}.type=PEM",
        )
    return location


def _same_text(props: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {
        name: props[key]
        for key, name in _SAME_TEXT.items()
        if key.startswith(prefix) and props.get(key)
    }
