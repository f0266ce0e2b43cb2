"""The command `pagewave models`, as a script; --help says what it does."""

from pagewave.commands.models import main

if __name__ == "__main__":
    raise SystemExit(main())
