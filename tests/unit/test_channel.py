import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.channel import (
    AnyMessage,
    Exited,
    Fork,
    FrameReader,
    RelieveMemory,
    RenewLease,
    Reply,
    StartConnector,
    State,
    StateChanged,
    TargetState,
    TellProgress,
    WriteOffsets,
    encode,
)

MESSAGES: list[AnyMessage] = [
    Fork(1, "isthmus: connector numbers", leased=True),
    RenewLease(12.5),
    Exited(1, -9),
    StartConnector("numbers", {"a": None}, {"b": "ü"}, TargetState.PAUSED, {"root": "DEBUG"}),
    StateChanged(State.FAILED, "trace\n" * 1000, "1.0"),
    TellProgress(3, with_stack=True),
    RelieveMemory(),
    WriteOffsets(7, [(b"\0\xff", None), (b"k", b"v")]),
    Reply(7),
]


@given(cuts=st.lists(st.integers(0, 7000)))
def test_messages_come_back_however_the_stream_is_cut(cuts: list[int]) -> None:
    stream = b"".join(map(encode, MESSAGES))
    reader = FrameReader()

    received: list[AnyMessage] = []
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    for begin, end in itertools.pairwise(places):
        received += reader.feed(stream[begin:end])

    assert received == MESSAGES


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff\xff\xff\xff",  # a length beyond reason
        b"\0\0\0\1\xc1",  # no MessagePack
        b"\0\0\0\1\x01",  # no message
        b"\0\0\0\6\x91\xa4Nope",  # an unknown one
        b"\0\0\0\7\x92\xa4Kill\xc0",  # one with a field of another type
    ],
)
def test_a_stream_of_something_else_is_refused(garbage: bytes) -> None:
    with pytest.raises(ValueError, match=r"message"):
        FrameReader().feed(garbage)
