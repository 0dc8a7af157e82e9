"""Where our answers differ from Apache's on purpose; each has its row in docs/compatibility.md.

A difference says which of Apache's answers it is about, and takes what may differ out of both
answers, and nothing else.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from tests.support.rest_script import Answer

Pair = tuple[Answer, Answer]
_WRAPPED = "org.apache.kafka.connect.errors.ConnectException: Failed to find"
_DUPLICATE = re.compile(r"available versions: \[(4\.3\.1), 4\.3\.1\]")
_MAP = re.compile(r"Connector config \{(.*)\} contains no connector type", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Difference:
    """Answers of Apache that `concerns` holds for may differ in what `level` evens out."""

    reason: str
    concerns: Callable[[Answer], bool]
    level: Callable[[Answer, Answer], None]


def leveled(apache: Answer, ours: Answer) -> Pair:
    """Return both answers without what differs on purpose."""
    for difference in DIFFERENCES:
        if difference.concerns(apache):
            difference.level(apache, ours)
    return apache, ours


def _message(answer: Answer) -> str:
    body: Any = answer["body"]
    return str(cast("dict[str, Any]", body).get("message")) if isinstance(body, dict) else ""


def _says(*texts: str) -> Callable[[Answer], bool]:
    return lambda answer: any(text in _message(answer) for text in texts)


def _asks(*texts: str) -> Callable[[Answer], bool]:
    return lambda answer: any(text in answer.request for text in texts)


def _everything(apache: Answer, ours: Answer) -> None:
    for answer in (apache, ours):
        answer.update(status=None, headers=None, body=None)


def _body(apache: Answer, ours: Answer) -> None:
    apache["body"] = ours["body"] = None


def _header(name: str) -> Callable[[Answer, Answer], None]:
    def level(apache: Answer, ours: Answer) -> None:
        for answer in (apache, ours):
            headers = cast("dict[str, str]", answer["headers"] or {})
            answer["headers"] = {key: value for key, value in headers.items() if key != name}

    return level


def _no_commit(apache: Answer, ours: Answer) -> None:
    for answer in (apache, ours):
        del answer["body"]["commit"]


def _page(apache: Answer, ours: Answer) -> None:
    """An error of the web server itself: only its status counts."""
    apache["body"] = ours["body"] = None
    apache["headers"] = ours["headers"] = None


def _texts(change: Callable[[str], str]) -> Callable[[Answer, Answer], None]:
    """Return what changes every text in both bodies."""

    def everywhere(value: Any) -> Any:
        if isinstance(value, str):
            return change(value)
        if isinstance(value, list):
            return [everywhere(item) for item in cast("list[Any]", value)]
        if isinstance(value, dict):
            members = cast("dict[str, Any]", value)
            return {key: everywhere(item) for key, item in members.items()}
        return value

    def level(apache: Answer, ours: Answer) -> None:
        for answer in (apache, ours):
            answer["body"] = everywhere(answer["body"])

    return level


def _sorted_offsets(apache: Answer, ours: Answer) -> None:
    for answer in (apache, ours):
        body: Any = answer["body"]
        if isinstance(body, dict) and "offsets" in body:
            answer["body"] = {"offsets": sorted(cast("dict[str, Any]", body)["offsets"], key=repr)}


def _sorted_map(text: str) -> str:
    return _MAP.sub(lambda found: ", ".join(sorted(found[1].split(", "))), text)


def _common_recommendations(apache: Answer, ours: Answer) -> None:
    """Leave out plugins that only one side has."""
    by_name = {_name(item): item for item in _settings(ours)}
    for item in _settings(apache):
        other = by_name.get(_name(item))
        if other is None:
            continue
        for one, two in ((item["value"], other["value"]), (other["value"], item["value"])):
            known = two["recommended_values"]
            one["recommended_values"] = [v for v in one["recommended_values"] if v in known]


def _settings(answer: Answer) -> list[dict[str, Any]]:
    body: Any = answer["body"]
    return cast("dict[str, Any]", body).get("configs", []) if isinstance(body, dict) else []


def _name(item: dict[str, Any]) -> str:
    return str(item["value"]["name"])


def _common_plugins(apache: Answer, ours: Answer) -> None:
    left = cast("list[object]", apache["body"])
    right = cast("list[object]", ours["body"])
    apache["body"] = [plugin for plugin in left if plugin in right]
    ours["body"] = [plugin for plugin in right if plugin in left]


def _offsets_of_source(answer: Answer) -> bool:
    return answer.request == "GET /connectors/o/offsets"


DIFFERENCES = (
    Difference(
        "`commit` says whose worker it is",
        lambda answer: re.match(r"GET /( |$)", answer.request) is not None,
        _no_commit,
    ),
    Difference(
        "a path that could be misread is refused in JSON, not in HTML",
        lambda answer: "html" in str(answer["headers"].get("content-type")),
        _page,
    ),
    Difference(
        "a slash in a connector's name can be addressed",
        _asks("GET /connectors/%2F"),
        _everything,
    ),
    Difference(
        "a name that Java cannot put into a Location is created all the same",
        _says("Illegal character in path", "The template variable"),
        _everything,
    ),
    Difference(
        "a malformed Content-Type is 415",
        _asks("Content-Type: application/json, text/plain"),
        _everything,
    ),
    Difference(
        "the Content-Type of answers never has a charset",
        _asks("Accept: application/json; charset=utf-8"),
        _header("content-type"),
    ),
    Difference(
        "a 409 says when to come back",
        lambda answer: answer["status"] == 409,
        _header("retry-after"),
    ),
    Difference(
        "what is wrong with unreadable JSON is said without names of Java classes",
        _says("[Source: REDACTED"),
        _body,
    ),
    Difference(
        "a class that was not found before is not found in other words",
        _says("Failed to find any class"),
        _texts(
            lambda text: text.replace(_WRAPPED, "Failed to find").partition("available connectors")[
                0
            ]
        ),
    ),
    Difference(
        "a class that is no plugin is a plugin that is not found",
        _says("Instantiation error"),
        _everything,
    ),
    Difference(
        "a class that is no converter or transformation is not found",
        _asks(
            "java.lang.String", '"value.converter": "org.apache.kafka.connect.file', 'Cast$Value"}'
        ),
        _body,
    ),
    Difference(
        "other plugins are installed",
        _asks("GET /connector-plugins"),
        lambda apache, ours: (
            _common_plugins(apache, ours)
            if re.fullmatch(r"GET /connector-plugins/?(\?.*)?", apache.request)
            else None
        ),
    ),
    Difference("other plugins are recommended", _asks("/config/validate"), _common_recommendations),
    Difference("transformations have aliases", _asks('"HoistField$Value"'), _body),
    Difference(
        "a version is listed once",
        lambda answer: True,
        _texts(lambda text: _DUPLICATE.sub(r"available versions: [\1]", text)),
    ),
    Difference(
        "an empty version is none", _asks('plugin.version": ""', "config?version= "), _everything
    ),
    Difference(
        "an empty version is none",
        lambda answer: answer.request.endswith("config?version="),
        _everything,
    ),
    Difference(
        "settings in a wrong place or type are errors of their settings, not 500",
        _says("org.apache.kafka.common.config.ConfigException", "java.lang.NullPointerException"),
        _everything,
    ),
    Difference(
        "a regular expression is explained in Python's words",
        _asks("/config/validate"),
        _texts(lambda text: re.sub(r"(Invalid regex: ).*", r"\1", text, flags=re.DOTALL)),
    ),
    Difference(
        "no request fails for a rebalance",
        _says("because a rebalance is expected"),
        _everything,
    ),
    Difference("the order of a hash map", _asks("(300034 characters)"), _body),
    Difference("the order of a hash map", _offsets_of_source, _sorted_offsets),
    Difference("the order of a hash map", _says("contains no connector type"), _texts(_sorted_map)),
    Difference(
        "a topic that is no text is the caller's mistake", _asks('"kafka_topic": 7'), _everything
    ),
    Difference("an empty level is none", _says("null or empty Level name"), _everything),
    Difference(
        "loggers have the names of Python's",
        lambda answer: re.match(r"(GET|HEAD) /admin/loggers/?$", answer.request) is not None,
        _body,
    ),
)
