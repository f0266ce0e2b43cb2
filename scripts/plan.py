"""The command `pagewave plan`, as a script; --help says what it does."""

from pagewave.commands.plan import main

if __name__ == "__main__":
    raise SystemExit(main())
