"""The command `pagewave monitor`, as a script; --help says what it does."""

from pagewave.commands.monitor import main

if __name__ == "__main__":
    raise SystemExit(main())
