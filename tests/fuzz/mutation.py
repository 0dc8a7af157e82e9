"""Inputs that nearly are what a reader expects: recorded ones, and what becomes of them."""

from collections.abc import Callable, Iterator, Sequence
from random import Random

#: What parsers have stumbled over: limits of numbers, odd text, and pieces of their own formats.
_TOKENS = (
    *(b"\x00", b"\xff", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00"),
    *(b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xfe\xff", b"\xc3", b"\\ud800", b"\\u0000", b"\\u12"),
    *(b"{", b"}", b"[", b"]", b'"', b":", b",", b"\\", b"\n", b"\r", b"=", b"#", b"!", b" "),
    *(
        b"null",
        b"true",
        b"NaN",
        b"-0",
        b"1e999",
        b"1.5",
        b"-1",
        b"9" * 40,
        b"9" * 5000,
        b"[" * 3000,
    ),
    *(
        b'"name"',
        b'"config"',
        b'"offsets"',
        b'"partition"',
        b'"properties"',
        b'"tasks"',
        b'"state"',
    ),
    *(b"connector-", b"task-", b"commit-", b"status-", b"-0", b":connector-", b"session-key"),
)


def mutants(seeds: Sequence[bytes], random: Random) -> Iterator[bytes]:
    """Yield inputs without end: every seed as it is, then with one to four changes."""
    yield from seeds
    while True:
        data = random.choice(seeds)
        for _ in range(random.choice((1, 1, 2, 4))):
            data = random.choice(_CHANGES)(data, random.choice(seeds), random)
        yield data


def _flip(data: bytes, _: bytes, random: Random) -> bytes:
    if not data:
        return data
    place = random.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << random.randrange(8)]) + data[place + 1 :]


def _replace(data: bytes, _: bytes, random: Random) -> bytes:
    place = random.randint(0, len(data))
    return data[:place] + random.randbytes(random.randint(1, 4)) + data[place + 1 :]


def _insert(data: bytes, _: bytes, random: Random) -> bytes:
    place = random.randint(0, len(data))
    return data[:place] + random.choice(_TOKENS) + data[place:]


def _cut(data: bytes, _: bytes, random: Random) -> bytes:
    return data[: random.randint(0, len(data))]


def _remove(data: bytes, _: bytes, random: Random) -> bytes:
    begin = random.randint(0, len(data))
    return data[:begin] + data[begin + random.randint(1, 8) :]


def _repeat(data: bytes, _: bytes, random: Random) -> bytes:
    begin = random.randint(0, len(data))
    end = random.randint(begin, min(len(data), begin + 40))
    return data[:end] + data[begin:]


def _splice(data: bytes, other: bytes, random: Random) -> bytes:
    return data[: random.randint(0, len(data))] + other[random.randint(0, len(other)) :]


_CHANGES: tuple[Callable[[bytes, bytes, Random], bytes], ...] = (
    *(_flip, _replace, _insert, _cut, _remove, _repeat, _splice),
)
