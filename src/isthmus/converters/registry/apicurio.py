"""Apicurio's registry by its own API, for what the API that it shares with Confluent's has not.

    global ids    one for each version of an artifact; what Apicurio's converters of 2.x write
    KCONNECT      artifacts that are schemas of Connect, as `ExtJsonConverter` registers them

Version 2 of the API is spoken, which registries of 2.x and of 3.x have.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import orjson
from confluent_kafka.schema_registry.error import SchemaRegistryError

from isthmus.converters.registry.client import Registry, StoredSchema
from isthmus.converters.registry.config import RegistryOptions

_PATHS: Final = re.compile(r"/+(apis/.*)?$")
_ARTIFACTS: Final = "groups/default/artifacts"


class ApicurioRegistry(Registry):
    """A registry in which a subject is an artifact of the group `default`. For one thread."""

    def __init__(self, options: RegistryOptions, kind: str) -> None:
        """Prepare for schemas of one kind, since the API does not tell of which kind one is."""
        super().__init__(options, _own_api)
        self._kind = kind
        self._id = "globalId" if options.global_ids else "contentId"

    def schema(self, schema_id: int) -> StoredSchema:
        path = f"ids/{self._id}s/{schema_id}"
        return self._content(f"schema {schema_id}", path)

    def register(self, subject: str, kind: str, text: str) -> int:
        headers = {"X-Registry-ArtifactId": subject, "X-Registry-ArtifactType": kind}
        what = f"registering a schema for artifact {subject}"
        query = {"ifExists": "RETURN_OR_UPDATE"}
        return self._id_in(self._send(what, "POST", _ARTIFACTS, text, headers, query))

    def find(self, subject: str, kind: str, text: str) -> int:
        what = f"a schema of artifact {subject}"
        return self._id_in(self._send(what, "POST", f"{_artifact(subject)}/meta", text))

    def latest(self, subject: str) -> tuple[int, StoredSchema]:
        what = f"the latest version of artifact {subject}"
        schema_id = self._id_in(self._send(what, "GET", f"{_artifact(subject)}/meta"))
        return schema_id, self.schema(schema_id)

    def _content(self, what: str, path: str) -> StoredSchema:
        text = self._send(what, "GET", path)
        found: list[dict[str, str]] = orjson.loads(self._send(what, "GET", f"{path}/references"))
        references = {
            one["name"]: self._content(f"{one['name']}, a reference", _version(one))
            for one in found
        }
        return StoredSchema(self._kind, text, references)

    def _id_in(self, answer: str) -> int:
        return int(orjson.loads(answer)[self._id])

    def _send(
        self,
        what: str,
        method: str,
        path: str,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> str:
        """Return the answer to a request, as text.

        The client's own connections are used: they have its credentials, certificates and retries.
        """
        rest: Any = self._client._rest_client  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

        def request() -> str:
            sent = {"Content-Type": "application/json", "Accept": "*/*", **(headers or {})}
            if rest.bearer_auth_credentials_source:
                rest.handle_bearer_auth(sent)
            *others, last = rest.base_urls
            for url in others:
                try:
                    return _answer(rest.send_http_request(url, path, method, sent, body, query))
                except Exception:  # noqa: BLE001  # the last one's error counts
                    continue
            return _answer(rest.send_http_request(last, path, method, sent, body, query))

        return str(self._ask(what, request))


def _own_api(urls: str) -> str:
    """Return addresses of the registry as those of its own API, whatever path they have."""
    return ",".join(_PATHS.sub("", url.strip()) + "/apis/registry/v2" for url in urls.split(","))


def _artifact(name: str, group: str = "default") -> str:
    return f"groups/{quote(group, safe='')}/artifacts/{quote(name, safe='')}"


def _version(reference: Mapping[str, str]) -> str:
    artifact = _artifact(reference["artifactId"], reference.get("groupId") or "default")
    return f"{artifact}/versions/{quote(str(reference['version']), safe='')}"


def _answer(response: Any) -> str:
    if response.is_success:
        return str(response.text)
    try:
        said = orjson.loads(response.content).get("message")
    except (orjson.JSONDecodeError, AttributeError):
        said = response.text
    raise SchemaRegistryError(response.status_code, -1, said)
