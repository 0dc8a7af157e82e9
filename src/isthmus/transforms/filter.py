"""Drops records; which ones is for a predicate to say."""

from collections.abc import Sequence

from isthmus.api.record import RecordBatch
from isthmus.transforms.columns import BatchTransformation


class Filter(BatchTransformation):
    """Drops all records that it is given. Java: Filter (KIP-585)."""

    def apply_batch(self, batch: RecordBatch) -> Sequence[RecordBatch]:
        return ()
