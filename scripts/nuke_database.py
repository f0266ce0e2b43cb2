"""The command `pagewave nuke_database`, as a script; --help says what it does."""

from pagewave.commands.nuke_database import main

if __name__ == "__main__":
    raise SystemExit(main())
