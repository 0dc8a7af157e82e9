"""Writes configuration.md from the definitions of the settings, so that it cannot be wrong.

    python docs/generate_configuration.py

A unit test fails when the page is not what this writes.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from isthmus.api.config_def import ConfigDef, ConfigKey, Password, to_text
from isthmus.config.client_def import define_client_settings
from isthmus.config.client_keys import (
    COUNTERPARTS,
    MEANINGLESS,
    TRANSLATED,
    WITHOUT_COUNTERPART,
    ClientKind,
)
from isthmus.config.connector_def import sink_config_def, source_config_def
from isthmus.config.rest_def import define_rest_settings
from isthmus.config.security_def import define_sasl_settings, define_ssl_settings
from isthmus.config.supervision import supervision_def
from isthmus.config.worker_def import worker_config_def
from isthmus.plugins import BUILT_IN, PluginKind, Plugins

PAGE: Final = Path(__file__).with_name("configuration.md")

_INTRODUCTION: Final = """\
# Configuration

<!-- Written by docs/generate_configuration.py from the definitions of the settings. -->

Names, types, defaults and limits are those of Apache Kafka Connect 4.3, but for those of
[supervision](#supervision). **Required** stands in
place of a default. A duration whose name ends in `.ms` is in milliseconds. A setting marked † is
accepted, so that the file of a Java worker can be used, and has no effect yet.

Values may hold variables, `${provider:path:key}` or `${provider:key}`, of the providers that
`config.providers` names: `FileConfigProvider`, `DirectoryConfigProvider` and
`EnvVarConfigProvider`, each with its options under `config.providers.<name>.param.`. Those of the
worker are filled in at its start, those of a connector when it is validated and when it or a task
starts; REST and the config topic hold the text as it was written.

A property of a worker that nothing reads is ignored with a warning that names the nearest real one.
"""

#: Plugins that are another by a second name begin so.
_OTHER_NAMES: Final = "io.apicurio."

#: What is defined, checked and has no effect yet. A dot at the end makes it a prefix.
_NO_EFFECT: Final = (
    "metric.reporters",
    "metrics.",
)

_KINDS: Final = tuple(ClientKind)


def page() -> str:
    """Return the whole page."""
    parts = (*_supervision(), *_worker(), *_connectors(), *_clients(), *_plugins())
    return "\n".join([_INTRODUCTION, *parts])


def _supervision() -> Iterable[str]:
    yield "## Supervision\n"
    yield (
        "Settings that Java's worker does not know, and ignores. Each is one of a connector, and"
        " one of a worker for all of its\nconnectors that do not set it."
        " [operations.md](operations.md#what-fails-stands-still-or-takes-too-much) says what they"
        " do. The answer to a validation\nnames those that the config names.\n"
    )
    yield from _table(supervision_def())


def _worker() -> Iterable[str]:
    definition = worker_config_def()
    own = supervision_def()
    sections: dict[str, list[ConfigKey]] = {title: [] for title, _ in _SECTIONS}
    for key in (key for key in definition if key.name not in own):
        title = next(title for title, belongs in _SECTIONS if belongs(key.name))
        sections[title].append(key)
    yield "## Worker\n"
    for title, keys in sections.items():
        yield f"### {title}\n"
        yield from _table(keys)
    yield (
        "Any setting of a topic may follow `config.storage.`, `offset.storage.` and"
        " `status.storage.`, and counts when the topic is created.\n"
    )


def _names_of(define: Callable[[ConfigDef], object]) -> frozenset[str]:
    definition = ConfigDef()
    define(definition)
    return frozenset(definition.names)


def _begins(*prefixes: str) -> Callable[[str], bool]:
    return lambda name: name.startswith(prefixes)


#: The sections of the worker's properties, and what belongs to each.
_SECTIONS: Final[tuple[tuple[str, Callable[[str], bool]], ...]] = (
    ("Connection to Kafka", _names_of(define_client_settings).__contains__),
    (
        "Group",
        _begins(
            "group.", "session.", "rebalance.", "heartbeat.", "worker.", "connect.", "scheduled."
        ),
    ),
    ("Internal topics", _begins("config.storage.", "offset.storage.", "status.storage.")),
    (
        "Plugins and converters",
        _begins("key.", "value.", "header.", "plugin.", "config.providers", "connector."),
    ),
    ("Tasks and topics", _begins("task.", "offset.flush.", "topic.", "exactly.once.")),
    ("REST API", _names_of(define_rest_settings).__contains__),
    ("Requests between workers", _begins("inter.worker.")),
    ("Metrics", _begins("metrics.", "metric.")),
    ("Encryption (ssl)", _names_of(define_ssl_settings).__contains__),
    ("Authentication (sasl)", _names_of(define_sasl_settings).__contains__),
)


def _connectors() -> Iterable[str]:
    source, sink = source_config_def(), sink_config_def()
    common = [key for key in source if key.name in sink]
    yield "## Connectors\n"
    yield "### Every connector\n"
    yield from _table(common)
    yield "### Sources\n"
    yield from _table(key for key in source if key.name not in sink)
    yield (
        "`topic.creation.default.partitions` and `topic.creation.default.replication.factor` have"
        " the topics of a source\ncreated by Isthmus (KIP-158). A group in `topic.creation.groups`"
        " has `include` and `exclude`, lists of patterns, and\nmay have its own of these two; any"
        " other key is a setting of the topic.\n"
    )
    yield "### Sinks\n"
    yield from _table(key for key in sink if key.name not in source)


def _clients() -> Iterable[str]:
    yield "## Clients\n"
    yield (
        "Settings of Kafka's Java clients follow `producer.`, `consumer.` and `admin.` in the"
        " worker's properties, and\n`producer.override.`, `consumer.override.` and"
        " `admin.override.` in a connector's. Those with a counterpart in\nlibrdkafka:\n"
    )
    yield "| name | clients | in librdkafka |"
    yield "| --- | --- | --- |"
    for name in sorted({name for kind in _KINDS for name in _understood(kind)}):
        kinds = [kind for kind in _KINDS if name in _understood(kind)]
        theirs = {text for kind in kinds if (text := _counterpart(kind, name))}
        shown = ", ".join(f"`{text}`" for text in sorted(theirs)) or "translated"
        yield f"| `{name}` | {', '.join(kinds)} | {shown} |"
    yield (
        "\nAlso `security.protocol`, `ssl.…` and `sasl.…`, as for the worker. Always the same,"
        " whatever is set: `enable.auto.commit=false`\nof consumers, and keys spread over"
        " partitions by murmur2.\n"
    )
    yield f"Without effect, and without harm: {_listed(MEANINGLESS)}.\n"
    yield f"Not there in librdkafka, ignored with a warning: {_listed(WITHOUT_COUNTERPART)}.\n"


def _understood(kind: ClientKind) -> frozenset[str]:
    return frozenset(COUNTERPARTS[kind]) | TRANSLATED[kind]


def _counterpart(kind: ClientKind, name: str) -> str | None:
    found = COUNTERPARTS[kind].get(name)
    return None if found is None else found.name


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _plugins() -> Iterable[str]:
    plugins = Plugins(BUILT_IN)
    yield "## Plugins that come with Isthmus\n"
    without: list[str] = []
    names: dict[str, list[str]] = {}
    for descriptor in plugins:
        names.setdefault(descriptor.python_class, []).append(descriptor.class_name)
    for descriptor in plugins:
        is_header = descriptor.kind is PluginKind.HEADER_CONVERTER
        if is_header and _is_also_converter(descriptor.class_name):
            continue
        is_other = descriptor.class_name.startswith(_OTHER_NAMES)
        if (is_other and len(names[descriptor.python_class]) > 1) or (
            descriptor.arguments == ("Value",)
        ):
            continue
        definition: ConfigDef = plugins.create(descriptor).config()
        keys = [key for key in definition if key.name != "converter.type"]
        if not keys:
            without.append(descriptor.class_name)
            continue
        twin = ""
        if descriptor.arguments == ("Key",):
            twin = f" for keys, `{descriptor.class_name.removesuffix('Key')}Value` for values"
        yield f"### {descriptor.simple_name.partition('$')[0]}\n"
        others = [
            name
            for name in names[descriptor.python_class]
            if name.startswith(_OTHER_NAMES) and name != descriptor.class_name
        ]
        also = "".join(f", also called `{name}`" for name in others)
        yield f"`{descriptor.class_name}`{twin}, {descriptor.kind.replace('_', ' ')}{also}.\n"
        yield from _table(keys)
    yield "### Without settings\n"
    yield from (f"- `{name}`" for name in without)
    yield ""


def _is_also_converter(class_name: str) -> bool:
    return any(d.class_name == class_name for d in BUILT_IN if d.kind is PluginKind.CONVERTER)


def _table(keys: Iterable[ConfigKey]) -> Iterable[str]:
    yield "| name | type | default | allowed | |"
    yield "| --- | --- | --- | --- | --- |"
    for key in keys:
        mark = "" if _has_effect(key.name) else " †"
        cells = (f"`{key.name}`{mark}", key.type.lower(), _default(key), _allowed(key))
        yield f"| {' | '.join(cells)} | {_cell(key.documentation)} |"
    yield ""


def _has_effect(name: str) -> bool:
    return not any(
        name.startswith(entry) if entry.endswith(".") else name == entry for entry in _NO_EFFECT
    )


def _default(key: ConfigKey) -> str:
    if key.required:
        return "**required**"
    if isinstance(key.default, Password):
        return Password.HIDDEN
    text = to_text(key.default, key.type)
    return f"`{_cell(text)}`" if text else ""


def _allowed(key: ConfigKey) -> str:
    """Return what the validator says of itself; one that says nothing shows as its address."""
    text = "" if key.validator is None else str(key.validator)
    return "" if " at 0x" in text else _cell(text)


def _cell(text: str) -> str:
    replaced: Mapping[str, str] = {"|": "\\|", "\n": " "}
    for found, wanted in replaced.items():
        text = text.replace(found, wanted)
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
