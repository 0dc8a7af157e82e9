"""The settings that all converters with a registry have, as Confluent's and Apicurio's name them.

Both sets of names are accepted by all converters; where both are given, Confluent's count. An
Apicurio registry is spoken to by the API that it shares with Confluent's, under its own address,
unless ids are global ones, which only its own API has.

Apicurio's defaults depend on its version, which the address tells: converters of 2.x write global
ids in 8 bytes, those of 3.x content ids in 4.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from isthmus.api.config_def import ConfigDef, Importance, Range, Type
from isthmus.api.errors import ConfigError
from isthmus.converters.options import converter_config
from isthmus.converters.registry.subjects import SubjectName, subject_name
from isthmus.converters.registry.wire import ID_BYTES, LONG_ID_BYTES

URL: Final = "schema.registry.url"
SSL: Final = "schema.registry.ssl."
_TOPIC_NAMES: Final = "io.confluent.kafka.serializers.subject.TopicNameStrategy"

#: Apicurio's name → Confluent's, where values mean the same.
_SAME_MEANING: Final[Mapping[str, str]] = {
    "apicurio.registry.auto-register": "auto.register.schemas",
    "apicurio.registry.find-latest": "use.latest.version",
    "apicurio.registry.retry-count": "max.retries",
    "apicurio.registry.auth.service.token.endpoint": "bearer.auth.issuer.endpoint.url",
    "apicurio.registry.auth.client.id": "bearer.auth.client.id",
    "apicurio.registry.auth.client.secret": "bearer.auth.client.secret",
    "apicurio.registry.auth.client.scope": "bearer.auth.scope",
}
_APICURIO_SSL: Final = "apicurio.registry.request.ssl."
_APICURIO_URL: Final = "apicurio.registry.url"
_APICURIO_STRATEGY: Final = "apicurio.registry.artifact-resolver-strategy"
_APICURIO_ARTIFACT: Final = "apicurio.registry.artifact.artifact-id"
_APICURIO_GROUP: Final = "apicurio.registry.artifact.group-id"
_ID_HANDLER: Final = "apicurio.registry.id-handler"
_OWN_API: Final = re.compile(r"/apis/registry/v\d+/?$")
_SHARED_API: Final = "/apis/ccompat/v7"
_API_OF_2: Final = re.compile(r"/apis/registry/v2/?\s*$")
_USE_ID: Final = "apicurio.registry.use-id"
_IN_HEADERS: Final = "apicurio.registry.headers.enabled"
_AS_CONFLUENT: Final = "apicurio.registry.as-confluent"

#: The defaults in which Apicurio differs: it registers nothing unless told to.
_APICURIO_DEFAULTS: Final = {"auto.register.schemas": "false"}


@dataclass(frozen=True, slots=True)
class RegistryOptions:
    """What a converter's config says about its registry."""

    settings: Mapping[str, Any]
    auto_register: bool
    use_latest: bool
    check_latest: bool
    normalize: bool
    schema_id: int
    cache_size: int
    subject: SubjectName
    id_bytes: int
    #: Whether ids are Apicurio's global ones, instead of content ids or Confluent's.
    global_ids: bool

    @classmethod
    def from_config(
        cls, definition: ConfigDef, config: Mapping[str, str], *, is_key: bool
    ) -> "RegistryOptions":
        """Return the settings; names of Apicurio's are understood as well.

        Raises:
            ConfigError: One is missing or wrong.
        """
        config = in_confluent_names(config)
        parsed = definition.parse(config)
        side = "key" if is_key else "value"
        strategy = f"{side}.subject.name.strategy"
        _refuse_what_is_not_there(config)
        return cls(
            settings=parsed,
            auto_register=parsed["auto.register.schemas"] is True,
            use_latest=parsed["use.latest.version"] is True,
            check_latest=parsed["latest.compatibility.strict"] is True,
            normalize=parsed["normalize.schemas"] is True,
            schema_id=int(str(parsed["use.schema.id"])),
            cache_size=int(str(parsed["schemas.cache.size"])),
            subject=_subject(config, strategy, str(parsed[strategy])),
            id_bytes=_id_bytes(config),
            global_ids=_global_ids(config),
        )


def in_confluent_names(config: Mapping[str, str]) -> dict[str, str]:
    """Return the config with what it says in Apicurio's names said in Confluent's, too."""
    url = config.get(_APICURIO_URL)
    if url is None:
        return dict(config)
    translated = {
        **_APICURIO_DEFAULTS,
        URL: ",".join(_OWN_API.sub(_SHARED_API, one.strip()) for one in url.split(",")),
    }
    for name, value in config.items():
        if name in _SAME_MEANING:
            translated[_SAME_MEANING[name]] = value
        elif name.startswith(_APICURIO_SSL):
            translated[SSL + name.removeprefix(_APICURIO_SSL)] = value
    if "bearer.auth.issuer.endpoint.url" in translated:
        translated["bearer.auth.credentials.source"] = "OAUTHBEARER"
    username = config.get("apicurio.registry.auth.username")
    if username is not None:
        password = config.get("apicurio.registry.auth.password", "")
        translated["basic.auth.credentials.source"] = "USER_INFO"
        translated["basic.auth.user.info"] = f"{username}:{password}"
    return {**translated, **config}


def _subject(config: Mapping[str, str], setting: str, class_name: str) -> SubjectName:
    fixed = config.get(_APICURIO_ARTIFACT)
    if fixed:
        return lambda topic, is_key, record: fixed
    if _APICURIO_STRATEGY in config:
        return subject_name(_APICURIO_STRATEGY, config[_APICURIO_STRATEGY])
    return subject_name(setting, class_name)


def _id_bytes(config: Mapping[str, str]) -> int:
    handler = config.get(_ID_HANDLER, "").rpartition(".")[2]
    if not handler and _is_of_2(config) and config.get(_AS_CONFLUENT, "").lower() != "true":
        return LONG_ID_BYTES
    if handler in {"", "Default4ByteIdHandler", "Legacy4ByteIdHandler"}:
        return ID_BYTES
    if handler in {"DefaultIdHandler", "Legacy8ByteIdHandler"}:
        return LONG_ID_BYTES
    raise ConfigError.invalid(
        _ID_HANDLER,
        config[_ID_HANDLER],
        "Expected Default4ByteIdHandler, Legacy4ByteIdHandler, DefaultIdHandler or"
        " Legacy8ByteIdHandler",
    )


def _global_ids(config: Mapping[str, str]) -> bool:
    used = config.get(_USE_ID, "").strip()
    known = {"globalid": True, "contentid": False, "": _is_of_2(config)}
    if used.lower() not in known:
        raise ConfigError.invalid(_USE_ID, used, "Expected globalId or contentId")
    return known[used.lower()]


def _is_of_2(config: Mapping[str, str]) -> bool:
    return _API_OF_2.search(config.get(_APICURIO_URL, "")) is not None


def _refuse_what_is_not_there(config: Mapping[str, str]) -> None:
    """Raise for settings that would change the bytes and that are not supported."""
    in_headers = config.get(_IN_HEADERS, "")
    if in_headers.strip().lower() == "true":
        raise ConfigError.invalid(
            _IN_HEADERS, in_headers, "Schema ids in headers are not supported"
        )
    group = config.get(_APICURIO_GROUP, "default")
    if group != "default":
        raise ConfigError.invalid(_APICURIO_GROUP, group, "Only the group default is supported")


def registry_config() -> ConfigDef:
    """Return the definition of the settings that all converters with a registry have."""
    definition = converter_config()
    for name, type_, default, documentation in _SETTINGS:
        definition.define(
            name,
            type_,
            default,
            importance=Importance.HIGH if name == URL else Importance.MEDIUM,
            documentation=documentation,
            validator=_AT_LEAST.get(name),
        )
    return definition


_AT_LEAST: Final = {"schemas.cache.size": Range.at_least(1), "max.retries": Range.at_least(0)}

_SETTINGS: Final = (
    (URL, Type.STRING, "", "Addresses of the registry, separated by commas; tried in this order."),
    (
        "auto.register.schemas",
        Type.BOOLEAN,
        True,
        "Register the schemas of written data; without it they must stand in the registry.",
    ),
    (
        "use.latest.version",
        Type.BOOLEAN,
        False,
        "Write with the subject's latest schema instead of the data's own; only when"
        " auto.register.schemas is false.",
    ),
    (
        "latest.compatibility.strict",
        Type.BOOLEAN,
        True,
        "Fail if the latest schema cannot hold all that the data's own schema has.",
    ),
    (
        "use.schema.id",
        Type.INT,
        -1,
        "Write with the schema of this id; only when auto.register.schemas is false.",
    ),
    (
        "normalize.schemas",
        Type.BOOLEAN,
        False,
        "Have the registry compare schemas in a normal form.",
    ),
    (
        "key.subject.name.strategy",
        Type.STRING,
        _TOPIC_NAMES,
        "The class that names the subject of keys.",
    ),
    (
        "value.subject.name.strategy",
        Type.STRING,
        _TOPIC_NAMES,
        "The class that names the subject of values.",
    ),
    ("schemas.cache.size", Type.INT, 1000, "How many schemas are kept ready, each way."),
    (
        "basic.auth.credentials.source",
        Type.STRING,
        "URL",
        "Where user and password stand: URL, USER_INFO or SASL_INHERIT.",
    ),
    ("basic.auth.user.info", Type.PASSWORD, None, "`user:password`, for USER_INFO."),
    ("sasl.jaas.config", Type.PASSWORD, None, "The login module, for SASL_INHERIT."),
    (
        "bearer.auth.credentials.source",
        Type.STRING,
        None,
        "Where a bearer token comes from: STATIC_TOKEN or OAUTHBEARER.",
    ),
    ("bearer.auth.token", Type.PASSWORD, None, "The token, for STATIC_TOKEN."),
    ("bearer.auth.issuer.endpoint.url", Type.STRING, None, "Who gives tokens, for OAUTHBEARER."),
    ("bearer.auth.client.id", Type.STRING, None, "The client's id, for OAUTHBEARER."),
    ("bearer.auth.client.secret", Type.PASSWORD, None, "The client's secret, for OAUTHBEARER."),
    ("bearer.auth.scope", Type.STRING, None, "The scope to ask for, for OAUTHBEARER."),
    ("bearer.auth.logical.cluster", Type.STRING, None, "The registry's cluster, with a token."),
    ("bearer.auth.identity.pool.id", Type.STRING, None, "The identity pool, with a token."),
    (f"{SSL}truststore.location", Type.STRING, None, "The file with the certificates to trust."),
    (f"{SSL}truststore.type", Type.STRING, "JKS", "What it is: JKS, PKCS12 or PEM."),
    (f"{SSL}truststore.password", Type.PASSWORD, None, "The password of that file."),
    (f"{SSL}truststore.certificates", Type.PASSWORD, None, "The certificates themselves, PEM."),
    (f"{SSL}keystore.location", Type.STRING, None, "The file with our key and certificate."),
    (f"{SSL}keystore.type", Type.STRING, "JKS", "What it is: JKS, PKCS12 or PEM."),
    (f"{SSL}keystore.password", Type.PASSWORD, None, "The password of that file."),
    (f"{SSL}keystore.key", Type.PASSWORD, None, "The key itself, PEM."),
    (f"{SSL}keystore.certificate.chain", Type.PASSWORD, None, "Its certificates, PEM."),
    (f"{SSL}key.password", Type.PASSWORD, None, "The password of the key."),
    ("proxy.host", Type.STRING, None, "An HTTP proxy on the way to the registry."),
    ("proxy.port", Type.INT, -1, "The port of the proxy."),
    ("max.retries", Type.INT, 3, "How often a request that may succeed later is sent again."),
    ("retries.wait.ms", Type.INT, 1000, "The first pause before that, doubled each time."),
    ("retries.max.wait.ms", Type.INT, 20000, "The longest such pause."),
    ("http.read.timeout.ms", Type.INT, 60000, "How long an answer may take."),
)
