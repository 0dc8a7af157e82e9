"""Scripted requests to a Connect worker, and its answers in a form that can be kept and compared.

A script is a list of steps. `@RUN@`, `@DIR@` and `@PORT@` in it stand for what differs from run to
run; in the answers these are put back, so that two runs of one worker give the same lines.
"""

import http.client
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

#: Headers that say something to a client; the others are the server's own affair.
_HEADERS = frozenset(
    {
        "access-control-allow-credentials",
        "access-control-allow-headers",
        "access-control-allow-methods",
        "access-control-allow-origin",
        "access-control-expose-headers",
        "access-control-max-age",
        "allow",
        "content-type",
        "location",
        "retry-after",
        "vary",
        "www-authenticate",
    }
)
#: Members whose values no two runs, or no two authors, share.
_VOLATILE = {"last_modified": int, "kafka_cluster_id": str, "trace": str, "documentation": str}
#: Members whose own members have the order of a hash map in Java.
_UNORDERED = frozenset({"config", "partition", "offset"})
_MAPS = re.compile(r"^/connectors/.*/config$|expand=")
_PLUGIN_CONFIG = re.compile(r"GET /connector-plugins/.*/config")
_LONG_TEXT = 4000


@dataclass(frozen=True, slots=True)
class Send:
    """One request; its answer is kept. `body` is text or bytes as they are, or becomes JSON."""

    method: str
    path: str
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    #: Which listener of the worker: by its place among `listeners` and `admin.listeners`.
    listener: int = 0

    @property
    def name(self) -> str:
        """What the request is called in the list of answers: enough to send it by hand."""
        parts = [f"{self.method} {self.path}"]
        if self.listener:
            parts[0] += f" on listener {self.listener}"
        parts += [f"{key}: {value}" for key, value in self.headers.items()]
        if self.body is not None:
            text = self.content.decode("utf-8", "backslashreplace")
            parts.append(
                text if len(text) < _LONG_TEXT else f"{text[:60]}… ({len(text)} characters)"
            )
        return " | ".join(parts)

    @property
    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        return b"" if self.body is None else json.dumps(self.body).encode()


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait until GET of `path` answers with a body that holds each of these texts, for `hold` s."""

    path: str
    texts: Sequence[str]
    timeout: float = 90.0
    hold: float = 0.0


@dataclass(frozen=True, slots=True)
class Write:
    """Write a file below the directory of the run."""

    name: str
    text: str


Step = Send | Wait | Write


@dataclass(frozen=True, slots=True)
class Script:
    """Steps for a worker with these settings on top of those that it needs."""

    name: str
    steps: Sequence[Step]
    properties: Mapping[str, str] = field(default_factory=dict[str, str])
    #: How many more listeners the settings name, as `@PORT1@` and so on.
    more_listeners: int = 0


def settled(name: str, *states: str, hold: float = 0.0) -> Wait:
    """Wait until a connector and its tasks are in these states.

    They may be so already while a changed config is still on its way, and then be UNASSIGNED until
    they have been started with it: what reads their status next has to have them hold for a while.
    """
    connector, *tasks = states
    texts = [f'"connector":{{"state":"{connector}"']
    texts += [f'"id":{task},"state":"{state}"' for task, state in enumerate(tasks)]
    if not tasks:
        texts.append('"tasks":[]')
    return Wait(f"/connectors/{name}/status", texts, hold=hold)


class Answer(dict[str, Any]):
    """One line of a recording: request, status, headers, body; a body of JSON is not text."""

    @property
    def request(self) -> str:
        return self["request"]


@dataclass(frozen=True, slots=True)
class Target:
    """A running worker: `ports` of its listeners, and what stands for the placeholders."""

    ports: Sequence[int]
    directory: Path
    run: str

    def run_script(self, script: Script) -> Iterator[Answer]:
        """Take the steps one after the other, and give each answer.

        Raises:
            AssertionError: What a step waited for did not come; the text has the last answer.
        """
        for step in script.steps:
            match step:
                case Write():
                    (self.directory / step.name).write_text(step.text, encoding="utf-8")
                case Wait():
                    self._wait(step)
                case Send():
                    yield self.send(step)

    def send(self, step: Send) -> Answer:
        status, headers, body = self._exchange(step)
        kept = {name: self._hide(headers[name]) for name in sorted(headers)}
        shown = self._body(step, headers.get("content-type"), body)
        return Answer(request=step.name, status=status, headers=kept, body=shown)

    def _wait(self, step: Wait) -> None:
        held_from = time.monotonic()
        deadline = held_from + step.timeout
        while True:
            _, _, body = self._exchange(Send("GET", step.path))
            text = self._hide(body.decode())
            now = time.monotonic()
            if not all(wanted in text for wanted in step.texts):
                held_from = now
            elif now - held_from >= step.hold:
                return
            if now > deadline:
                raise AssertionError(f"{step.path}: wanted {step.texts}, last seen {text}")
            time.sleep(0.1)

    def _exchange(self, step: Send) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[step.listener], timeout=100)
        try:
            # Paths go out as they are, whatever Python's client thinks of them.
            connection._validate_path = lambda url: None  # type: ignore[attr-defined]
            connection.putrequest(
                step.method,
                self._show(step.path),
                skip_host="Host" in step.headers,
                skip_accept_encoding=True,
            )
            content = self._show(step.content.decode("latin-1")).encode("latin-1")
            headers = {"Content-Type": "application/json"} if step.body is not None else {}
            for name, value in {**headers, **step.headers}.items():
                if value:
                    connection.putheader(name, self._show(value))
            if step.body is not None or step.method in {"POST", "PUT", "PATCH"}:
                connection.putheader("Content-Length", str(len(content)))
            connection.endheaders(content)
            reply = connection.getresponse()
            found: dict[str, str] = {}
            for name, value in reply.getheaders():
                key = name.lower()
                if key in _HEADERS or key.startswith("x-"):
                    found[key] = f"{found[key]}, {value}" if key in found else value
            return reply.status, found, reply.read()
        finally:
            connection.close()

    def _body(self, step: Send, content_type: str | None, body: bytes) -> object:
        text = self._hide(body.decode("utf-8", "backslashreplace"))
        if content_type is not None and "json" not in content_type:
            return text if len(text) < 300 else f"{text[:100]}…"
        try:
            value = json.loads(text)
        except ValueError:
            return text
        return _plain(value, unordered=bool(_MAPS.search(step.path)))

    def _show(self, text: str) -> str:
        for mark, value in self._marks():
            text = text.replace(mark, value)
        return text

    def _hide(self, text: str) -> str:
        for mark, value in self._marks():
            text = text.replace(value, mark)
        return text

    def _marks(self) -> list[tuple[str, str]]:
        ports = [
            (f"@PORT{number or ''}@", f"127.0.0.1:{port}") for number, port in enumerate(self.ports)
        ]
        return [*ports, ("@DIR@", str(self.directory)), ("@RUN@", self.run)]


def _plain(value: object, *, unordered: bool = False) -> object:
    """Return an answer without what differs between two runs of the same worker."""
    if isinstance(value, list):
        return [_plain(item) for item in cast("list[object]", value)]
    if isinstance(value, str) and len(value) > _LONG_TEXT:
        return f"{value[:60]}… ({len(value)} characters)"
    if not isinstance(value, dict):
        return value
    members = cast("dict[str, object]", value)
    return {
        key: f"<{key}>"
        if key in _VOLATILE and isinstance(members[key], _VOLATILE[key])
        else _plain(members[key], unordered=key in _UNORDERED)
        for key in (sorted(members) if unordered else members)
    }


def write_answers(path: Path, answers: Sequence[Mapping[str, Any]]) -> None:
    """Keep answers, one a line; settings in validations once each, in `settings.jsonl` beside."""
    known = _Settings(path.with_name("settings.jsonl"))
    lines = [json.dumps(known.fold(answer), ensure_ascii=False) for answer in answers]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    known.write()


def read_answers(path: Path) -> list[Answer]:
    """Return what `write_answers` kept."""
    known = _Settings(path.with_name("settings.jsonl"))
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Answer(known.unfold(json.loads(line))) for line in lines]


class _Settings:
    """Settings with their definitions and values: each answer of a validation has some sixty."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self._texts = dict.fromkeys(line for line in lines if line)

    def fold(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        return self._with_settings(answer, self._number)

    def unfold(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        texts = list(self._texts)

        def setting(number: object) -> object:
            return json.loads(texts[cast("int", number)])

        return self._with_settings(answer, setting)

    def write(self) -> None:
        self._path.write_text("\n".join(self._texts) + "\n", encoding="utf-8")

    def _number(self, setting: object) -> int:
        text = json.dumps(setting, ensure_ascii=False)
        self._texts.setdefault(text)
        return list(self._texts).index(text)

    @staticmethod
    def _with_settings(
        answer: Mapping[str, Any], change: Callable[[object], object]
    ) -> dict[str, Any]:
        body: Any = answer["body"]
        if isinstance(body, dict) and "configs" in body:
            members = cast("dict[str, Any]", body)
            body = {**members, "configs": [change(item) for item in members["configs"]]}
        elif isinstance(body, list) and _PLUGIN_CONFIG.match(answer["request"]):
            body = [change(item) for item in cast("list[object]", body)]
        return {**answer, "body": body}


def with_ports(properties: Mapping[str, str], ports: Sequence[int]) -> dict[str, str]:
    """Return settings with the addresses that their placeholders stand for."""
    marks = {f"@PORT{number or ''}@": f"127.0.0.1:{port}" for number, port in enumerate(ports)}
    found: dict[str, str] = {}
    for key, value in properties.items():
        for mark, address in marks.items():
            value = value.replace(mark, address)
        found[key] = value
    return found
