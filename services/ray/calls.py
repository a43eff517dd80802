"""The start of Ray, or the way to one: what goes wrong there leaves as one line with the address and the way out."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tocoad.errors import SettingsError, StageError, TocoadError, error_line, first_line

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 15.0
# The first words of a client of HTTP/2: its preface, and settings that say nothing.
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


@contextmanager
def told(address: str) -> Iterator[None]:
    """For a block that starts a local Ray, where `address` is empty, or connects to the one there.

    Raises:
        SettingsError: in place of what is raised on the way to the address: what ends there is no Ray, or not ours.
        StageError: in place of what keeps a local Ray from its start.
    """
    try:
        yield
    except TocoadError:
        raise
    except Exception as error:
        if address and _wants_token(error):
            raise SettingsError(
                f"ray.address: the Ray at {address} has another token: let RAY_AUTH_TOKEN be the one it was started "
                "with, or RAY_AUTH_TOKEN_PATH name its file"
            ) from error
        if address:
            raise SettingsError(
                f"ray.address: no Ray answers at {address} ({first_line(error)}): start it there with `ray start`, "
                "or leave the address empty for a local one"
            ) from error
        reason = error_line(error)
        raise StageError(f"a local Ray does not start ({reason}): look at RAY_TMPDIR and the free memory") from error


def refuse_silence(address: str) -> None:
    """Raises SettingsError where nobody listens at HOST:PORT, or says nothing, as a process does that hangs: for these
    Ray itself waits for minutes without a word.
    """
    host, _, port = address.rpartition(":")
    if not host or "/" in address or not port.isdecimal():
        return  # one of Ray's other ways to say where
    with told(address):
        try:
            server = socket.create_connection((host, int(port)), _CONNECT_SECONDS)
        except TimeoutError:
            return  # a slow way to it may yet be one
        with server:
            server.settimeout(_ANSWER_SECONDS)
            # What gRPC answers at once, whoever asks. Who ends the connection, for want of a certificate, is there too.
            with suppress(ConnectionError):
                server.sendall(_HELLO)
                server.recv(1)


def _wants_token(error: BaseException | None) -> bool:
    """Ray tells it by a type, or in the text of what it raised before it gave up."""
    while error is not None:
        if type(error).__name__ == "AuthenticationError" or "InvalidAuthToken" in str(error):
            return True
        error = error.__cause__
    return False
