"""Where the server listens, and who can reach it there."""

from __future__ import annotations

import errno
import ipaddress
import socket

from tocoad.errors import UserError

_BACKLOG = 2048


def is_loopback(host: str) -> bool:
    """Whether nobody from another machine can reach it."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listening_at(host: str, port: int) -> socket.socket:
    """Port 0 takes a free one. Raises UserError where it cannot be had."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(
                f"{host}:{port}: something listens there already; choose another port with --port"
            ) from None
        raise UserError(f"{host}:{port}: cannot listen there ({error.strerror or error})") from None
    # Connections have it from here: asyncio sets it only on a socket that says it is of TCP, and Python's own does not.
    # Without it an answer's second packet waits 40 ms for the caller's word on the first.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
