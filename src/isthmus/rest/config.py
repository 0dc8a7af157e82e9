"""The settings of the REST server."""

from collections.abc import Sequence
from dataclasses import dataclass

from isthmus.config.rest_def import HeaderRule, Listener


@dataclass(frozen=True, slots=True)
class RestConfig:
    """How the REST API is offered; each setting is the worker property of its name.

    `admin_listeners`: None has `/admin` on the main listeners, an empty sequence nowhere.
    The two timeouts are Connect's own constants, in seconds, and no worker property.
    Java: RestServerConfig.
    """

    listeners: Sequence[Listener] = (Listener("http", "", 8083),)
    admin_listeners: Sequence[Listener] | None = None
    advertised_host_name: str | None = None
    advertised_port: int | None = None
    advertised_listener: str | None = None
    access_control_allow_origin: str = ""
    access_control_allow_methods: str = ""
    response_headers: Sequence[HeaderRule] = ()
    topic_tracking_enable: bool = True
    topic_tracking_allow_reset: bool = True
    request_timeout: float = 90.0
    health_timeout: float = 10.0
