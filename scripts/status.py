"""The command `pagewave status`, as a script; --help says what it does."""

from pagewave.commands.status import main

if __name__ == "__main__":
    raise SystemExit(main())
