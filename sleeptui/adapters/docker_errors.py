"""Errors of docker-py, and of what it stands on, as one sentence with a next step."""

from collections.abc import Iterator

from sleeptui.core.errors import ContainerError
from sleeptui.core.text import one_line


def docker_failures() -> tuple[type[Exception], ...]:
    """All classes that a call of docker-py may raise.

    docker-py translates only what the daemon answers; a broken connection comes as an error of
    requests, a broken stream as one of urllib3 or of the socket. Two stand outside their
    libraries' trees; an odd DOCKER_HOST is a plain ValueError.
    """
    import docker.errors  # noqa: PLC0415 - 0.15 s, only where Docker is looked at
    import requests.exceptions  # noqa: PLC0415
    import urllib3.exceptions  # noqa: PLC0415

    return (
        docker.errors.DockerException,
        docker.errors.StreamParseError,
        requests.exceptions.RequestException,
        urllib3.exceptions.HTTPError,
        urllib3.exceptions.ProxySchemeUnsupported,
        OSError,
        ValueError,
    )


def explain(error: Exception, *, address: str, timeout_s: float) -> ContainerError:
    """Our error for one of :func:`docker_failures`.

    Args:
        error: What was raised.
        address: Where the daemon was asked, for the sentence.
        timeout_s: How long it was waited for.
    """
    import docker.errors  # noqa: PLC0415
    import requests.exceptions  # noqa: PLC0415
    import urllib3.exceptions  # noqa: PLC0415

    # urllib3 derives a refused connection and an unknown host from its timeouts.
    causes = tuple(
        cause
        for cause in _causes(error)
        if not isinstance(cause, urllib3.exceptions.NewConnectionError)
    )
    if _has(causes, requests.exceptions.Timeout, urllib3.exceptions.TimeoutError):
        return explain_connection(TimeoutError(), address=address, timeout_s=timeout_s)
    for cause in causes:
        if isinstance(cause, (PermissionError, FileNotFoundError, TimeoutError, ConnectionError)):
            return explain_connection(cause, address=address, timeout_s=timeout_s)
    if isinstance(error, docker.errors.APIError):
        return ContainerError(f"Docker refused: {one_line(str(error.explanation or error))}")
    if _has(causes, requests.exceptions.ConnectionError):
        return explain_connection(ConnectionError(), address=address, timeout_s=timeout_s)
    return ContainerError(f"Docker cannot be asked at {address}: {one_line(str(error))}")


def explain_connection(error: OSError, *, address: str, timeout_s: float) -> ContainerError:
    """Our error for a connection to the daemon that failed or broke; docker-py is not needed."""
    match error:
        case PermissionError():
            return ContainerError(
                f"No permission to ask Docker at {address}",
                hint="Add this user to the group docker and log in again, or run as root.",
            )
        case FileNotFoundError():
            return ContainerError(
                f"Docker is not running: there is no {address}",
                hint="Start it, or say where it is with DOCKER_HOST.",
            )
        case TimeoutError():
            return ContainerError(
                f"Docker has not answered in {timeout_s:.0f} s at {address}",
                hint="Is its daemon hanging? Its log tells.",
            )
        case ConnectionError():
            return ContainerError(
                f"Docker is not running: nothing answers at {address}",
                hint="Start it, or say where it is with DOCKER_HOST.",
            )
        case _:
            return ContainerError(
                f"Docker cannot be asked at {address}: {one_line(error.strerror or str(error))}"
            )


def _has(causes: tuple[BaseException, ...], *kinds: type[BaseException]) -> bool:
    return any(isinstance(cause, kinds) for cause in causes)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it was made from: urllib3 and requests wrap in ``args`` too."""
    waiting = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
        waiting.extend(cause for cause in inner if isinstance(cause, BaseException))
