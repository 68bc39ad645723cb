"""Answers of a vLLM server that are no success, in the shapes of each version.

Captured: 404 for routes and models, 405, 400 of each kind, 401, 500 (0.25.1 and 0.32.0).
"""

from starlette.responses import JSONResponse, Response

from sleeptui.sim.dialect import Dialect

VARY = {"vary": "Origin"}


class Refusal(Exception):
    """Ends a handler with an error answer."""

    def __init__(self, response: Response, *, closes: bool = False) -> None:
        super().__init__(response.status_code)
        self.response = response
        self.closes = closes
        """The server closes the connection after it, without announcing it."""


class ConnectionDropped(Exception):
    """Raised after an answer: uvicorn then closes the connection, as it does in vLLM.

    vLLM answers unexpected exceptions from its outermost handler and lets them pass on.
    """


def error(
    dialect: Dialect, status: int, message: str, kind: str, *, param: str | None = None
) -> JSONResponse:
    """An error object: nested since 0.11, flat before."""
    body = {"message": message, "type": kind, "param": param, "code": status}
    if dialect.nested_errors:
        return JSONResponse({"error": body}, status)
    return JSONResponse({"object": "error", **body}, status)


def bad_request(dialect: Dialect, message: str, param: str | None = None) -> Refusal:
    """400 from vLLM's own checks."""
    return Refusal(error(dialect, 400, message, "BadRequestError", param=param))


def invalid(dialect: Dialect, location: str, fields: str) -> Refusal:
    """400 from the validation of body or query; ``fields`` is the text of the error's dict."""
    message = f"1 validation error:\n  {fields}"
    return Refusal(error(dialect, 400, message, "Bad Request", param=location))


def unexpected(dialect: Dialect, message: str) -> Refusal:
    """500 for an exception that nobody expected: the connection is closed after it."""
    if not dialect.handles_all_errors:
        return Refusal(Response("Internal Server Error", 500, media_type="text/plain"), closes=True)
    return Refusal(error(dialect, 500, message, "InternalServerError"), closes=True)


def wrong_value(dialect: Dialect, message: str) -> Refusal:
    """400 for a Python ValueError; an unexpected exception like others before 0.31."""
    if not dialect.handles_all_errors:
        return unexpected(dialect, message)
    closes = not dialect.handles_value_errors
    return Refusal(error(dialect, 400, message, "BadRequestError"), closes=closes)


def not_found() -> Response:
    """No such route, or dev mode is off."""
    return JSONResponse({"detail": "Not Found"}, 404)


def wrong_method(allowed: str) -> Response:
    """The route exists for another method."""
    return JSONResponse({"detail": "Method Not Allowed"}, 405, {"allow": allowed})


def unauthorized() -> Response:
    """The API key is missing or wrong; only routes under /v1 ask for it."""
    return JSONResponse({"error": "Unauthorized"}, 401)
