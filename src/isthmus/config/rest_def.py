"""The settings of the REST API, and the small languages that two of them are written in."""

import re
from typing import NamedTuple, cast

from isthmus.api.config_def import ConfigDef, Importance, LambdaValidator, Type, ValidList
from isthmus.api.errors import ConfigError

_LISTENER = re.compile(r"(.*)://\[?([0-9a-zA-Z\-%._:]*)\]?:(-?[0-9]+)")
_HEADER_RULE = re.compile(r'\s*"((?:[^"]|"")*)"\s*|[^,]+')
_HEADER_ACTIONS = ("set", "add", "setDate", "addDate")
_URL_EXAMPLES = "http://localhost:8080,https://localhost:8443"


class Listener(NamedTuple):
    """Where the REST API listens; an empty host means all interfaces, port 0 any free port."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


class HeaderRule(NamedTuple):
    """One rule of `response.http.headers.config`; `action` is set, add, setDate or addDate."""

    action: str
    name: str
    value: str


def parse_listener(name: str, text: str) -> Listener:
    """Return the parts of a listener's URL.

    Raises:
        ConfigError: It is not `http://host:port` or `https://host:port`.
    """
    match = _LISTENER.fullmatch(text)
    if match is None:
        raise ConfigError.invalid(
            name, text, "Listener doesn't have the right format (protocol://hostname:port)."
        )
    scheme = match[1].lower()
    if scheme not in {"http", "https"}:
        raise ConfigError.invalid(name, text, 'Listener protocol must be either "http" or "https".')
    port = int(match[3])
    if not 0 <= port <= 65535:
        raise ConfigError.invalid(name, text, "Port must be a number from 0 to 65535")
    return Listener(scheme, match[2], port)


def parse_header_rules(text: str) -> list[HeaderRule]:
    """Return the rules of `response.http.headers.config`.

    Raises:
        ConfigError: A rule is not `action name:value`.
    """
    rules: list[HeaderRule] = []
    for item in _HEADER_RULE.finditer(text):
        rule = (item[0] if item[1] is None else item[1].replace('""', '"')).strip()
        if rule:
            rules.append(_parse_header_rule(rule))
    return rules


def _parse_header_rule(rule: str) -> HeaderRule:
    given, header = [*rule.split(maxsplit=1), "", ""][:2]
    if not header:
        raise ConfigError(
            f"Invalid format of header config '{rule}'."
            " Expected: '[action] [header name]:[header value]'"
        )
    action = next((known for known in _HEADER_ACTIONS if known.lower() == given.lower()), None)
    if action is None:
        raise ConfigError(
            f"Invalid header config action: '{given}'."
            f" Expected one of [{', '.join(_HEADER_ACTIONS)}]"
        )
    name, separator, value = header.strip().partition(":")
    if not separator:
        raise ConfigError(
            f"Invalid format of header name and header value pair '{header.strip()}'."
            " Expected: '[header name]:[header value]'"
        )
    if not name or re.search(r"\s", name):
        raise ConfigError(
            f"Invalid header name '{name}'. The '[header name]' cannot contain whitespace"
        )
    return HeaderRule(action, name, value.strip())


def define_rest_settings(definition: ConfigDef) -> None:
    """Add the settings of the REST API."""
    definition.define(
        "listeners",
        Type.LIST,
        "http://:8083",
        validator=LambdaValidator(
            _check_listeners, f"List of comma-separated URLs, ex: {_URL_EXAMPLES}."
        ),
        importance=Importance.LOW,
        documentation="Where the REST API listens. No host means all interfaces.",
    )
    definition.define(
        "admin.listeners",
        Type.LIST,
        None,
        validator=LambdaValidator(_check_admin_listeners, ""),
        importance=Importance.LOW,
        documentation="Where /admin listens: on its own listeners if any are named here, nowhere"
        " if the list is empty, and on those of the REST API if the setting is missing.",
    )
    for name, type_, documentation in (
        (
            "rest.advertised.host.name",
            Type.STRING,
            "The host name under which other workers reach the REST API of this one.",
        ),
        (
            "rest.advertised.port",
            Type.INT,
            "The port under which other workers reach the REST API of this one.",
        ),
        (
            "rest.advertised.listener",
            Type.STRING,
            "Which listener other workers use, http or https; http if there is one.",
        ),
    ):
        definition.define(name, type_, None, importance=Importance.LOW, documentation=documentation)
    _define_http(definition)


def _define_http(definition: ConfigDef) -> None:
    definition.define(
        "access.control.allow.origin",
        Type.STRING,
        "",
        importance=Importance.LOW,
        documentation="Origins, separated by commas, whose pages may call the REST API from a"
        " browser; * for all. Empty turns cross-origin requests off.",
    )
    definition.define(
        "access.control.allow.methods",
        Type.STRING,
        "",
        importance=Importance.LOW,
        documentation="Methods that cross-origin requests may use; GET, POST and HEAD if empty.",
    )
    definition.define(
        "response.http.headers.config",
        Type.STRING,
        "",
        validator=LambdaValidator(
            _check_header_rules,
            "Comma-separated header rules, where each header rule is of the form"
            " '[action] [header name]:[header value]' and optionally surrounded by double quotes"
            " if any part of a header rule contains a comma",
        ),
        importance=Importance.LOW,
        documentation="Headers to put into every answer of the REST API: rules such as"
        " set X-Frame-Options:DENY, separated by commas. Actions are set, add, setDate, addDate.",
    )
    definition.define(
        "rest.extension.classes",
        Type.LIST,
        (),
        validator=ValidList(),
        importance=Importance.LOW,
        documentation="Extensions of the REST API, in the order in which they see a request.",
    )


def _check_listeners(name: str, value: object) -> None:
    listeners = cast("list[str]", value)
    if not listeners:
        raise ConfigError(
            f"Invalid value for {name}, at least one URL is expected, ex: {_URL_EXAMPLES}."
        )
    for listener in listeners:
        if not listener:
            raise ConfigError(f"Empty URL found when parsing {name} list.")
        parse_listener(name, listener)


def _check_admin_listeners(name: str, value: object) -> None:
    ValidList(null_allowed=True)(name, value)
    for listener in cast("list[str] | None", value) or ():
        parse_listener(name, listener)


def _check_header_rules(name: str, value: object) -> None:
    try:
        parse_header_rules(cast("str", value))
    except ConfigError as error:
        raise ConfigError.invalid(name, value, str(error)) from None
