"""Where the web server listens on this machine: a free port, the address to be reached at, whether it answers."""

import http.client
import socket

from storage.errors import ConfigurationError

_NEIGHBOUR_PORTS = 10
"""So many ports after the wanted one are tried before any free one is taken."""


def find_port(host: str, wanted: int) -> int:
    """Return a port to listen at: the wanted one, else one near it, else any. Raises ConfigurationError if there is none."""
    neighbours = range(wanted, min(wanted + _NEIGHBOUR_PORTS, 65536)) if wanted else range(0)
    for port in (*neighbours, 0):
        free = _try_port(host, port)
        if free is not None:
            return free
    raise ConfigurationError(f"can't listen at {host!r}: is it an address of this machine?")


def _try_port(host: str, port: int) -> int | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return None
        return int(probe.getsockname()[1])


def address_of(host: str, port: int) -> str:
    """Return what a browser on this machine is told."""
    name = _reachable(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def is_ready(host: str, port: int) -> bool:
    """Tell whether the web server says that it can work."""
    connection = http.client.HTTPConnection(_reachable(host), port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
