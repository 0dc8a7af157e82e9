"""A REST server on a thread of its own, and requests to it over real sockets."""

import asyncio
import http.client
import json
import ssl
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from isthmus.config.rest_def import Listener
from isthmus.rest.config import RestConfig
from isthmus.rest.server import RestServer
from tests.unit.rest.scripted_herder import ScriptedHerder

LOCAL = Listener("http", "127.0.0.1", 0)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """The text of an error, whose body must be one."""
        body = self.json
        assert list(body) == ["error_code", "message"]
        assert body["error_code"] == self.status
        return body["message"]

    @property
    def content_type(self) -> str | None:
        return self.headers["Content-Type"]


class RunningServer:
    """Runs from construction to `close`; `herder` is its herder, for scripts and for questions."""

    def __init__(self, config: RestConfig, *, with_herder: bool = True) -> None:
        self.herder = ScriptedHerder()
        self.server = RestServer(config)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.run(self.server.bind())
        if with_herder:
            self.run(self.server.start(self.herder))

    def run(self, call: Coroutine[Any, Any, object]) -> None:
        asyncio.run_coroutine_threadsafe(call, self._loop).result(timeout=10)

    @property
    def ports(self) -> list[int]:
        """The ports of the listeners, then those of the admin's."""
        return [each.port for each in [*self.server.bound, *self.server.admin_bound]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}/"

    def request(
        self,
        method: str,
        target: str,
        body: str | bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        listener: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> Reply:
        """Send exactly this; a body goes as JSON unless `headers` has a Content-Type or "none"."""
        sent = dict(headers or {})
        data = body.encode() if isinstance(body, str) else body
        if data is not None and sent.setdefault("Content-Type", "application/json") == "none":
            del sent["Content-Type"]
        if data is not None or method in {"POST", "PUT", "PATCH"}:
            sent["Content-Length"] = str(len(data or b""))
        port = self.ports[listener]
        connection = (
            http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            if tls is None
            else http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=tls)
        )
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in sent.items():
                connection.putheader(name, value)
            connection.endheaders(data)
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, target: str, **headers: str) -> Reply:
        return self.request("GET", target, None, headers)

    def post(self, target: str, body: str | None = None) -> Reply:
        return self.request("POST", target, body)

    def put(self, target: str, body: str | None = None) -> Reply:
        return self.request("PUT", target, body)

    def patch(self, target: str, body: str | None = None) -> Reply:
        return self.request("PATCH", target, body)

    def delete(self, target: str) -> Reply:
        return self.request("DELETE", target)

    def close(self) -> None:
        self.run(self.server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()
