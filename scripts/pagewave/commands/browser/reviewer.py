"""Who sits at the browser, and is named with what they say."""

import argparse
import getpass
import subprocess


def add_name_option(parser: argparse.ArgumentParser) -> None:
    """`--name`."""
    parser.add_argument("--name", type=_name, help="who reviews (git's user.name, or the user's)")


def own_name() -> str:
    """The name that git has, else that of the user."""
    try:
        said = subprocess.run(
            ["git", "config", "user.name"], capture_output=True, text=True, check=False
        )
        if name := said.stdout.strip():
            return name
    except OSError:
        pass
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"


def _name(text: str) -> str:
    if text.strip() and text.isprintable():
        return text.strip()
    raise argparse.ArgumentTypeError("a name has letters")
