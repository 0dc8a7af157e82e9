"""What a herder's methods raise, and the HTTP status that each becomes.

Those below `RestError` are answers already: the REST API sends their status and text as they are.
The others say that this worker cannot answer, and the REST API decides what to do about it: ask
the right worker (`RequestTargetError`), or tell the client to come back (`RebalanceNeededError`).
"""

from http import HTTPStatus

from isthmus.api.errors import ConnectError


class RestError(ConnectError):
    """An answer with an error status; `error_code` of the body is the status.

    Java: ConnectRestException.
    """

    def __init__(self, status: int, message: str | None) -> None:
        super().__init__(message or "")
        self.status = int(status)
        self.message = message


class NotFoundError(RestError):
    """404: there is no such connector, task, plugin or logger. Java: NotFoundException."""

    def __init__(self, message: str) -> None:
        super().__init__(HTTPStatus.NOT_FOUND, message)


class AlreadyExistsError(RestError):
    """409: a connector of this name exists. Java: AlreadyExistsException."""

    def __init__(self, message: str) -> None:
        super().__init__(HTTPStatus.CONFLICT, message)


class BadRequestError(RestError):
    """400: the request makes no sense, now or later. Java: BadRequestException."""

    def __init__(self, message: str) -> None:
        super().__init__(HTTPStatus.BAD_REQUEST, message)


class ConflictError(RestError):
    """409: the request may succeed if it is repeated a little later."""

    def __init__(self, message: str) -> None:
        super().__init__(HTTPStatus.CONFLICT, message)


class UnreachableWorkerError(RestError):
    """500: another worker, who would have had to answer, could not be reached."""

    def __init__(self, message: str) -> None:
        super().__init__(HTTPStatus.INTERNAL_SERVER_ERROR, message)


class RebalanceNeededError(ConnectError):
    """The group has not yet agreed on the newest configs; try again after the rebalance.

    It is 409 where Java makes it so, and since 3.5 it is 500 for GET of a connector, its config
    and its tasks. Java: RebalanceNeededException.
    """

    def __init__(
        self, message: str = "Request cannot be completed because a rebalance is expected"
    ) -> None:
        super().__init__(message)


class RequestTargetError(ConnectError):
    """Another worker must answer; `url` is where it listens, None while nobody knows.

    `url` is an advertised URL as it stands in the group's metadata (`http://host:8083/`).
    Java: RequestTargetException.
    """

    def __init__(self, message: str, url: str | None) -> None:
        super().__init__(message)
        self.url = url


class NotLeaderError(RequestTargetError):
    """Only the leader of the group may do this. Java: NotLeaderException."""


class NotAssignedError(RequestTargetError):
    """Only the worker that runs the connector or task may do this. Java: NotAssignedException."""
