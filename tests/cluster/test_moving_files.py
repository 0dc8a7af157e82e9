import random
from pathlib import Path

from tests.support.cluster import Cluster, expect, expect_value, file_sink, file_source

JSON = "org.apache.kafka.connect.json.JsonConverter"
BYTES = "org.apache.kafka.connect.converters.ByteArrayConverter"


def awkward_lines(count: int) -> bytes:
    """Lines that are empty, long, not ASCII, with quotes, tabs and what looks like JSON."""
    chance = random.Random(7)
    samples = [
        "",
        " ",
        "plain",
        '"quoted" \\ /',
        "tab\there",
        "äöü €",
        "😀 beyond",
        '{"a": 1}',
        "null",
    ]
    lines = [f"{n} {chance.choice(samples)}" for n in range(count)]
    lines += ["", "x" * 100_000, "last"]
    return "".join(f"{line}\n" for line in lines).encode()


def test_a_file_arrives_byte_for_byte_through_each_converter(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.start(1)
    content = awkward_lines(5000)
    original = tmp_path / "original.txt"
    original.write_bytes(content)
    converters = {
        "string": {"value.converter": "org.apache.kafka.connect.storage.StringConverter"},
        "json": {"value.converter": JSON},
        "plain": {"value.converter": JSON, "value.converter.schemas.enable": "false"},
    }

    for name, converter in converters.items():
        topic = f"{cluster.group}-{name}"
        cluster.create(f"{name}-source", {**file_source(original, topic), **converter})
        cluster.create(f"{name}-sink", {**file_sink(tmp_path / name, topic), **converter})

    for name in converters:
        copy = tmp_path / name
        expect(f"{name} copy", lambda c=copy: c.exists() and c.stat().st_size >= len(content))
        assert copy.read_bytes() == content
    cluster.stop()


def test_a_source_waits_for_its_file_and_follows_it(cluster: Cluster, tmp_path: Path) -> None:
    cluster.start(1)
    original, copy = tmp_path / "later.txt", tmp_path / "copy.txt"
    topic = f"{cluster.group}-later"
    cluster.create("source", file_source(original, topic))
    cluster.create("sink", file_sink(copy, topic))
    cluster.expect_running("source")

    with original.open("ab", buffering=0) as file:
        file.write(b"first\nhalf")
        expect("the first line", lambda: copy.exists() and copy.read_bytes() == b"first\n")
        file.write(b" a line\n")

        expect_value("the copy", copy.read_bytes, b"first\nhalf a line\n")
    cluster.stop()


def test_source_offsets_survive_a_restart_of_the_whole_cluster(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.start(1)
    original, copy = tmp_path / "original.txt", tmp_path / "copy.txt"
    original.write_bytes(b"one\ntwo\n")
    topic = f"{cluster.group}-t"
    cluster.create("source", file_source(original, topic))
    cluster.create("sink", file_sink(copy, topic))
    expect("the copy", lambda: copy.exists() and copy.read_bytes() == b"one\ntwo\n")

    cluster.stop()
    with original.open("ab") as file:
        file.write(b"three\n")
    cluster.start(1)

    expect("the third line", lambda: copy.read_bytes().endswith(b"three\n"))
    assert copy.read_bytes() == b"one\ntwo\nthree\n"
    cluster.stop()
