"""Encryption and authentication of Kafka clients: from Java's settings to those of our clients.

librdkafka_security()    for confluent-kafka; keys and certificates go as PEM text
kafka_python_security()  for kafka-python
without_effect()         what neither of them can do

The login is that of `sasl.jaas.config`, or of the context KafkaClient in the login file that
KAFKA_OPTS names, as for Java.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from isthmus.api.config_def import ConfigDef, to_text
from isthmus.api.errors import ConfigError
from isthmus.config.jaas import (
    LOGIN_FILE_OPTION,
    java_option,
    parse_login_module,
    read_login_file,
)
from isthmus.config.kerberos import kafka_python_kerberos, librdkafka_kerberos
from isthmus.config.key_stores import read_identity, read_trusted
from isthmus.config.security_def import define_sasl_settings, define_ssl_settings
from isthmus.config.tls import client_context, openssl_ciphers

_PASSWORD_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_MECHANISMS: Final = (*_PASSWORD_MECHANISMS, "OAUTHBEARER", "GSSAPI")

_OAUTH: Final = "org.apache.kafka.common.security.oauthbearer."
_ASSERTION: Final = "sasl.oauthbearer.assertion."
#: Settings that have another name, and the same text as value, in librdkafka.
_SAME_TEXT: Final[Mapping[str, str]] = {
    "sasl.oauthbearer.client.credentials.client.id": "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.credentials.client.secret": "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.scope": "sasl.oauthbearer.scope",
    "sasl.oauthbearer.token.endpoint.url": "sasl.oauthbearer.token.endpoint.url",
    f"{_ASSERTION}algorithm": f"{_ASSERTION}algorithm",
    f"{_ASSERTION}claim.aud": f"{_ASSERTION}claim.aud",
    f"{_ASSERTION}claim.exp.seconds": f"{_ASSERTION}claim.exp.seconds",
    f"{_ASSERTION}claim.iss": f"{_ASSERTION}claim.iss",
    f"{_ASSERTION}claim.jti.include": f"{_ASSERTION}claim.jti.include",
    f"{_ASSERTION}claim.nbf.seconds": f"{_ASSERTION}claim.nbf.seconds",
    f"{_ASSERTION}claim.sub": f"{_ASSERTION}claim.sub",
    f"{_ASSERTION}file": f"{_ASSERTION}file",
    f"{_ASSERTION}private.key.file": f"{_ASSERTION}private.key.file",
    f"{_ASSERTION}private.key.passphrase": f"{_ASSERTION}private.key.passphrase",
    f"{_ASSERTION}template.file": f"{_ASSERTION}jwt.template.file",
}
#: The options of the OAuth login module, which older files use for the same.
_OAUTH_OPTIONS: Final[Mapping[str, str]] = {
    "clientId": "sasl.oauthbearer.client.credentials.client.id",
    "clientSecret": "sasl.oauthbearer.client.credentials.client.secret",
    "scope": "sasl.oauthbearer.scope",
}
_JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
#: The option that stands for a token which nobody signs, for tests of a cluster.
_UNSECURED_SUBJECT: Final = "unsecuredLoginStringClaim_sub"
_EXTENSION: Final = "extension_"

#: What a user of the Java client may rely on, and librdkafka does not have; unless the value is
#: one of those here, beside the default, which ask for what is done anyway.
_WITHOUT_COUNTERPART: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "ssl.protocol": frozenset({"TLS", "TLSv1.2"}),
        "ssl.enabled.protocols": frozenset({"TLSv1.3,TLSv1.2"}),
        "ssl.engine.factory.class": frozenset(),
        "sasl.client.callback.handler.class": frozenset(),
        "sasl.login.callback.handler.class": frozenset(
            {
                f"{_OAUTH}OAuthBearerLoginCallbackHandler",
                f"{_OAUTH}secured.OAuthBearerLoginCallbackHandler",
            }
        ),
        "sasl.kerberos.ticket.renew.jitter": frozenset(),
        "sasl.kerberos.ticket.renew.window.factor": frozenset(),
        "sasl.login.class": frozenset(),
        "sasl.login.connect.timeout.ms": frozenset(),
        "sasl.login.read.timeout.ms": frozenset(),
        "sasl.login.retry.backoff.ms": frozenset(),
        "sasl.login.retry.backoff.max.ms": frozenset(),
        "sasl.oauthbearer.header.urlencode": frozenset(),
    }
)


def without_effect(props: Mapping[str, str]) -> list[str]:
    """Return the settings for TLS and SASL which the user has made in vain."""
    protocol = _protocol(props)
    in_use = (("ssl.", protocol.endswith("SSL")), ("sasl.", protocol.startswith("SASL")))
    prefixes = tuple(prefix for prefix, used in in_use if used)
    return [
        key
        for key, values in _WITHOUT_COUNTERPART.items()
        if key in props and key.startswith(prefixes) and not _is_usual(key, props[key], values)
    ]


def _is_usual(key: str, value: str, usual: frozenset[str]) -> bool:
    text = ",".join(part.strip() for part in value.split(","))
    return text in usual or text == (_DEFAULTS[key] or "")


def _defaults() -> Mapping[str, str | None]:
    definition = ConfigDef()
    define_ssl_settings(definition)
    define_sasl_settings(definition)
    return {key.name: to_text(key.default, key.type) for key in definition}


_DEFAULTS: Final = _defaults()


def librdkafka_security(props: Mapping[str, str]) -> dict[str, str]:
    """Return the settings for librdkafka.

    Raises:
        ConfigError: A store cannot be read, credentials are missing, or the mechanism is unknown.
    """
    protocol = _protocol(props)
    settings = {"security.protocol": protocol.lower()}
    if protocol.endswith("SSL"):
        settings |= _librdkafka_ssl(props)
    if protocol.startswith("SASL"):
        settings |= _librdkafka_sasl(props)
    return settings


def _librdkafka_ssl(props: Mapping[str, str]) -> dict[str, str]:
    settings: dict[str, str] = {}
    if trusted := read_trusted(props):
        settings["ssl.ca.pem"] = trusted
    if identity := read_identity(props):
        settings |= {"ssl.key.pem": identity.key, "ssl.certificate.pem": identity.chain}
        if identity.password:
            settings["ssl.key.password"] = identity.password
    if ciphers := openssl_ciphers(props.get("ssl.cipher.suites", "")):
        settings["ssl.cipher.suites"] = ciphers
    if "ssl.endpoint.identification.algorithm" in props:
        algorithm = props["ssl.endpoint.identification.algorithm"].strip().lower()
        settings["ssl.endpoint.identification.algorithm"] = algorithm or "none"
    return settings


def _librdkafka_sasl(props: Mapping[str, str]) -> dict[str, str]:
    mechanism = _mechanism(props)
    settings = {"sasl.mechanism": mechanism}
    options = _login_options(props)
    if mechanism in _PASSWORD_MECHANISMS:
        username, password = _credentials(mechanism, options)
        return settings | {"sasl.username": username, "sasl.password": password}
    if mechanism == "OAUTHBEARER":
        return settings | _librdkafka_oauth(props, options)
    return settings | librdkafka_kerberos(props, options)


def _librdkafka_oauth(props: Mapping[str, str], options: Mapping[str, str]) -> dict[str, str]:
    settings: dict[str, str] = {}
    if extensions := _extensions(options):
        pairs = [f"{name}={value}" for name, value in extensions.items()]
        settings["sasl.oauthbearer.extensions"] = ",".join(pairs)
    if subject := _unsecured_subject(props, options):
        return settings | {
            "enable.sasl.oauthbearer.unsecure.jwt": "true",
            "sasl.oauthbearer.config": f"principal={subject}",
        }
    wanted = _oauth_props(props, options)
    settings |= {"sasl.oauthbearer.method": "oidc"} | _same_text(wanted, "sasl.oauthbearer.")
    if _uses_assertion(wanted):
        settings["sasl.oauthbearer.grant.type"] = _JWT_BEARER
    if trusted := read_trusted(options):
        settings["https.ca.pem"] = trusted
    return settings


def kafka_python_security(props: Mapping[str, str]) -> dict[str, object]:
    """Return the keyword arguments for the clients of kafka-python.

    Raises:
        ConfigError: A store cannot be read, credentials are missing, or the mechanism is not one
            that kafka-python can do.
    """
    protocol = _protocol(props)
    arguments: dict[str, object] = {"security_protocol": protocol}
    if protocol.endswith("SSL"):
        arguments["ssl_context"] = client_context(props)
    if protocol.startswith("SASL"):
        arguments |= _kafka_python_sasl(props)
    return arguments


def _kafka_python_sasl(props: Mapping[str, str]) -> dict[str, object]:
    mechanism = _mechanism(props)
    options = _login_options(props)
    arguments: dict[str, object] = {"sasl_mechanism": mechanism}
    if mechanism in _PASSWORD_MECHANISMS:
        username, password = _credentials(mechanism, options)
        return arguments | {"sasl_plain_username": username, "sasl_plain_password": password}
    if mechanism == "OAUTHBEARER":
        return arguments | {"sasl_oauth_token_provider": _token_provider(props, options)}
    return arguments | kafka_python_kerberos(props, options)


def _token_provider(props: Mapping[str, str], options: Mapping[str, str]) -> object:
    # Only the worker's membership of its group needs it; it brings urllib3 and kafka-python.
    from isthmus.config.oauth import token_provider, unsecured_token_provider  # noqa: PLC0415
    from isthmus.config.oauth_assertion import assertion_source  # noqa: PLC0415

    extensions = _extensions(options)
    if subject := _unsecured_subject(props, options):
        return unsecured_token_provider(subject, extensions)
    wanted = _oauth_props(props, options)
    assertion = assertion_source(wanted) if _uses_assertion(wanted) else None
    return token_provider(wanted, assertion, extensions, client_context(options))


def _protocol(props: Mapping[str, str]) -> str:
    return props.get("security.protocol", "PLAINTEXT").strip().upper()


def _mechanism(props: Mapping[str, str]) -> str:
    mechanism = props.get("sasl.mechanism", "GSSAPI").strip().upper()
    if mechanism not in _MECHANISMS:
        raise ConfigError.invalid(
            "sasl.mechanism", mechanism, f"expected one of {', '.join(_MECHANISMS)}"
        )
    return mechanism


def _login_options(props: Mapping[str, str]) -> Mapping[str, str]:
    """Return the options of the login module, none if no login is configured."""
    if text := props.get("sasl.jaas.config"):
        return parse_login_module(text).options
    path = java_option(LOGIN_FILE_OPTION)
    modules = read_login_file(path).get("KafkaClient") if path else None
    return modules[0].options if modules else {}


def _credentials(mechanism: str, options: Mapping[str, str]) -> tuple[str, str]:
    try:
        return options["username"], options["password"]
    except KeyError as error:
        raise ConfigError(
            f"sasl.jaas.config has no option {error.args[0]}, needed by sasl.mechanism={mechanism}"
        ) from None


def _extensions(options: Mapping[str, str]) -> dict[str, str]:
    """Return the SASL extensions, which some clusters need to be told apart (KIP-342)."""
    return {
        key.removeprefix(_EXTENSION): value
        for key, value in options.items()
        if key.startswith(_EXTENSION)
    }


def _unsecured_subject(props: Mapping[str, str], options: Mapping[str, str]) -> str | None:
    has_endpoint = bool(props.get("sasl.oauthbearer.token.endpoint.url"))
    return None if has_endpoint else options.get(_UNSECURED_SUBJECT)


def _oauth_props(props: Mapping[str, str], options: Mapping[str, str]) -> dict[str, str]:
    """Return `props` with what the login module says in their place, where they say nothing.

    Raises:
        ConfigError: No identity provider that could be asked is named.
    """
    wanted = {key: value for key, value in props.items() if value}
    for option, key in _OAUTH_OPTIONS.items():
        if option in options:
            wanted.setdefault(key, options[option])
    url = wanted.get("sasl.oauthbearer.token.endpoint.url", "")
    if not url.startswith(("http://", "https://")):
        raise ConfigError.invalid(
            "sasl.oauthbearer.token.endpoint.url",
            url or None,
            "expected the http or https URL of an identity provider",
        )
    needed = () if _uses_assertion(wanted) else tuple(_OAUTH_OPTIONS.values())[:2]
    for key in needed:
        if key not in wanted:
            raise ConfigError(f"{key} is missing, needed by sasl.mechanism=OAUTHBEARER")
    return wanted


def _uses_assertion(props: Mapping[str, str]) -> bool:
    """Return whether a signed assertion takes the place of a client secret (KIP-1139)."""
    retriever = props.get("sasl.oauthbearer.jwt.retriever.class", "")
    return retriever.endswith("JwtBearerJwtRetriever")


def _same_text(props: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {
        name: props[key]
        for key, name in _SAME_TEXT.items()
        if key.startswith(prefix) and props.get(key)
    }
