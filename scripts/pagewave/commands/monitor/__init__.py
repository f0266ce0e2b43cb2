"""Show books and runs in the browser: what needs a person, each page's scan beside its text.

There is a cell for each page; all runs and failures are there too. Serves a page to this machine
alone, at the address it prints; Ctrl-C ends it. Only looks: safe at any time, before a run, while
it goes on, and after a crash. From another machine, first open a tunnel:
ssh -L 8750:127.0.0.1:8750 HOST. In a container it has to listen for all addresses: publish its
port to 127.0.0.1 alone."""

# `server` says which address is what; `watching` looks at the ledger
# when it changed, `shelf` says how each page stands, `feed` tells each browser what it does not
# know yet; `past_runs`, `page_history` with `reading`, and `failure_list` answer what a person
# asks. `assets/` is what the browser runs, with no build step.

import argparse
from collections.abc import Sequence

from pagewave.commands.browser.address import add_address_options, check_address, listen
from pagewave.commands.browser.server import serve
from pagewave.commands.command import command_parser, find_place, run_command
from pagewave.commands.monitor.server import Monitor

EXAMPLES = """examples:
  %(prog)s
  %(prog)s --port 0                                        any free port
  %(prog)s --host 0.0.0.0 --allowed-hosts localhost        in a container"""

PORT = 8750


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and serve the page; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    add_address_options(parser, PORT)
    options = parser.parse_args(arguments)
    check_address(parser, options)
    return run_command(lambda: _monitor(options))


def _monitor(options: argparse.Namespace) -> int:
    place = find_place(options, needs_config=True)
    listening = listen(options, "monitor")
    serve(Monitor(place, ()).app, listening)
    return 0
