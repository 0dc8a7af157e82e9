import math

from isthmus.connectors.throughput import Throughput


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def made(per_second: int, count: int, after: float) -> Throughput:
    clock = Clock()
    throughput = Throughput(per_second, clock)
    for _ in range(count):
        throughput.made()
    clock.now += after
    return throughput


def test_whoever_is_ahead_waits_until_the_next_record_is_due() -> None:
    assert made(100, count=100, after=0.25).wait() == 0.75


def test_whoever_is_behind_does_not_wait() -> None:
    assert made(100, count=10, after=0.25).wait() == 0


def test_short_waits_are_saved_up() -> None:
    assert made(1000, count=9, after=0).wait() == 0
    assert made(1000, count=10, after=0).wait() == 0.01


def test_below_0_there_is_no_limit() -> None:
    assert made(-1, count=1_000_000, after=0).wait() == 0


def test_at_0_there_is_one_record_and_then_none() -> None:
    assert made(0, count=0, after=0).wait() == 0
    assert made(0, count=1, after=3600).wait() == math.inf
