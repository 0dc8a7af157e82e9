"""What a source task's `poll` returns, as batches."""

from collections.abc import Sequence
from typing import TypeAlias, cast

from isthmus.api.record import SourceBatch, SourceRecord

Polled: TypeAlias = Sequence[SourceRecord] | SourceBatch | Sequence[SourceBatch] | None


def batches_of(polled: Polled) -> Sequence[SourceBatch]:
    """Return the batches in their order, without empty ones."""
    if polled is None:
        return ()
    if isinstance(polled, SourceBatch):
        return (polled,) if len(polled) else ()
    if not polled:
        return ()
    if isinstance(polled[0], SourceBatch):
        return [batch for batch in cast("Sequence[SourceBatch]", polled) if len(batch)]
    return SourceBatch.from_records(cast("Sequence[SourceRecord]", polled))
