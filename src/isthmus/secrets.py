"""What variables such as `${file:/s:password}` stood for, and how texts do without it.

Any error may quote a setting, and any library may log one. What came out of a config provider is
therefore put back as the variable wherever others read: in each line of the log, in the trace of a
status, in the answer of a validation.

The values are those that this process has resolved; a child is told those of its own settings.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

#: Shorter values are no secrets, and too often part of something else.
_MIN_LENGTH: Final = 6
#: Secrets that change leave their old values here, since what still runs may have them.
_MOST_VALUES: Final = 10_000

#: The variable that each value stood for.
_variables: dict[str, str] = {}
_pattern: re.Pattern[str] | None = None


def learn(variables: Mapping[str, str]) -> None:
    """Hide these values from now on, each behind the variable that it maps to."""
    global _pattern
    known = len(_variables)
    for value, variable in variables.items():
        # Settings lose the blanks at their ends, and tracebacks show escapes for line ends.
        for text in (value, value.strip(), repr(value.strip())[1:-1]):
            if len(text) >= _MIN_LENGTH:
                _variables.setdefault(text, variable)
    while len(_variables) > _MOST_VALUES:
        del _variables[next(iter(_variables))]
    if len(_variables) != known or _pattern is None:
        longest_first = sorted(_variables, key=len, reverse=True)
        _pattern = re.compile("|".join(map(re.escape, longest_first))) if _variables else None


def known_in(settings: object) -> dict[str, str]:
    """Return the values that occur in `settings`, dicts and lists of text, with their variables."""
    texts = list(_texts(settings))
    return {
        value: variable
        for value, variable in list(_variables.items())
        if any(value in text for text in texts)
    }


def hide(text: str) -> str:
    """Return `text` with the variable in place of each value that is known here."""
    if (pattern := _pattern) is None:
        return text
    return pattern.sub(lambda match: _variables.get(match[0], "[hidden]"), text)


def hide_values(text: str, raw: Mapping[str, str | None], resolved: Mapping[str, object]) -> str:
    """Return an error about settings with the text that the user wrote in place of their values.

    Unlike `hide` it goes by the key that the error names, so that short values are hidden too.
    """
    for key, written in raw.items():
        if written is not None and "${" in written and written != resolved.get(key):
            quoted = re.compile(
                rf"Invalid value .*? for configuration {re.escape(key)}(?=:|\s|$)", re.DOTALL
            )
            replacement = f"Invalid value {written} for configuration {key}"
            text = quoted.sub(lambda _, new=replacement: new, text)
    return hide(text)


def _texts(settings: object) -> Iterable[str]:
    if isinstance(settings, str):
        yield settings
    elif isinstance(settings, Mapping):
        for value in settings.values():  # pyright: ignore[reportUnknownVariableType]
            yield from _texts(value)  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(settings, list | tuple):
        for value in settings:  # pyright: ignore[reportUnknownVariableType]
            yield from _texts(value)  # pyright: ignore[reportUnknownArgumentType]
