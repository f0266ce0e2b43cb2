"""Where a command that serves a page listens, and the names by which browsers may come."""

import argparse
import errno
import re
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from pagewave.command_line import script
from pagewave.commands.command import print_json
from pagewave.errors import PagewaveError
from pagewave.loopback import ADDRESS, bind

MOST_PORT = 65_535
OPEN = (
    "Warning: it listens at %s by plain HTTP: who sees the traffic reads the token, and with it "
    "all that is shown. Publish a container's port to 127.0.0.1 alone; from another machine an SSH "
    "tunnel needs no --host; for others put a proxy with TLS before it."
)


@dataclass(frozen=True)
class Listening:
    """A socket that is bound, and the names that it goes by; the first is told."""

    bound: socket.socket
    names: Sequence[str]
    as_json: bool

    def ready(self, url: str) -> None:
        """Say where it is."""
        if self.as_json:
            print_json({"url": url})
        else:
            print(f"Open {url}\nCtrl-C ends it.")
        sys.stdout.flush()


def add_address_options(parser: argparse.ArgumentParser, port: int) -> None:
    """`--port`, `--host` and `--allowed-hosts`."""
    parser.add_argument("--port", type=_port, default=port, help=f"0 is any free port ({port})")
    what = f"listen at this address of the machine, 0.0.0.0 being all ({ADDRESS})"
    parser.add_argument("--host", type=_address, default=ADDRESS, metavar="ADDRESS", help=what)
    what = "with another --host: the names by which browsers come, as in the address they open"
    parser.add_argument(
        "--allowed-hosts", nargs="+", type=_name, default=[], metavar="NAME", help=what
    )


def check_address(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End with the parser's error where it would be open to others, who are not named."""
    if not (options.allowed_hosts or ip_address(options.host).is_loopback):
        parser.error(
            f"--host {options.host} is open to other machines: name those hosts that browsers may "
            "come by (--allowed-hosts NAME)"
        )


def listen(options: argparse.Namespace, command: str, *arguments: str) -> Listening:
    """Bind the socket that the options name; `command` is that of which another may be running,
    with the arguments that it takes.

    Raises:
        PagewaveError: the port is taken, or the address is none of this machine.
    """
    try:
        bound = bind(options.port, options.host)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise PagewaveError(f"--host {options.host} is no address of this machine.") from None
        raise PagewaveError(
            f"Port {options.port} can't be used: {error.strerror}. Another {command} may be "
            f"running; choose another port: {script(command, *arguments, '--port', '0')}"
        ) from None
    is_open = not ip_address(options.host).is_loopback
    if is_open:
        print(OPEN % options.host, file=sys.stderr)
    own = ADDRESS if is_open or options.host == ADDRESS else _name(options.host)
    return Listening(bound, list(dict.fromkeys([*options.allowed_hosts, own])), options.json)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is no port (0 to {MOST_PORT})")
    return int(text)


def _address(text: str) -> str:
    try:
        return str(ip_address(ADDRESS if text == "localhost" else text.strip("[]")))
    except ValueError:
        said = f"{text} is no address, such as {ADDRESS} or 0.0.0.0"
        raise argparse.ArgumentTypeError(said) from None


def _name(text: str) -> str:
    """A host's name or address as browsers send it; names of many hosts (`*`) are none."""
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        if re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?", text):
            return text.lower()
        said = f"{text} is no host's name, which is told without http:// and port"
        raise argparse.ArgumentTypeError(said) from None
    return str(address) if address.version == 4 else f"[{address}]"
