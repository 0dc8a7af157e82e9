"""A source that ends its transactions by itself: readers see all of a series, or nothing of it."""

from collections.abc import Mapping, Sequence

from examples.series_source import SeriesSourceConnector, SeriesSourceTask
from isthmus.api.connector import ConnectorTransactionBoundaries, ExactlyOnceSupport
from isthmus.api.record import SourceRecord
from isthmus.api.task import SourceTask


class WholeSeriesConnector(SeriesSourceConnector):
    """Counts as its parent does; to be used with `transaction.boundary=connector`."""

    def exactly_once_support(self, config: Mapping[str, str]) -> ExactlyOnceSupport:
        return ExactlyOnceSupport.SUPPORTED

    def can_define_transaction_boundaries(
        self, config: Mapping[str, str]
    ) -> ConnectorTransactionBoundaries:
        return ConnectorTransactionBoundaries.SUPPORTED

    def task_class(self) -> type[SourceTask]:
        return WholeSeriesTask


class WholeSeriesTask(SeriesSourceTask):
    """Ends the transaction behind the last number of a series."""

    def poll(self) -> Sequence[SourceRecord] | None:
        records = super().poll()
        context = self.context.transaction_context
        if records and context is not None and records[-1].value == self._count - 1:
            context.commit_transaction(records[-1])
        return records
