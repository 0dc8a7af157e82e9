"""For tests of connectors, converters and transformations: without Kafka, and with a real one.

Without Kafka, in milliseconds, the plugin is called as the runtime calls it:

    with SourceRun(MySourceConnector(), {"url": "…"}) as source:
        records = source.poll(3)            the next three records
        source.restart()                    what was not committed comes again

    with SinkRun(MySinkConnector(), {"table": "t"}, topics=["orders"]) as sink:
        sink.put({"id": 1}, {"id": 2})
        sink.commit()

    from_bytes(MyConverter(), to_bytes(MyConverter(), value))
    transformed(MyTransformation(), record, {"field": "secret"})
    errors(MySinkConnector(), {"table": ""})          what a user would be told

With Kafka, in seconds: name the fixtures in `conftest.py`, and ask for `connect`.

    pytest_plugins = ["isthmus.testing.fixtures"]

    def test_rows_become_records(connect, tmp_path):
        connect.create("rows", {"connector.class": "my_package.rows:RowsSource", "topic": "rows"})
        assert connect.values("rows", 2) == [b"one", b"two"]

Names that stand here stay; what is below them may change.
"""

from isthmus.testing.connect import Connect
from isthmus.testing.plugins import errors, from_bytes, to_bytes, transformed
from isthmus.testing.sink import Reported, SinkRun
from isthmus.testing.source import SourceRun, Transaction

__all__ = [
    "Connect",
    "Reported",
    "SinkRun",
    "SourceRun",
    "Transaction",
    "errors",
    "from_bytes",
    "to_bytes",
    "transformed",
]
