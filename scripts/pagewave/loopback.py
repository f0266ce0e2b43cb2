"""Serving this machine only: the socket of the local servers, and the names they answer to."""

import re
import socket

ADDRESS = "127.0.0.1"


def is_own_host(host: str) -> bool:
    """Is this, as a whole, a Host header of ours? The port may be another: that of a tunnel.

    A web page whose name was made to point at this machine calls us by another (DNS rebinding).
    """
    return re.fullmatch(r"(127\.0\.0\.1|localhost)(:[0-9]{1,5})?", host) is not None


def bind(port: int) -> socket.socket:
    """A socket at a port of this machine, 0 being any free one; raises OSError if it is taken."""
    # The protocol is named, as asyncio switches Nagle's algorithm off for such sockets only; with
    # it every reply in two parts takes 40 ms.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((ADDRESS, port))
    except OSError:
        bound.close()
        raise
    return bound
