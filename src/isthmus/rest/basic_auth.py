"""Basic authentication of the REST API. Java: BasicAuthSecurityRestExtension.

Who may call is told by the context KafkaConnect of a login file, as for Java's:

    KafkaConnect {
      org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule required
        file="/etc/connect/password.properties";
    };

The login file is named by the worker's property `rest.extension.login.config`, or by
`-Djava.security.auth.login.config=…` in KAFKA_OPTS. The other file holds lines of user=password.
"""

import base64
import binascii
import hmac
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from isthmus.api.errors import ConfigError
from isthmus.api.rest_extension import ConnectRestExtension, ConnectRestExtensionContext
from isthmus.config.jaas import LOGIN_FILE_OPTION, LoginModule, java_option, read_login_file
from isthmus.config.properties import read_properties

log = logging.getLogger(__name__)

_LOGIN_FILE: Final = "rest.extension.login.config"
_CONTEXT: Final = "KafkaConnect"
_LOGIN_MODULE: Final = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule"
_REFUSED: Final = "User cannot access the resource."
#: Requests of other workers, which are signed instead (KIP-507).
_INTERNAL: Final = (
    ("POST", re.compile(r"/?connectors/([^/]+)/tasks/?")),
    ("PUT", re.compile(r"/?connectors/[^/]+/fence/?")),
)


class BasicAuthSecurityRestExtension(ConnectRestExtension):
    """Lets in who has a name and password of the file; the files are read once."""

    def __init__(self) -> None:
        self._logins: Sequence[Login] = ()

    def configure(self, config: Mapping[str, str]) -> None:
        path = config.get(_LOGIN_FILE) or java_option(LOGIN_FILE_OPTION)
        if not path:
            raise ConfigError(
                f"Basic authentication of the REST API needs a login file: set {_LOGIN_FILE}, or"
                f" -D{LOGIN_FILE_OPTION}=... in the environment variable KAFKA_OPTS"
            )
        modules = read_login_file(path).get(_CONTEXT)
        if not modules:
            raise ConfigError(f"The login file {path} has no context {_CONTEXT}")
        self._logins = [Login(module) for module in modules]

    def register(self, context: ConnectRestExtensionContext) -> None:
        context.add_middleware(lambda app: BasicAuth(app, self._allows))

    def _allows(self, user: str | None, password: str | None) -> bool:
        """Ask the modules by the rules of JAAS. Java: LoginContext."""
        passed = failed = False
        for login in self._logins:
            accepted = login.accepts(user, password)
            passed |= accepted
            if accepted and login.flag == "sufficient" and not failed:
                return True
            if not accepted and login.flag == "requisite":
                return False
            failed |= not accepted and login.flag == "required"
        return passed and not failed


class Login:
    """One file of names and passwords. Java: PropertyFileLoginModule."""

    def __init__(self, module: LoginModule) -> None:
        if module.name != _LOGIN_MODULE:
            raise ConfigError(
                f"Login module {module.name} of {_CONTEXT} is not known here; expected"
                f" {_LOGIN_MODULE}"
            )
        self.flag = module.flag
        file = module.options.get("file", "").strip()
        if not file:
            raise ConfigError("Property Credentials file must be specified")
        self._passwords = read_properties(file)
        if not self._passwords:
            log.warning("Credential properties file '%s' is empty; all requests are let in", file)

    def accepts(self, user: str | None, password: str | None) -> bool:
        """Return whether the file has this user with this password; an empty file has all."""
        if not self._passwords:
            return True
        if user is None or password is None or user not in self._passwords:
            return False
        return hmac.compare_digest(self._passwords[user].encode(), password.encode())


class BasicAuth:
    """Refuses requests whose Authorization header does not do. Java: JaasBasicAuthFilter."""

    def __init__(self, app: ASGIApp, allows: Callable[[str | None, str | None], bool]) -> None:
        self._app = app
        self._allows = allows

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _is_internal(scope) or self._allows(*_credentials(Headers(scope=scope))):
            await self._app(scope, receive, send)
            return
        # Java says so, though the text is no JSON; and it does not ask for a name.
        refusal = Response(_REFUSED, HTTPStatus.UNAUTHORIZED, media_type="application/json")
        await refusal(scope, receive, send)


def _is_internal(scope: Scope) -> bool:
    return any(
        scope["method"] == method and path.fullmatch(scope["path"]) for method, path in _INTERNAL
    )


def _credentials(headers: Headers) -> tuple[str | None, str | None]:
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None, None
    try:
        text = base64.b64decode(encoded, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None, None
    user, colon, password = text.partition(":")
    return (user, password) if colon else (None, None)
