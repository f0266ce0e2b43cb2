"""The command `pagewave flags`, as a script; --help says what it does."""

from pagewave.commands.flags import main

if __name__ == "__main__":
    raise SystemExit(main())
