"""The registry itself: schemas by id and by subject, with the schemas that they refer to.

The client of confluent-kafka speaks to it. It tries the addresses in turn, tries again what may
succeed later, and keeps what it has read. What then still fails for a reason of the moment becomes
a `RetriableError`, so that `errors.retry.timeout` of the connector decides.
"""

import ssl
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

import httpx2
from confluent_kafka.schema_registry import Schema as RegistrySchema
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.error import OAuthTokenError, SchemaRegistryError

from isthmus.api.config_def import Password
from isthmus.api.errors import ConfigError, DataError, RetriableError
from isthmus.config.jaas import parse_login_module
from isthmus.config.key_stores import read_identity, read_trusted
from isthmus.config.tls import as_file
from isthmus.converters.registry.config import SSL, URL, RegistryOptions

#: Also of mock:// addresses; its own annotations leave open what the dict is of.
_new_client = cast(
    "Callable[[dict[str, Any]], SchemaRegistryClient]",
    SchemaRegistryClient.new_client,  # pyright: ignore[reportUnknownMemberType]
)

#: Too many requests, and what a proxy or a registry answers while somebody starts it.
_LATER: Final = frozenset({408, 429, 500, 502, 503, 504})
_REFUSED: Final = frozenset({401, 403})


class SchemaNotFoundError(DataError):
    """The registry has no such schema, or the subject has it not."""


@dataclass(frozen=True, slots=True)
class StoredSchema:
    """A schema as it stands in the registry; `references` by the names that its text uses."""

    kind: str
    text: str
    references: "Mapping[str, StoredSchema]"


class Registry:
    """A schema registry as a converter needs it. For one thread."""

    def __init__(
        self, options: RegistryOptions, addressed: Callable[[str], str] = str.strip
    ) -> None:
        """Prepare; nothing is asked yet. `addressed` may change the addresses of the config.

        Raises:
            ConfigError: An address, a credential or a certificate is missing or wrong.
        """
        self._normalize = options.normalize
        conf = _client_config(options.settings)
        conf["url"] = addressed(conf["url"])
        try:
            with _certificates(options.settings) as certificates:
                self._client = _new_client({**conf, **certificates})
        except (ValueError, TypeError, OSError) as error:  # OSError: a file, or ssl's own errors
            raise ConfigError(f"The schema registry at {conf['url']}: {error}") from error
        self._urls = str(conf["url"])

    def schema(self, schema_id: int) -> StoredSchema:
        """Return the schema of this id.

        Raises:
            SchemaNotFoundError: There is none.
            RetriableError: The registry cannot be asked now.
            DataError: It refuses to tell.
        """
        return self._stored(self._ask(f"schema {schema_id}", self._client.get_schema, schema_id))

    def register(self, subject: str, kind: str, text: str) -> int:
        """Register a schema, if the subject has it not yet, and return its id.

        Raises:
            DataError: It is not compatible with what the subject has, or is no schema.
            RetriableError: The registry cannot be asked now.
        """
        schema = RegistrySchema(text, kind)
        what = f"registering a schema for subject {subject}"
        return self._ask(what, self._client.register_schema, subject, schema, self._normalize)

    def find(self, subject: str, kind: str, text: str) -> int:
        """Return the id of a schema that the subject has.

        Raises:
            SchemaNotFoundError: It has it not.
            RetriableError: The registry cannot be asked now.
            DataError: It refuses to tell.
        """
        what = f"a schema of subject {subject}"
        schema = RegistrySchema(text, kind)
        return self._ask(
            what, self._client.lookup_schema, subject, schema, self._normalize
        ).schema_id

    def latest(self, subject: str) -> tuple[int, StoredSchema]:
        """Return id and schema of the subject's latest version.

        Raises:
            SchemaNotFoundError: There is no such subject.
            RetriableError: The registry cannot be asked now.
            DataError: It refuses to tell.
        """
        what = f"the latest version of subject {subject}"
        found = self._ask(what, self._client.get_latest_version, subject)
        return found.schema_id, self._stored(found.schema)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _stored(self, schema: RegistrySchema) -> StoredSchema:
        references: dict[str, StoredSchema] = {}
        for reference in schema.references or ():
            what = f"version {reference.version} of subject {reference.subject}, a reference"
            found = self._ask(what, self._client.get_version, reference.subject, reference.version)
            references[str(reference.name)] = self._stored(found.schema)
        return StoredSchema(schema.schema_type or "AVRO", schema.schema_str or "", references)

    def _ask(self, what: str, request: Any, *arguments: Any) -> Any:
        try:
            return request(*arguments)
        except SchemaRegistryError as error:
            raise self._refusal(what, error) from error
        except (httpx2.HTTPError, OAuthTokenError) as error:
            raise RetriableError(
                f"The schema registry at {self._urls} cannot be asked for {what}:"
                f" {type(error).__name__}: {error}"
            ) from error

    def _refusal(self, what: str, error: SchemaRegistryError) -> Exception:
        status, code = error.http_status_code, error.error_code
        text = (
            f"The schema registry at {self._urls}, {what}: {error.error_message};"
            f" error code: {code if code not in (None, -1) else status}"
        )
        if status == 404:
            return SchemaNotFoundError(text)
        if status in _REFUSED:
            return DataError(f"{text} (check the credentials in the converter's configuration)")
        return RetriableError(text) if status in _LATER else DataError(text)


def _client_config(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what confluent-kafka's client is to be made with."""
    urls = _urls(settings)
    conf: dict[str, Any] = {
        "url": urls,
        "timeout": settings["http.read.timeout.ms"] / 1000,
        "max.retries": settings["max.retries"],
        "retries.wait.ms": settings["retries.wait.ms"],
        "retries.max.wait.ms": settings["retries.max.wait.ms"],
        "cache.capacity": settings["schemas.cache.size"],
        **_credentials(settings),
    }
    if settings["proxy.host"]:
        conf["proxy"] = f"http://{settings['proxy.host']}:{settings['proxy.port']}"
    return conf


def _urls(settings: Mapping[str, Any]) -> str:
    urls = str(settings[URL]).strip()
    if not urls:
        raise ConfigError(
            f'Missing required configuration "{URL}" (or Apicurio\'s "apicurio.registry.url")'
            " which has no default value."
        )
    return urls


def _credentials(settings: Mapping[str, Any]) -> dict[str, Any]:
    bearer = settings["bearer.auth.credentials.source"]
    if bearer:
        return _bearer(str(bearer).strip(), settings)
    source = str(settings["basic.auth.credentials.source"]).strip()
    if source == "URL":
        return {}
    if source == "USER_INFO":
        return {"basic.auth.user.info": _secret(settings, "basic.auth.user.info", source)}
    if source == "SASL_INHERIT":
        options = parse_login_module(_secret(settings, "sasl.jaas.config", source)).options
        user_info = f"{options.get('username', '')}:{options.get('password', '')}"
        return {"basic.auth.user.info": user_info}
    raise ConfigError.invalid(
        "basic.auth.credentials.source", source, "Expected URL, USER_INFO or SASL_INHERIT"
    )


def _bearer(source: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    if source not in {"STATIC_TOKEN", "OAUTHBEARER"}:
        name = "bearer.auth.credentials.source"
        raise ConfigError.invalid(name, source, "Expected STATIC_TOKEN or OAUTHBEARER")
    conf = {
        "bearer.auth.credentials.source": source,
        # The client sends these as headers and insists on them; only Confluent's cloud reads them.
        "bearer.auth.logical.cluster": settings["bearer.auth.logical.cluster"] or "",
        "bearer.auth.identity.pool.id": settings["bearer.auth.identity.pool.id"] or "",
    }
    if source == "STATIC_TOKEN":
        return {**conf, "bearer.auth.token": _secret(settings, "bearer.auth.token", source)}
    for name in ("issuer.endpoint.url", "client.id", "scope"):
        conf[f"bearer.auth.{name}"] = settings[f"bearer.auth.{name}"] or ""
    secret = _secret(settings, "bearer.auth.client.secret", source)
    return {**conf, "bearer.auth.client.secret": secret}


def _secret(settings: Mapping[str, Any], name: str, source: str) -> str:
    value = settings[name]
    if not isinstance(value, Password):
        raise ConfigError(f'Missing required configuration "{name}", which {source} needs.')
    return value.value


@contextmanager
def _certificates(settings: Mapping[str, Any]) -> Generator[dict[str, str]]:
    """Yield the client's settings for whom to trust and who we are: files, read while it is made.

    Without a trust store, what the system trusts counts; the client has a list of its own.
    """
    props = {
        name.removeprefix("schema.registry."): _plain(value)
        for name, value in settings.items()
        if name.startswith(SSL) and value is not None
    }
    trusted, identity = read_trusted(props), read_identity(props)
    with ExitStack() as files:
        conf: dict[str, str] = {}
        if trusted is not None:
            conf["ssl.ca.location"] = files.enter_context(as_file(trusted))
        elif system := _system_certificates():
            conf["ssl.ca.location"] = system
        if identity is not None:
            path = files.enter_context(as_file(identity.key + identity.chain))
            conf |= {"ssl.certificate.location": path, "ssl.key.location": path}
            conf["ssl.key.password"] = identity.password or ""
        yield conf


def _plain(value: object) -> str:
    return value.value if isinstance(value, Password) else str(value)


def _system_certificates() -> str | None:
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath
