"""The command `pagewave batches`, as a script; --help says what it does."""

from pagewave.commands.batches import main

if __name__ == "__main__":
    raise SystemExit(main())
