"""The command `pagewave pages`, as a script; --help says what it does."""

from pagewave.commands.pages import main

if __name__ == "__main__":
    raise SystemExit(main())
