"""The settings of the REST server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from isthmus.config.rest_def import HeaderRule, Listener, parse_header_rules
from isthmus.config.worker import WorkerConfig


@dataclass(frozen=True, slots=True)
class RestConfig:
    """How the REST API is offered; each setting is the worker property of its name.

    `admin_listeners`: None has `/admin` on the main listeners, an empty sequence nowhere.
    `tls` and `admin_tls` are the ssl.* settings of https listeners, `tls` also those of requests
    to other workers, which are reached by `advertised_scheme`. `worker` is what extensions are
    given. All three may hold secrets.
    The two timeouts are Connect's own constants, in seconds, and no worker property.
    Java: RestServerConfig.
    """

    listeners: Sequence[Listener] = (Listener("http", "", 8083),)
    admin_listeners: Sequence[Listener] | None = None
    advertised_scheme: str = "http"
    access_control_allow_origin: str = ""
    access_control_allow_methods: str = ""
    response_headers: Sequence[HeaderRule] = ()
    topic_tracking_enable: bool = True
    topic_tracking_allow_reset: bool = True
    request_timeout: float = 90.0
    health_timeout: float = 10.0
    tls: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    admin_tls: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    rest_extension_classes: Sequence[str] = ()
    extension_timeout: float = 90.0
    worker: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    @classmethod
    def of(cls, worker: WorkerConfig) -> "RestConfig":
        """Return the part of a worker's settings that its REST server needs."""
        return cls(
            listeners=worker.listeners,
            admin_listeners=worker.admin_listeners,
            advertised_scheme=worker.advertised_scheme,
            access_control_allow_origin=worker.access_control_allow_origin,
            access_control_allow_methods=worker.access_control_allow_methods,
            response_headers=parse_header_rules(worker.response_http_headers_config),
            topic_tracking_enable=worker.topic_tracking_enable,
            topic_tracking_allow_reset=worker.topic_tracking_allow_reset,
            tls=worker.with_prefix_all_or_nothing("listeners.https."),
            admin_tls=worker.with_prefix_all_or_nothing("admin.listeners.https."),
            rest_extension_classes=worker.rest_extension_classes,
            extension_timeout=min(90.0, worker.rebalance_timeout),
            worker=worker.originals,
        )
