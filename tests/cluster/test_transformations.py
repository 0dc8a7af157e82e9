from pathlib import Path

from tests.support.cluster import Cluster, expect_value, file_sink, file_source

JSON = "org.apache.kafka.connect.json.JsonConverter"
TRANSFORMS = "org.apache.kafka.connect.transforms"


def test_records_go_through_chains_with_predicates_in_and_out(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Lines become structs with a number, a header and another topic, and lines again."""
    cluster.start(1)
    original, copy = tmp_path / "numbers.txt", tmp_path / "copy.txt"
    original.write_bytes(b"1\n300\nnone\n-7\n")
    topic = f"{cluster.group}-in"
    cluster.create(
        "source",
        {
            **file_source(original, topic),
            "value.converter": JSON,
            "transforms": "hoist,insert,mark,route,drop",
            "transforms.hoist.type": "HoistField$Value",
            "transforms.hoist.field": "number",
            "transforms.insert.type": f"{TRANSFORMS}.InsertField$Value",
            "transforms.insert.static.field": "origin!",
            "transforms.insert.static.value": "file",
            "transforms.mark.type": f"{TRANSFORMS}.InsertHeader",
            "transforms.mark.header": "kept",
            "transforms.mark.value.literal": "true",
            "transforms.route.type": "RegexRouter",
            "transforms.route.regex": "(.*)-in",
            "transforms.route.replacement": "$1-out",
            "transforms.drop.type": "Filter",
            "transforms.drop.predicate": "marked",
            "transforms.drop.negate": "true",
            "predicates": "marked",
            "predicates.marked.type": f"{TRANSFORMS}.predicates.HasHeaderKey",
            "predicates.marked.name": "kept",
        },
    )
    cluster.create(
        "sink",
        {
            **file_sink(copy, f"{cluster.group}-out"),
            "value.converter": JSON,
            "errors.tolerance": "all",
            "transforms": "cast,rename,line",
            "transforms.cast.type": "Cast$Value",
            "transforms.cast.spec": "number:int16",
            "transforms.rename.type": "ReplaceField$Value",
            "transforms.rename.exclude": "origin",
            "transforms.rename.renames": "number:n",
            "transforms.line.type": "ExtractField$Value",
            "transforms.line.field": "n",
            "transforms.line.predicate": "routed",
            "predicates": "routed",
            "predicates.routed.type": "TopicNameMatches",
            "predicates.routed.pattern": ".*-out",
        },
    )

    # What is no number fails in its batch, alone.
    expect_value("the copy", lambda: copy.exists() and copy.read_bytes(), b"1\n300\n-7\n")
    cluster.expect_running("sink")
    cluster.stop()
