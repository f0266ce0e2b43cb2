"""Show books and runs in the browser: what needs a person, each page's scan beside its text.

There is a cell for each page; all runs and failures are there too. Serves a page to this machine
alone, at the address it prints; Ctrl-C ends it. Only looks: safe at any time, before a run, while
it goes on, and after a crash. From another machine, first open a tunnel:
ssh -L 8750:127.0.0.1:8750 HOST. In a container it has to listen for all addresses: publish its
port to 127.0.0.1 alone."""

# `server` says which address is what, and `guard` who is let in; `watching` looks at the ledger
# when it changed, `shelf` says how each page stands, `feed` tells each browser what it does not
# know yet; `past_runs`, `page_history` with `reading`, and `failure_list` answer what a person
# asks. `assets/` is what the browser runs, with no build step.

import argparse
import errno
import re
import sys
from collections.abc import Sequence
from ipaddress import ip_address

from pagewave.command_line import script
from pagewave.commands.command import command_parser, find_place, print_json, run_command
from pagewave.commands.monitor.server import serve
from pagewave.errors import PagewaveError
from pagewave.loopback import ADDRESS, bind

EXAMPLES = """examples:
  %(prog)s
  %(prog)s --port 0                                        any free port
  %(prog)s --host 0.0.0.0 --allowed-hosts localhost        in a container"""

PORT = 8750
MOST_PORT = 65_535
OPEN = (
    "Warning: it listens at %s by plain HTTP: who sees the traffic reads the token, and with it "
    "all that is shown. Publish a container's port to 127.0.0.1 alone; from another machine an SSH "
    "tunnel needs no --host; for others put a proxy with TLS before it."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and serve the page; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    parser.add_argument("--port", type=_port, default=PORT, help=f"0 is any free port ({PORT})")
    what = f"listen at this address of the machine, 0.0.0.0 being all ({ADDRESS})"
    parser.add_argument("--host", type=_address, default=ADDRESS, metavar="ADDRESS", help=what)
    what = "with another --host: the names by which browsers come, as in the address they open"
    parser.add_argument(
        "--allowed-hosts", nargs="+", type=_name, default=[], metavar="NAME", help=what
    )
    options = parser.parse_args(arguments)
    if not (options.allowed_hosts or ip_address(options.host).is_loopback):
        parser.error(
            f"--host {options.host} is open to other machines: name those hosts that browsers may "
            "come by (--allowed-hosts NAME)"
        )
    return run_command(lambda: _monitor(options))


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


def _monitor(options: argparse.Namespace) -> int:
    place = find_place(options, needs_config=True)
    try:
        bound = bind(options.port, options.host)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise PagewaveError(f"--host {options.host} is no address of this machine.") from None
        raise PagewaveError(
            f"Port {options.port} can't be used: {error.strerror}. Another monitor may be running; "
            f"choose another port: {script('monitor', '--port', '0')}"
        ) from None
    is_open = not ip_address(options.host).is_loopback
    if is_open:
        print(OPEN % options.host, file=sys.stderr)
    own = ADDRESS if is_open or options.host == ADDRESS else _name(options.host)
    names = list(dict.fromkeys([*options.allowed_hosts, own]))

    def ready(url: str) -> None:
        if options.json:
            print_json({"url": url})
        else:
            print(f"Open {url}\nCtrl-C ends it.")
        sys.stdout.flush()

    with bound:
        serve(place, (), bound, names, ready)
    return 0
