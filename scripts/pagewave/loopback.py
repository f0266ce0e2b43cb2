"""This machine: the socket of the local servers, and the names they answer to."""

import ipaddress
import re
import socket
from collections.abc import Collection

ADDRESS = "127.0.0.1"
OWN_NAMES = frozenset((ADDRESS, "localhost"))


def is_own_host(host: str, allowed: Collection[str] = OWN_NAMES) -> bool:
    """Is this, as a whole, a Host header of ours? The port may be another: that of a tunnel.

    A web page whose name was made to point at this machine calls us by another (DNS rebinding).

    Args:
        host: the header.
        allowed: names that are ours, in lower case.
    """
    found = re.fullmatch(r"(\[[0-9a-f:.]+\]|[^\[\]:@/]+)(:[0-9]{1,5})?", host.lower())
    return found is not None and found[1] in allowed


def bind(port: int, address: str = ADDRESS) -> socket.socket:
    """A socket at a port of this machine, 0 being any free one; raises OSError if it is taken.

    Args:
        port: the port.
        address: of this machine, by IPv4 or IPv6.
    """
    is_ipv4 = ipaddress.ip_address(address).version == 4
    # The protocol is named, as asyncio switches Nagle's algorithm off for such sockets only; with
    # it every reply in two parts takes 40 ms.
    family = socket.AF_INET if is_ipv4 else socket.AF_INET6
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    return bound
