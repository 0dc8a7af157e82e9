"""The Kerberos login of kafka-python's clients, whose mechanism knows no principal or keytab.

It takes what the process has; here, a ticket cache in memory that a keytab fills. MIT's library
asks for new tickets by itself when half of their life has passed, so that each new connection, and
each that authenticates anew (KIP-368), has good ones. Imported only with Kerberos.
"""

# kafka-python has no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import importlib
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, cast

from kafka.net.sasl import register_sasl_mechanism
from kafka.net.sasl.gssapi import SaslMechanismGSSAPI

# Without types, and not among the packages that every worker has.
gssapi: Final[Any] = importlib.import_module("gssapi")
_raw: Final[Any] = importlib.import_module("gssapi.raw")


class LoginService(str):
    """The service's name, and whose tickets to show it.

    kafka-python hands its settings to the mechanism, and this is the one that gets there.
    """

    __slots__ = ("keytab", "principal")

    principal: str
    keytab: str


def login_service(service: str, principal: str | None, keytab: str | None) -> str:
    """Return what kafka-python is to have as `sasl_kerberos_service_name`.

    Without a keytab, tickets are those of the process's own cache.
    """
    register_sasl_mechanism("GSSAPI", KeytabMechanism, overwrite=True)
    if keytab is None or principal is None:
        return service
    login = LoginService(service)
    login.principal, login.keytab = principal, keytab
    return login


class KeytabMechanism(SaslMechanismGSSAPI):
    """kafka-python's mechanism, with tickets of a keytab for a `LoginService`."""

    def __init__(self, **config: Any) -> None:
        """Get a ticket for the service; raises GSSError if there is none to be had."""
        service = config.get("sasl_kerberos_service_name")
        if not isinstance(service, LoginService):
            super().__init__(**config)
            return
        with _tickets(service):
            super().__init__(**config)


_lock: Final = threading.Lock()


@contextmanager
def _tickets(login: LoginService) -> Generator[None]:
    """Have this thread's security contexts take good tickets of the login."""
    cache = f"MEMORY:isthmus-{login.principal}"
    name = gssapi.Name(login.principal, gssapi.NameType.kerberos_principal)
    store = {"client_keytab": f"FILE:{login.keytab}", "ccache": cache}
    with _lock:  # two threads that renew would each empty the cache for the other
        gssapi.Credentials(name=name, usage="initiate", store=store)
        before = cast("bytes | None", _raw.krb5_ccache_name(cache.encode()))
        try:
            yield
        finally:
            _raw.krb5_ccache_name(before)
