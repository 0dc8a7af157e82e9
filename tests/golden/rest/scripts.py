"""All requests that are sent to Apache's worker and to ours, by the worker that they need."""

from collections.abc import Sequence

from tests.golden.rest.validations import EXACTLY_ONCE, UNDER_POLICIES, VALIDATIONS, source
from tests.support.rest_script import Script, Send, Step, Wait, Write, settled

_FILE = "org.apache.kafka.connect.file"
_POLICY = "connector.client.config.override.policy"
_METHODS = ("HEAD", "OPTIONS", "GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW")
_PATHS = (
    "/",
    "/health",
    "/connectors",
    "/connectors/nope",
    "/connectors/nope/config",
    "/connectors/nope/status",
    "/connectors/nope/restart",
    "/connectors/nope/pause",
    "/connectors/nope/resume",
    "/connectors/nope/stop",
    "/connectors/nope/tasks",
    "/connectors/nope/tasks/0/status",
    "/connectors/nope/tasks/0/restart",
    "/connectors/nope/tasks/x/status",
    "/connectors/nope/tasks-config",
    "/connectors/nope/topics",
    "/connectors/nope/topics/reset",
    "/connectors/nope/offsets",
    "/connectors/nope/fence",
    "/connector-plugins",
    "/connector-plugins/Nope",
    "/connector-plugins/Nope/config",
    "/connector-plugins/Nope/config/validate",
    "/admin",
    "/admin/loggers/no.such.logger",
    "/nothing",
)

METHODS = Script(
    "methods",
    [
        *[
            Send(method, path)
            for path in _PATHS
            for method in _METHODS
            if not (method == "HEAD" and path == "/health")
        ],
        *[Send("HEAD", path) for path in ("/health", "/admin/loggers")],
        *[Send("OPTIONS", path, headers={"Accept": "application/json"}) for path in _PATHS[:4]],
    ],
)


def _odd_bodies(method: str, path: str) -> list[Step]:
    bodies = ("", "null", "{}", "[]", '"x"', "7", "true", "{", '{"a": {}}', '{"a": []}', "{}x")
    return [Send(method, path, body) for body in bodies]


_CREATE = f'{{"name": "b", "config": {{"connector.class": "{_FILE}.FileStreamSourceConnector"'

_CREATE_BODIES: Sequence[object] = (
    {"name": "b"},
    {"name": "b", "config": None},
    {"name": "b", "config": {}},
    {"name": None, "config": {"connector.class": "FileStreamSource"}},
    {"name": " ", "config": {"connector.class": "FileStreamSource"}},
    {"config": {"connector.class": "FileStreamSource", "name": "z"}},
    {"name": "b", "config": {"connector.class": "Nope"}},
    {"name": "b", "config": {"name": "c"}},
    {"name": "b", "config": {"connector.class": None}},
    {"name": "b", "config": {"connector.class": "FileStreamSource"}, "more": 1},
    {"name": "b", "config": {"connector.class": "FileStreamSource", "topic": None}},
    {"name": "b", "config": {}, "initial_state": "nope"},
    {"name": "b", "config": {}, "initial_state": ""},
    {"name": "b", "config": {}, "initial_state": 1},
    {"name": ["b"], "config": {}},
    {"name": "b", "config": "x"},
    f'{_CREATE}, "tasks.max": 1.50, "tasks.max": 0}}}}',
    b"\xef\xbb\xbf" + f"{_CREATE}}}}}".encode(),
    f"{_CREATE}}}}}".encode("utf-16"),
    b'{"name": "\xff"}',
    '{"name": "b", "config": {"a": NaN}}',
    "{'name': 'b'}",
    '{"name": "b", /* c */ "config": {}}',
    '{"name": "b", "config": {},}',
)

BODIES = Script(
    "bodies",
    [
        *_odd_bodies("POST", "/connectors"),
        *_odd_bodies("PUT", "/connectors/nope/config"),
        *_odd_bodies("PATCH", "/connectors/nope/config"),
        *_odd_bodies("PATCH", "/connectors/nope/offsets"),
        *_odd_bodies("PUT", "/admin/loggers/some.logger"),
        *_odd_bodies("POST", "/connectors/nope/restart"),
        *_odd_bodies("PUT", "/connectors/nope/stop"),
        *_odd_bodies("DELETE", "/connectors/nope"),
        *[Send("POST", "/connectors", body) for body in _CREATE_BODIES],
        *[
            Send("POST", "/connectors", "{}", {"Content-Type": content_type})
            for content_type in (
                "",
                "text/plain",
                "application/json; charset=utf-8",
                "application/json;charset=UTF-16",
                "application/json; charset=latin-1",
                "APPLICATION/JSON",
                "application/*",
                "*/*",
                "application/vnd.kafka+json",
                "application/x-www-form-urlencoded",
                "application/json, text/plain",
            )
        ],
        *[
            Send("GET", "/connectors", headers={"Accept": accept})
            for accept in (
                "*/*",
                "application/json",
                "application/*",
                "text/html, */*; q=0.1",
                "text/html",
                "application/json; charset=utf-8",
                "application/json; q=0",
                "application/vnd.kafka+json, application/json",
            )
        ],
        Send("GET", "/connectors/nope", headers={"Accept": "text/plain"}),
        Send("GET", "/nothing", headers={"Accept": "text/plain"}),
        Send("POST", "/connectors/nope/restart", "x", {"Content-Type": "text/plain"}),
        Send("GET", "/connectors", headers={"Authorization": "Basic bm86cGU="}),
        Send("POST", "/connectors", '{"name": "b", "config": {"a": "' + "x" * 300_000 + '"}}'),
        Send("DELETE", "/connectors/b"),
        Wait("/connectors/b/status", ["No status found"]),
    ],
)

PATHS = Script(
    "paths",
    [
        Send("GET", path)
        for path in (
            "/connectors/",
            "//connectors",
            "/connectors//",
            "/connectors?",
            "/connectors?expand=nothing",
            "/connectors?expand=",
            "/connectors?expand=info,status",
            "/connectors?EXPAND=info",
            "/connectors;a=b",
            "/connectors/a;b=c",
            "/connectors/./nope",
            "/connectors/x/../nope",
            "/../connectors",
            "/connectors/%2e%2e/nope",
            "/connectors/a%20b",
            "/connectors/a+b",
            "/connectors/a%09b",
            "/connectors/a%00b",
            "/connectors/a%zz",
            "/connectors/a%",
            "/connectors/%C3%A9",
            "/connectors/%C3",
            "/connectors/%F0%9F%98%80",
            "/connectors/a%3Fb",
            "/connectors/a%23b",
            "/connectors/a%3Bb",
            "/connectors/a:b@c!$&'()*,=~",
            "/Connectors",
            "/connectors/nope/Config",
            "/connectors/nope/tasks/",
            "/connectors/nope/tasks/-1/status",
            "/connectors/nope/tasks/+1/status",
            "/connectors/nope/tasks/01/status",
            "/connectors/nope/tasks/2147483648/status",
            "/connectors/nope/tasks/%30/status",
            "/connector-plugins/",
            "/connector-plugins/a.b/config/",
            "/admin/loggers/",
        )
    ],
)

_PLUGINS = (
    "FileStreamSource",
    "FileStreamSinkConnector",
    f"{_FILE}.FileStreamSinkConnector",
    "JsonConverter",
    "Json",
    "org.apache.kafka.connect.json.JsonConverter",
    "org.apache.kafka.connect.storage.StringConverter",
    "org.apache.kafka.connect.storage.SimpleHeaderConverter",
    "org.apache.kafka.connect.converters.IntegerConverter",
    "org.apache.kafka.connect.converters.ByteArrayConverter",
    *[
        f"org.apache.kafka.connect.transforms.{name}"
        for name in (
            "Cast$Key",
            "Cast$Value",
            "Cast",
            "DropHeaders",
            "ExtractField$Value",
            "Filter",
            "Flatten$Value",
            "HeaderFrom$Value",
            "HoistField$Value",
            "InsertField$Value",
            "InsertHeader",
            "MaskField$Value",
            "RegexRouter",
            "ReplaceField$Value",
            "SetSchemaMetadata$Value",
            "TimestampConverter$Value",
            "TimestampRouter",
            "ValueToKey",
            "predicates.HasHeaderKey",
            "predicates.RecordIsTombstone",
            "predicates.TopicNameMatches",
        )
    ],
    "TimestampRouter",
    "RecordIsTombstone",
    "java.lang.String",
    "Nope",
)

PLUGINS = Script(
    "plugins",
    [
        *[
            Send("GET", f"/connector-plugins{query}")
            for query in (
                "",
                "?connectorsOnly=false",
                "?connectorsOnly=FALSE",
                "?connectorsOnly=true",
                "?connectorsOnly=",
                "?connectorsOnly=x",
            )
        ],
        *[Send("GET", f"/connector-plugins/{plugin}/config") for plugin in _PLUGINS],
        *[
            Send("GET", f"/connector-plugins/FileStreamSource/config?version={version}")
            for version in (
                "",
                "latest",
                "LATEST",
                "4.3.1",
                "1.0",
                "[4.0,5.0)",
                "%5B4.0,5.0)",
                "[1.0,2.0)",
                "[bad",
                "(,)",
                "x",
            )
        ],
        Send("GET", "/connector-plugins/JsonConverter/config?version=1.0"),
        Send("GET", "/connector-plugins/Nope/config?version=1.0"),
    ],
)


def _source(**changes: object) -> dict[str, object]:
    config = {"connector.class": "FileStreamSource", "file": "@DIR@/in", "topic": "t-@RUN@"}
    return {**config, **{key.replace("__", "."): value for key, value in changes.items()}}


def _reads(name: str) -> list[Step]:
    paths = ("", "/config", "/status", "/tasks", "/tasks/0/status", "/tasks/9/status", "/topics")
    return [Send("GET", f"/connectors/{name}{path}") for path in paths]


CONNECTORS = Script(
    "connectors",
    [
        Write("in", "one\ntwo\n"),
        Send("GET", "/connectors"),
        Send("GET", "/connectors?expand=info&expand=status"),
        Send("POST", "/connectors", {"name": "a", "config": _source()}),
        settled("a", "RUNNING", "RUNNING"),
        Wait("/connectors/a/topics", ["t-@RUN@"]),
        *_reads("a"),
        Send("GET", "/connectors"),
        Send("GET", "/connectors?expand=info"),
        Send("GET", "/connectors?expand=status"),
        Send("GET", "/connectors?expand=status&expand=info"),
        Send("GET", "/connectors?expand=info&expand=status"),
        Send("GET", "/connectors?expand=nothing"),
        Send("HEAD", "/connectors/a"),
        Send("POST", "/connectors", {"name": "a", "config": _source()}),
        Send("PUT", "/connectors/a/config", _source(name="b")),
        Send("PUT", "/connectors/a/config", _source(tasks__max="0", batch__size="x")),
        Send("PUT", "/connectors/a/config", _source(connector__class="Nope")),
        Send("PUT", "/connectors/a/config", {}),
        Send("PUT", "/connectors/a/config", {"connector.class": "FileStreamSource"}),
        Send("PUT", "/connectors/a/config", _source(batch__size=7, odd=True, f=1.50)),
        settled("a", "RUNNING", "RUNNING"),
        Wait("/connectors/a/config", ['"odd"']),
        Send("GET", "/connectors/a/config"),
        Send("PATCH", "/connectors/a/config", {"batch.size": None, "more": "x", "gone": None}),
        Send("PATCH", "/connectors/a/config", {}),
        Send("PATCH", "/connectors/a/config", {"tasks.max": "0"}),
        Send("PATCH", "/connectors/a/config", {"connector.class": None}),
        Send("PATCH", "/connectors/a/config", {"topic": None}),
        Send("PATCH", "/connectors/a/config", {"name": "other"}),
        settled("a", "RUNNING", "RUNNING", hold=0.5),
        *_reads("a"),
        Send("PUT", "/connectors/a/config", _source()),
        settled("a", "RUNNING", "RUNNING"),
        Send("PUT", "/connectors/a/topics/reset"),
        Wait("/connectors/a/topics", ['"topics":[]']),
        Send("GET", "/connectors/a/topics"),
        Send("PUT", "/connectors/a/pause"),
        settled("a", "PAUSED", "PAUSED"),
        *_reads("a"),
        Send("PUT", "/connectors/a/pause"),
        Send("PUT", "/connectors/a/resume"),
        settled("a", "RUNNING", "RUNNING"),
        Send("PUT", "/connectors/a/resume"),
        *[
            step
            for query in (
                "",
                "?includeTasks=false&onlyFailed=false",
                "?includeTasks=",
                "?includeTasks=yes",
                "?includeTasks=1",
                "?onlyFailed=true",
                "?includeTasks=TRUE&onlyFailed=true",
                "?includeTasks=true",
            )
            for step in (
                Send("POST", f"/connectors/a/restart{query}"),
                settled("a", "RUNNING", "RUNNING"),
            )
        ],
        Send("POST", "/connectors/a/restart", "{}"),
        settled("a", "RUNNING", "RUNNING"),
        Send("POST", "/connectors/a/tasks/0/restart"),
        settled("a", "RUNNING", "RUNNING"),
        Send("POST", "/connectors/a/tasks/9/restart"),
        Send("POST", "/connectors/a/tasks/-1/restart"),
        Send("POST", "/connectors/a/tasks/x/restart"),
        Send("PUT", "/connectors/a/stop"),
        settled("a", "STOPPED"),
        *_reads("a"),
        Send("PUT", "/connectors/a/stop"),
        Send("POST", "/connectors/a/restart"),
        Send("POST", "/connectors/a/restart?includeTasks=true"),
        settled("a", "STOPPED"),
        Send("POST", "/connectors/a/tasks/0/restart"),
        Send("PUT", "/connectors/a/pause"),
        Wait("/connectors/a/status", ['"state":"PAUSED"']),
        Send("PUT", "/connectors/a/resume"),
        settled("a", "RUNNING", "RUNNING"),
        Send("DELETE", "/connectors/a"),
        Send("DELETE", "/connectors/a"),
        Wait("/connectors/a/status", ["No status found"]),
        *_reads("a"),
    ],
)

NAMES = Script(
    "names",
    [
        step
        for name, escaped in (
            ("with space", "with%20space"),
            (" trimmed\t", "trimmed"),
            ("é😀", "%C3%A9%F0%9F%98%80"),
            ("a?b#c", "a%3Fb%23c"),
            ("a+b&c=d", "a+b&c=d"),
            ("a;b", "a%3Bb"),
            ("a:b@c!$'()*,~", "a:b@c!$'()*,~"),
            ("[x]{y}|z^`", "%5Bx%5D%7By%7D%7Cz%5E%60"),
            ("..x", "..x"),
            ("UPPER", "UPPER"),
            ('quo"te', "quo%22te"),
            ("<a>", "%3Ca%3E"),
        )
        for step in (
            Send(
                "POST",
                "/connectors",
                {"name": name, "config": _source(), "initial_state": "Stopped"},
            ),
            Send("GET", f"/connectors/{escaped}"),
            Send("PUT", f"/connectors/{escaped}/config", _source()),
            settled(escaped, "STOPPED", hold=0.5),
            Send("GET", f"/connectors/{escaped}/status"),
            Send("DELETE", f"/connectors/{escaped}"),
            Send("PUT", f"/connectors/{escaped}/config", {}),
        )
        if name != 'quo"te' or (isinstance(step, Send) and step.method != "POST")
    ],
)

INITIAL_STATES = Script(
    "initial-states",
    [
        Send(
            "POST",
            "/connectors",
            {"name": "p", "config": _source(), "initial_state": "PAUSED"},
        ),
        settled("p", "PAUSED"),
        *_reads("p"),
        Send("PUT", "/connectors/p/resume"),
        settled("p", "RUNNING", "RUNNING"),
        Send("DELETE", "/connectors/p"),
        Send(
            "POST",
            "/connectors",
            {"name": "s", "config": _source(), "initial_state": "stopped"},
        ),
        settled("s", "STOPPED"),
        *_reads("s"),
        Send("DELETE", "/connectors/s"),
        Send(
            "POST",
            "/connectors",
            {"name": "r", "config": _source(), "initial_state": "running"},
        ),
        settled("r", "RUNNING", "RUNNING"),
        Send("DELETE", "/connectors/r"),
        Send("POST", "/connectors", {"name": "n", "config": _source(), "initial_state": None}),
        settled("n", "RUNNING", "RUNNING"),
        Send("DELETE", "/connectors/n"),
        Send("PUT", "/connectors/u/config", _source(connector__class="Nope")),
        Send("PUT", "/connectors/f/config", _source(transforms="a", transforms__a__type="x")),
    ],
)


def _offsets(*items: object) -> dict[str, object]:
    return {"offsets": list(items)}


def _at(partition: object, offset: object) -> dict[str, object]:
    return {"partition": partition, "offset": offset}


_IN = {"filename": "@DIR@/offsets-in"}
_SOURCE_OFFSETS: Sequence[object] = (
    _offsets(),
    {"offsets": None},
    _offsets(None),
    _offsets({}),
    {"offsets": {}},
    {"offsets": [], "more": 1},
    _offsets({"partition": _IN, "offset": {"position": 1}, "more": 1}),
    _offsets(_at(_IN, {"position": 4})),
    _offsets(_at(_IN, {"position": "4"})),
    _offsets(_at(_IN, {"position": 4.0})),
    _offsets(_at(_IN, {"position": -1})),
    _offsets(_at(_IN, {"position": None})),
    _offsets(_at(_IN, {})),
    _offsets(_at(_IN, {"position": 4, "more": 1})),
    _offsets(_at(_IN, {"position": {"a": 1}})),
    _offsets(_at(_IN, {"position": [1]})),
    _offsets(_at(_IN, {"position": True})),
    _offsets(_at(_IN, {"position": 99999999999999999999})),
    _offsets(_at({}, {"position": 4})),
    _offsets(_at(None, {"position": 4})),
    _offsets({"offset": {"position": 4}}),
    _offsets(_at({"file": "x"}, {"position": 4})),
    _offsets(_at({"filename": None}, {"position": 4})),
    _offsets(_at({"filename": 7}, {"position": 4})),
    _offsets(_at({"filename": "x", "more": 1}, {"position": 4})),
    _offsets(_at("x", {"position": 4})),
    _offsets(_at(_IN, "x")),
    _offsets(_at(_IN, {"position": 1}), _at(_IN, {"position": 2})),
    _offsets(_at({"filename": "other"}, {"position": 2}), _at(_IN, None)),
    _offsets(_at({"filename": "other"}, None), _at({"filename": "never"}, None)),
    _offsets(_at(_IN, {"position": 2})),
)

_TOPIC = "offsets-@RUN@"
_PART = {"kafka_topic": _TOPIC, "kafka_partition": 0}
_SINK_OFFSETS: Sequence[object] = (
    _offsets(),
    _offsets({}),
    _offsets(_at(_PART, {"kafka_offset": 1})),
    _offsets(_at(_PART, {"kafka_offset": "1"})),
    _offsets(_at({"kafka_topic": _TOPIC, "kafka_partition": "0"}, {"kafka_offset": 2})),
    _offsets(_at(_PART, {"kafka_offset": 1.0})),
    _offsets(_at(_PART, {"kafka_offset": 1.5})),
    _offsets(_at(_PART, {"kafka_offset": "x"})),
    _offsets(_at(_PART, {"kafka_offset": "+1"})),
    _offsets(_at(_PART, {"kafka_offset": " 1"})),
    _offsets(_at(_PART, {"kafka_offset": "1_0"})),
    _offsets(_at(_PART, {"kafka_offset": None})),
    _offsets(_at(_PART, {"kafka_offset": True})),
    _offsets(_at(_PART, {"kafka_offset": {"a": 1}})),
    _offsets(_at(_PART, {"kafka_offset": 9223372036854775808})),
    _offsets(_at(_PART, {})),
    _offsets(_at(_PART, {"kafka_offset": 1, "more": 2})),
    _offsets(_at({"kafka_topic": _TOPIC}, {"kafka_offset": 1})),
    _offsets(_at({"kafka_partition": 0}, {"kafka_offset": 1})),
    _offsets(_at({"kafka_topic": None, "kafka_partition": 0}, {"kafka_offset": 1})),
    _offsets(_at({"kafka_topic": 7, "kafka_partition": 0}, {"kafka_offset": 1})),
    _offsets(_at({"kafka_topic": _TOPIC, "kafka_partition": None}, {"kafka_offset": 1})),
    _offsets(_at({"kafka_topic": _TOPIC, "kafka_partition": "x"}, {"kafka_offset": 1})),
    _offsets(_at({"kafka_topic": _TOPIC, "kafka_partition": 1.0}, {"kafka_offset": 1})),
    _offsets(_at({"kafka_topic": _TOPIC, "kafka_partition": -1}, {"kafka_offset": 1})),
    _offsets(_at({**_PART, "more": 1}, {"kafka_offset": 1})),
    _offsets(_at(None, {"kafka_offset": 1})),
    _offsets(_at(_PART, None)),
    _offsets(_at(_PART, {"kafka_offset": 2})),
)

OFFSETS = Script(
    "offsets",
    [
        Write("offsets-in", "one\ntwo\nthree\n"),
        Send("PATCH", "/connectors/nope/offsets", _offsets(_at(_IN, None))),
        Send("PUT", "/connectors/o/config", _source(file="@DIR@/offsets-in", topic=_TOPIC)),
        settled("o", "RUNNING", "RUNNING"),
        Wait("/connectors/o/offsets", ['"position":14']),
        Send("GET", "/connectors/o/offsets"),
        Send("PATCH", "/connectors/o/offsets", _offsets(_at(_IN, None))),
        Send("DELETE", "/connectors/o/offsets"),
        Send(
            "PUT",
            "/connectors/k/config",
            {"connector.class": "FileStreamSink", "file": "@DIR@/out", "topics": _TOPIC},
        ),
        settled("k", "RUNNING", "RUNNING"),
        Wait("/connectors/k/offsets", ['"kafka_offset":3']),
        Send("GET", "/connectors/k/offsets"),
        *_reads("k"),
        Send("PATCH", "/connectors/k/offsets", _offsets(_at(_PART, None))),
        Send("DELETE", "/connectors/k/offsets"),
        Send("PUT", "/connectors/o/pause"),
        settled("o", "PAUSED", "PAUSED"),
        Send("DELETE", "/connectors/o/offsets"),
        Send("PUT", "/connectors/o/stop"),
        Send("PUT", "/connectors/k/stop"),
        settled("o", "STOPPED"),
        settled("k", "STOPPED"),
        *[
            step
            for body in _SOURCE_OFFSETS
            for step in (
                Send("PATCH", "/connectors/o/offsets", body),
                Send("GET", "/connectors/o/offsets"),
            )
        ],
        *[
            step
            for body in _SINK_OFFSETS
            for step in (
                Send("PATCH", "/connectors/k/offsets", body),
                Send("GET", "/connectors/k/offsets"),
            )
        ],
        *[
            step
            for name in ("o", "k")
            for step in (
                Send("DELETE", f"/connectors/{name}/offsets"),
                Send("GET", f"/connectors/{name}/offsets"),
                Send("DELETE", f"/connectors/{name}/offsets"),
                Send("DELETE", f"/connectors/{name}"),
            )
        ],
    ],
)

LOGGERS = Script(
    "loggers",
    [
        Send("GET", "/admin/loggers/x.y.never"),
        *[
            step
            for level in ("DEBUG", "warn", " INFO", "", "loud", "OFF", "ALL", "FATAL", "TRACE", 5)
            for step in (
                Send("PUT", "/admin/loggers/x.y", {"level": level}),
                Send("GET", "/admin/loggers/x.y"),
            )
        ],
        Send("PUT", "/admin/loggers/x.y", {}),
        Send("PUT", "/admin/loggers/x.y", {"level": None}),
        Send("PUT", "/admin/loggers/x.y", {"Level": "INFO"}),
        Send("PUT", "/admin/loggers/x.y", {"level": "INFO", "more": "x"}),
        Send("PUT", "/admin/loggers/x.y", {"level": "INFO"}),
        Send("PUT", "/admin/loggers/x.y.z", {"level": "DEBUG"}),
        Send("PUT", "/admin/loggers/x", {"level": "ERROR"}),
        Send("GET", "/admin/loggers/x.y.z"),
        *[
            Send("PUT", f"/admin/loggers/x.y?scope={scope}", {"level": "WARN"})
            for scope in ("worker", "cluster", "WORKER", "Cluster", "planet", "")
        ],
        Send("PUT", "/admin/loggers/x.y?scope=cluster", {"level": "loud"}),
        Send("PUT", "/admin/loggers/x.y?scope=cluster", {}),
        Send("PUT", "/admin/loggers/x.y", {"level": "WARN"}),
        Send("GET", "/admin/loggers/root"),
        Send("GET", "/admin/loggers/ROOT"),
        Send("GET", "/admin/loggers/x%20y"),
    ],
)


def _from(origin: str, method: str, path: str, **headers: str) -> Send:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return Send(method, path, headers={"Origin": origin, **named})


_ASKS = {"Access_Control_Request_Method": "PUT"}
_ASKS_MORE = {**_ASKS, "Access_Control_Request_Headers": "Content-Type, X-Other"}

SHARED = Script(
    "shared-listeners",
    [
        *[
            step
            for origin in ("http://a.example", "http://b.example", "null", "", "http://A.example")
            for step in (
                _from(origin, "GET", "/connectors"),
                _from(origin, "GET", "/connectors/nope"),
                _from(origin, "OPTIONS", "/connectors"),
                _from(origin, "OPTIONS", "/connectors/a/config", **_ASKS),
                _from(origin, "OPTIONS", "/connectors/a/config", **_ASKS_MORE),
                _from(origin, "PUT", "/connectors/nope/stop"),
                _from(origin, "GET", "/nothing"),
            )
        ],
        Send("GET", "/", listener=1),
        Send("GET", "/connectors/%2F", listener=1),
        Send("GET", "/connectors", listener=2),
        Send("GET", "/admin/loggers/x"),
        Send("GET", "/admin/loggers/x", listener=2),
        Send("OPTIONS", "/admin/loggers/x", listener=2),
        Send("GET", "/admin/loggers/x", headers={"Origin": "http://a.example"}, listener=2),
        Send("PUT", "/admin/loggers/x", {"level": "WARN"}, listener=2),
        Send("GET", "/connectors/nope/topics"),
        Send("PUT", "/connectors/nope/topics/reset"),
        Send("POST", "/connectors", {"name": "l", "config": _source(), "initial_state": "STOPPED"}),
        Send("PUT", "/connectors/m/config", _source(), {"Host": "other.example:99"}, listener=1),
        *UNDER_POLICIES,
        source(producer__override__linger__ms="5", exactly__once__support="required"),
    ],
    {
        "listeners": "http://@PORT@,http://@PORT1@",
        "admin.listeners": "http://@PORT2@",
        "access.control.allow.origin": "http://a.example, http://c.example",
        "access.control.allow.methods": "GET,PUT",
        "response.http.headers.config": "set X-One:1, ADD  X-Two: a b,"
        '"add X-Three:a, b", add X-Two:c,set Cache-Control:no-cache',
        "topic.tracking.enable": "false",
        _POLICY: "None",
    },
    more_listeners=2,
)

EVERYBODY = Script(
    "open-to-all",
    [
        _from("http://a.example", "GET", "/connectors"),
        _from("http://a.example", "OPTIONS", "/connectors", **_ASKS),
        _from("null", "GET", "/connectors"),
        Send("GET", "/connectors"),
        Send("GET", "/admin/loggers/x"),
        Send("GET", "/admin/loggers"),
        Send("GET", "/connectors/nope/topics"),
        Send("PUT", "/connectors/nope/topics/reset"),
        *UNDER_POLICIES,
        *EXACTLY_ONCE,
    ],
    {
        "access.control.allow.origin": "*",
        "admin.listeners": "",
        "topic.tracking.allow.reset": "false",
        "exactly.once.source.support": "enabled",
        _POLICY: "Principal",
    },
)

#: Those that one worker with no settings of its own answers one after the other.
PLAIN = (
    METHODS,
    BODIES,
    PATHS,
    PLUGINS,
    CONNECTORS,
    NAMES,
    INITIAL_STATES,
    OFFSETS,
    LOGGERS,
    *VALIDATIONS,
)
#: Those that need a worker of their own.
OWN = (SHARED, EVERYBODY)
