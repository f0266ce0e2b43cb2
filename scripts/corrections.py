"""The command `pagewave corrections`, as a script; --help says what it does."""

from pagewave.commands.corrections import main

if __name__ == "__main__":
    raise SystemExit(main())
