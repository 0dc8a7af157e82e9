"""Ranges of versions as Maven writes them, for plugins that must have a certain one (KIP-891).

1.0         exactly that: Connect takes a bare version as a requirement, not as Maven's wish
[1.0,2.0)   from 1.0 to below 2.0; either side may be left open
latest      any
"""

import re
from dataclasses import dataclass
from typing import TypeAlias

from isthmus.api.errors import ConnectError

_RANGE = re.compile(r"([\[(])\s*([^,\[\]()]*?)\s*(?:(,)\s*([^,\[\]()]*?)\s*)?([\])])")
_PARTS = re.compile(r"\d+|[a-z]+")
_BEFORE_RELEASE = ("alpha", "beta", "milestone", "rc", "cr", "snapshot")
_RELEASE = ("final", "ga", "release")

#: What versions sort by, as Maven sorts them.
VersionKey: TypeAlias = tuple[tuple[int, int | str], ...]


@dataclass(frozen=True, slots=True)
class _Restriction:
    low: str
    low_included: bool
    high: str
    high_included: bool

    def contains(self, version: str) -> bool:
        key = version_key(version)
        if self.low and (
            key < version_key(self.low) or (key == version_key(self.low) and not self.low_included)
        ):
            return False
        if not self.high:
            return True
        return key < version_key(self.high) or (
            key == version_key(self.high) and self.high_included
        )

    def __str__(self) -> str:
        left, right = "[" if self.low_included else "(", "]" if self.high_included else ")"
        return f"{left}{self.low},{self.high}{right}"


@dataclass(frozen=True, slots=True)
class VersionRange:
    """A set of versions; `str()` of it is Maven's text. Java: VersionRange of maven-artifact."""

    _restrictions: tuple[_Restriction, ...]

    @staticmethod
    def is_given(text: str | None) -> bool:
        """Return whether `text` asks for certain versions: not if it is empty, or `latest`."""
        return bool(text and text.strip() and text.strip() != "latest")

    @classmethod
    def parse(cls, text: str | None) -> "VersionRange | None":
        """Return the range, or None for any version.

        Raises:
            ConnectError: It is no range.
        """
        text = (text or "").strip()
        if not cls.is_given(text):
            return None
        if text[0] not in "[(" and "," not in text:
            text = f"[{text}]"
        found = list(_RANGE.finditer(text))
        if not found or _RANGE.sub("", text).strip(", "):
            raise ConnectError(f"Unbounded range: {text}")
        return cls(tuple(map(_restriction, found)))

    def contains(self, version: str) -> bool:
        return any(restriction.contains(version) for restriction in self._restrictions)

    def __str__(self) -> str:
        return ",".join(map(str, self._restrictions))


def _restriction(match: re.Match[str]) -> _Restriction:
    opening, low, comma, high, closing = match.groups()
    return _Restriction(low, opening == "[", high if comma else low, closing == "]")


def version_key(version: str) -> VersionKey:
    """Return what sorts as Maven sorts: `1.0-rc1` before `1.0`, which equals `1` and `1.0.0`."""
    parts: list[tuple[int, int | str]] = []
    for text in _PARTS.findall(version.lower()):
        if text.isdigit():
            parts.append((2, int(text)))
            continue
        _drop_zeros(parts)
        if text in _BEFORE_RELEASE:
            parts.append((0, str(_BEFORE_RELEASE.index(text))))
        elif text not in _RELEASE:
            parts.append((1, text))
    _drop_zeros(parts)
    return (*parts, (1, ""))


def _drop_zeros(parts: list[tuple[int, int | str]]) -> None:
    while parts and parts[-1] == (2, 0):
        parts.pop()
