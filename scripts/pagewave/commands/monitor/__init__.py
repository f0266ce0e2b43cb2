"""Shows books and runs in the browser: how each page stands, what needs a person, each page's scan
beside its text, all runs, failures.

Serves a page to this machine alone, at the address it prints; Ctrl-C ends it. Only looks: safe at
any time, before a run, while it goes on, and after a crash. From another machine, first open a
tunnel: ssh -L 8750:127.0.0.1:8750 HOST."""

# `server` says which address is what, and `guard` who is let in; `watching` looks at the ledger
# when it changed, `shelf` says how each page stands, `feed` tells each browser what it does not
# know yet; `past_runs`, `page_history` with `reading`, and `failure_list` answer what a person
# asks. `assets/` is what the browser runs, with no build step.

import argparse
import sys
from collections.abc import Sequence

from pagewave.command_line import script
from pagewave.commands.command import command_parser, find_place, print_json, run_command
from pagewave.commands.monitor.server import serve
from pagewave.errors import PagewaveError
from pagewave.loopback import bind

EXAMPLES = """examples:
  %(prog)s
  %(prog)s --port 0        any free port"""

PORT = 8750


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and serve the page; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    parser.add_argument("--port", type=_port, default=PORT, help=f"0 is any free port ({PORT})")
    options = parser.parse_args(arguments)
    return run_command(lambda: _monitor(options))


def _port(text: str) -> int:
    if not 0 <= (port := int(text)) <= 65_535:
        raise ValueError(f"{port} is no port")
    return port


def _monitor(options: argparse.Namespace) -> int:
    place = find_place(options, needs_config=True)
    try:
        bound = bind(options.port)
    except OSError as error:
        raise PagewaveError(
            f"Port {options.port} can't be used: {error.strerror}. Another monitor may be running; "
            f"choose another port: {script('monitor', '--port', '0')}"
        ) from None

    def ready(url: str) -> None:
        if options.json:
            print_json({"url": url})
        else:
            print(f"Open {url}\nCtrl-C ends it.")
        sys.stdout.flush()

    with bound:
        serve(place, (), bound, ready)
    return 0
