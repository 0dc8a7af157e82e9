"""Maps in columns become what the same maps, dict by dict, become."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from isthmus.api.columnar import Maps
from isthmus.api.errors import DataError
from isthmus.api.java_text import java_texts
from isthmus.api.record import SinkBatch
from isthmus.plugins import PluginKind, Plugins

PLUGINS = Plugins.discover()
NAMES = ("a", "b", "c", "d")
VALUES = st.one_of(
    st.integers(-200, 2**63),
    st.floats(allow_nan=False),
    st.text(max_size=2),
    st.sampled_from(["1", "true", "2.5", None, True]),
    st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, 1), max_size=2),
    st.lists(st.integers(0, 1), max_size=2),
)
SOME = st.lists(st.sampled_from(NAMES), max_size=2, unique=True).map(",".join)
PAIRS = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).map(":".join)
CASTS = st.tuples(
    st.sampled_from(NAMES), st.sampled_from(["int8", "int64", "string", "boolean", "float64"])
).map(":".join)
CONFIGS = st.one_of(
    st.tuples(
        st.just("ReplaceField"),
        st.fixed_dictionaries(
            {"exclude": SOME, "include": SOME},
            optional={"renames": st.lists(PAIRS, max_size=2, unique=True).map(",".join)},
        ),
    ),
    st.tuples(st.just("Cast"), st.fixed_dictionaries({"spec": CASTS})),
    st.tuples(
        st.just("InsertField"),
        st.fixed_dictionaries(
            {"static.field": st.sampled_from(NAMES), "static.value": st.text(max_size=2)},
            optional={
                "offset.field": st.sampled_from(NAMES),
                "timestamp.field": st.sampled_from(NAMES),
            },
        ),
    ),
    st.tuples(st.just("HoistField"), st.just({"field": "a"})),
    st.tuples(st.just("MaskField"), st.fixed_dictionaries({"fields": st.sampled_from(NAMES)})),
    st.tuples(st.just("Flatten"), st.just(dict[str, str]())),
    st.tuples(st.just("ValueToKey"), st.fixed_dictionaries({"fields": st.sampled_from(NAMES)})),
)


@st.composite
def columns_of_maps(draw: st.DrawFn) -> Maps:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    length = draw(st.integers(1, 3))
    columns = [draw(st.lists(VALUES, min_size=length, max_size=length)) for _ in names]
    return Maps(names, columns)


def batch_of(values: Any, timestamps: list[int | None]) -> SinkBatch:
    return SinkBatch(
        topic="t",
        values=values,
        keys=[None] * len(values),
        timestamps=timestamps,
        offsets=range(len(values)),
        original_topic="t",
        original_partition=0,
    )


def applied(steps: list[tuple[str, dict[str, str]]], batch: SinkBatch) -> Any:
    """Return keys and values, with their text for the order of members; or the error."""
    batches = [batch]
    for name, config in steps:
        side = "" if name == "ValueToKey" else "$Value"
        found = PLUGINS.find(
            PluginKind.TRANSFORMATION, f"org.apache.kafka.connect.transforms.{name}{side}"
        )
        transformation = PLUGINS.create(found)
        transformation.configure(config)
        try:
            batches = [made for one in batches for made in transformation.apply_batch(one)]
        except DataError as error:
            return str(error)
    return [(java_texts(one.values), list(one.values), list(one.keys or ())) for one in batches]


@given(
    columns_of_maps(), st.lists(CONFIGS, min_size=1, max_size=3), st.sampled_from([None, 0, 1_000])
)
def test_columns_become_what_dicts_become(
    maps: Maps, steps: list[tuple[str, dict[str, str]]], timestamp: int | None
) -> None:
    dicts = [dict(zip(maps.names, row, strict=True)) for row in zip(*maps.columns, strict=True)]
    timestamps = [timestamp] * len(dicts)

    made = applied(steps, batch_of(maps, timestamps))

    assert made == applied(steps, batch_of(dicts, timestamps))
    assert maps == dicts
