"""What a soak has measured each minute, and the verdict on it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

#: Minutes at the beginning that say nothing yet: caches fill, the topics come into being.
WARM_UP = 5
#: KiB per minute and process: 2.3 MiB in an hour, 56 MiB in a day. Less cannot be told, in an
#: hour, from what caches and the allocator take.
MAX_SLOPE_KIB = 40.0
MAX_DESCRIPTOR_SLOPE = 0.1


@dataclass(frozen=True, slots=True)
class Sample:
    """One minute. PSS in KiB; descriptors are open files of all processes of a role."""

    minute: int
    processes: int
    worker_pss: float
    child_pss: float
    largest_child_pss: float
    worker_descriptors: float
    child_descriptors: float
    zombies: int
    standing: tuple[str, ...]
    records: int


@dataclass
class Report:
    samples: list[Sample] = field(default_factory=list[Sample])

    def slope(self, values: Sequence[float]) -> float:
        """Return by how much a value grows a minute, by least squares after the warm-up."""
        points = [
            (float(sample.minute), value)
            for sample, value in zip(self.samples, values, strict=True)
            if sample.minute >= WARM_UP
        ]
        if len(points) < 2:
            return 0.0
        mean_x = sum(x for x, _ in points) / len(points)
        mean_y = sum(y for _, y in points) / len(points)
        spread = sum((x - mean_x) ** 2 for x, _ in points)
        return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread

    def slopes(self) -> dict[str, float]:
        return {
            "worker PSS, KiB": self.slope([sample.worker_pss for sample in self.samples]),
            "child PSS, KiB": self.slope([sample.child_pss for sample in self.samples]),
            "worker descriptors": self.slope([s.worker_descriptors for s in self.samples]),
            "child descriptors": self.slope([s.child_descriptors for s in self.samples]),
        }

    def faults(self) -> list[str]:
        found = [
            f"{name} grows by {slope:.2f} a minute"
            for name, slope in self.slopes().items()
            if slope > (MAX_SLOPE_KIB if "PSS" in name else MAX_DESCRIPTOR_SLOPE)
        ]
        found += [
            f"minute {sample.minute}: {sample.zombies} zombies"
            for sample in self.samples
            if sample.zombies
        ]
        found += [
            f"minute {sample.minute}: no progress of {', '.join(sample.standing)}"
            for sample in self.samples
            if sample.standing
        ]
        return found

    @property
    def is_good(self) -> bool:
        return not self.faults()

    def lines(self) -> list[str]:
        slopes = [
            f"slope a minute, {name:20} {value:+.2f}" for name, value in self.slopes().items()
        ]
        return [
            HEADER,
            *map(row, self.samples),
            *slopes,
            *self.faults(),
            f"verdict {'good' if self.is_good else 'BAD'}",
        ]


HEADER = (
    "minute processes  worker MiB  child MiB  largest  worker fds  child fds  zombies  standing"
    "    records"
)


def row(sample: Sample) -> str:
    return (
        f"{sample.minute:6} {sample.processes:9} {sample.worker_pss / 1024:11.1f}"
        f" {sample.child_pss / 1024:10.1f} {sample.largest_child_pss / 1024:8.1f}"
        f" {sample.worker_descriptors:11.1f} {sample.child_descriptors:10.1f}"
        f" {sample.zombies:8} {len(sample.standing):9} {sample.records:10}"
    )
