r"""Regular expressions and replacements as Java writes them, as Python's.

Python's `re` understands nearly the same. What Java writes differently is rewritten: named groups
`(?<name>…)`, references `\k<name>` to them, quotations `\Q…\E`, the end `\z`. What Python has no
word for, such as `\p{Alpha}` or `[a-z&&[^b]]`, is refused rather than misunderstood. As in Java
`\d` and `\w` are of ASCII.
"""

import re
import warnings
from collections.abc import Callable
from functools import partial
from typing import Final

from isthmus.api.errors import DataError

_NAMED_GROUP: Final = re.compile(r"\(\?<([a-zA-Z][a-zA-Z0-9]*)>")
_NAMED_REFERENCE: Final = re.compile(r"\\k<([a-zA-Z][a-zA-Z0-9]*)>")


class RegexError(ValueError):
    """A regular expression that cannot be used; the text says why."""


def compile_regex(text: str) -> re.Pattern[str]:
    """Return the pattern.

    Raises:
        RegexError: Java, or Python, does not understand it.
    """
    rewritten = _rewritten(text)
    try:
        with warnings.catch_warnings():
            # Python warns where Java means something else: `[a-z&&[^b]]`.
            warnings.simplefilter("error", FutureWarning)
            return re.compile(rewritten, re.ASCII)
    except (re.error, FutureWarning) as error:
        raise RegexError(str(error)) from None


def _rewritten(text: str) -> str:
    done: list[str] = []
    at = 0
    is_within_class = False
    while at < len(text):
        part, length = _next_part(text, at, is_within_class)
        if part == "[" and is_within_class:
            raise RegexError(f"a class within a class is not supported at position {at}")
        if part == "[":
            is_within_class = True
        elif part == "]":
            is_within_class = False
        done.append(part)
        at += length
    return "".join(done)


def _next_part(text: str, at: int, is_within_class: bool) -> tuple[str, int]:
    """Return what comes next in Python's words, and how long it is in Java's."""
    if text.startswith("\\Q", at):
        end = text.find("\\E", at + 2)
        quoted = text[at + 2 :] if end < 0 else text[at + 2 : end]
        return re.escape(quoted), len(quoted) + (2 if end < 0 else 4)
    if text[at] == "\\":
        reference = _NAMED_REFERENCE.match(text, at)
        if reference is not None and not is_within_class:
            return f"(?P={reference[1]})", len(reference[0])
        if text.startswith("\\z", at):
            return "\\Z", 2
        return text[at : at + 2], 2
    group = None if is_within_class else _NAMED_GROUP.match(text, at)
    if group is not None:
        return f"(?P<{group[1]}>", len(group[0])
    return text[at], 1


def compile_replacement(text: str, pattern: re.Pattern[str]) -> Callable[[re.Match[str]], str]:
    r"""Return what a match is replaced by: `$1` and `${name}` are groups, `\` takes one as it is.

    As in Java a wrong replacement is an error only when there is something to replace: the function
    raises a DataError.
    """
    try:
        parts = _replacement_parts(text, pattern)
    except DataError as error:
        return partial(_raise, str(error))
    return lambda match: "".join(
        part if isinstance(part, str) else match[part[0]] or "" for part in parts
    )


def _raise(message: str, _: re.Match[str]) -> str:
    raise DataError(message)


def _replacement_parts(text: str, pattern: re.Pattern[str]) -> list[str | tuple[int]]:
    """Return the texts, and the groups by number, that a replacement is made of."""
    parts: list[str | tuple[int]] = []
    at = 0
    while at < len(text):
        if text[at] == "\\":
            if at + 1 == len(text):
                raise DataError("character to be escaped is missing")
            parts.append(text[at + 1])
            at += 2
        elif text[at] == "$":
            group, at = _group(text, at + 1, pattern)
            parts.append((group,))
        else:
            parts.append(text[at])
            at += 1
    return parts


def _group(text: str, at: int, pattern: re.Pattern[str]) -> tuple[int, int]:
    """Return the number of the group that is named at a place, and where its name ends."""
    if at == len(text):
        raise DataError("Illegal group reference: group index is missing")
    if text[at] == "{":
        return _named_group(text, at + 1, pattern)
    if text[at] not in "0123456789":
        raise DataError("Illegal group reference")
    group = int(text[at])
    if group > pattern.groups:
        raise DataError(f"No group {group}")
    at += 1
    # Further digits belong to the number as long as there is such a group.
    while at < len(text) and text[at] in "0123456789":
        longer = group * 10 + int(text[at])
        if longer > pattern.groups:
            break
        group = longer
        at += 1
    return group, at


def _named_group(text: str, start: int, pattern: re.Pattern[str]) -> tuple[int, int]:
    at = start
    while at < len(text) and text[at].isascii() and text[at].isalnum():
        at += 1
    name = text[start:at]
    if not name:
        raise DataError("named capturing group has 0 length name")
    if at == len(text) or text[at] != "}":
        raise DataError("named capturing group is missing trailing '}'")
    if name[0].isdigit():
        raise DataError(f"capturing group name {{{name}}} starts with digit character")
    if name not in pattern.groupindex:
        raise DataError(f"No group with name {{{name}}}")
    return pattern.groupindex[name], at + 1
