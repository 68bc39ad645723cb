"""Where a running simulated fleet is: what its process announces and the panel connects to."""

import json
from dataclasses import dataclass
from typing import Any

from sleeptui.core.errors import SimError
from sleeptui.core.settings import ServerSpec

_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetAddress:
    """The servers of a simulated fleet and its control server."""

    scenario: str
    servers: tuple[ServerSpec, ...]
    """In fleet order; ``gpus`` is left to be learnt from the processes."""
    control_url: str
    token: str
    """Bearer token of the control server."""

    def announce(self) -> str:
        """One line of JSON."""
        servers = [
            {"name": server.name, "url": server.url, "api_key_env": server.api_key_env}
            for server in self.servers
        ]
        return json.dumps(
            {
                "sleeptui_sim": _VERSION,
                "scenario": self.scenario,
                "servers": servers,
                "control_url": self.control_url,
                "token": self.token,
            }
        )

    @classmethod
    def read(cls, line: str) -> "FleetAddress":
        """From the announced line.

        Raises:
            SimError: It is something else.
        """
        try:
            data: dict[str, Any] = json.loads(line)
            if data["sleeptui_sim"] != _VERSION:
                raise SimError("The simulated fleet speaks another version of the announcement")
            return cls(
                scenario=_text(data["scenario"]),
                servers=tuple(map(_server, data["servers"])),
                control_url=_text(data["control_url"]),
                token=_text(data["token"]),
            )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise SimError(f"The simulated fleet announced {line[:80]!r}") from error


def _server(data: dict[str, Any]) -> ServerSpec:
    key = data["api_key_env"]
    return ServerSpec(
        name=_text(data["name"]),
        url=_text(data["url"]),
        api_key_env=None if key is None else _text(key),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value
