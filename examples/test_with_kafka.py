"""A test of an example on a real worker and a real Kafka: some seconds."""

from isthmus.testing import Connect


def test_numbers_arrive(connect: Connect) -> None:
    connect.create(
        "numbers",
        {
            "connector.class": "examples.series_source:SeriesSourceConnector",
            "topic": "numbers",
            "series": "a",
            "count": "3",
        },
    )  # returns when all of it is RUNNING
    assert connect.values("numbers", 3) == [b"0", b"1", b"2"]
