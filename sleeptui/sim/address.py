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
                scenario=data["scenario"],
                servers=tuple(ServerSpec(**server) for server in data["servers"]),
                control_url=data["control_url"],
                token=data["token"],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise SimError(f"The simulated fleet announced {line[:80]!r}") from error
