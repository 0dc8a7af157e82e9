"""Login modules as Java's JAAS describes them, in `sasl.jaas.config` and in login files.

    KafkaClient {
      org.apache.kafka.common.security.plain.PlainLoginModule required
        username="ann" password="secret";
    };

parse_login_module()    one module and its options, as in sasl.jaas.config
read_login_file()       a file's contexts, each a list of modules
java_option()           a -D option that operators give Java in KAFKA_OPTS

Texts hold passwords and so do not appear in errors.
"""

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from isthmus.api.errors import ConfigError

#: The option of Java that names a login configuration file.
LOGIN_FILE_OPTION: Final = "java.security.auth.login.config"

_FLAGS: Final = ("required", "requisite", "sufficient", "optional")
_SPACE = r"(?:\s|//[^\n]*|/\*.*?\*/)*"
_TOKEN = re.compile(
    _SPACE
    + r"""(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([{};=])|((?:[^\s{};="'/]|/(?![/*]))+)|$)""",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class LoginModule:
    """One module: its Java class, its control flag in lower case, and its options."""

    name: str
    flag: str
    options: Mapping[str, str] = field(repr=False)


def parse_login_module(text: str) -> LoginModule:
    """Return the one login module that `sasl.jaas.config` names.

    Raises:
        ConfigError: The text is not `module required option="value" …;`.
    """
    try:
        tokens = _tokens(text)
        modules = _modules(tokens if tokens[-1:] == [";"] else [*tokens, ";"])
        (module,) = modules
    except ValueError:
        raise ConfigError(
            "Invalid value [hidden] for configuration sasl.jaas.config:"
            ' expected <login module> required <option>="<value>" ...;'
        ) from None
    return module


def read_login_file(path: str) -> dict[str, list[LoginModule]]:
    """Return the contexts of a login configuration file, each with its modules.

    Raises:
        ConfigError: The file cannot be read, or is not of this format.
    """
    try:
        return _contexts(_tokens(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError.invalid(LOGIN_FILE_OPTION, path, f"{error.strerror}") from None
    except ValueError:
        raise ConfigError.invalid(
            LOGIN_FILE_OPTION,
            path,
            'expected contexts of the form Name { module required option="value" ...; };',
        ) from None


def java_option(name: str) -> str | None:
    """Return what `-Dname=…` says in the environment variable KAFKA_OPTS; the last one counts."""
    try:
        words = shlex.split(os.environ.get("KAFKA_OPTS", ""))
    except ValueError:
        return None
    found = [word.partition("=")[2] for word in words if word.startswith(f"-D{name}=")]
    return found[-1] if found else None


#: A token: what stands in quotes begins with a NUL, so that it is never taken for a separator.
_QUOTED: Final = "\0"


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(position)
        double, single, separator, bare = match.groups()
        quoted = double if double is not None else single
        if quoted is not None:
            tokens.append(_QUOTED + re.sub(r"\\(.)", r"\1", quoted))
        elif separator or bare:
            tokens.append(separator or bare)
        position = match.end()
    return tokens


def _contexts(tokens: list[str]) -> dict[str, list[LoginModule]]:
    contexts: dict[str, list[LoginModule]] = {}
    while tokens:
        if len(tokens) < 2 or tokens[1] != "{":
            raise ValueError(tokens[0])
        end = tokens.index("}")
        contexts[tokens[0].lstrip(_QUOTED)] = _modules(tokens[2:end])
        tokens = tokens[end + 1 :]
        if tokens[:1] == [";"]:
            tokens = tokens[1:]
    return contexts


def _modules(tokens: list[str]) -> list[LoginModule]:
    modules: list[LoginModule] = []
    while tokens:
        end = tokens.index(";")
        modules.append(_module(tokens[:end]))
        tokens = tokens[end + 1 :]
    return modules


def _module(tokens: list[str]) -> LoginModule:
    name, flag, *rest = tokens
    names, equals, values = rest[0::3], rest[1::3], rest[2::3]
    well_formed = len(rest) % 3 == 0 and set(equals) <= {"="} and "{" not in [name, *rest]
    if flag.lower() not in _FLAGS or not well_formed:
        raise ValueError(flag)
    options = {key: value.removeprefix(_QUOTED) for key, value in zip(names, values, strict=True)}
    return LoginModule(name, flag.lower(), options)
