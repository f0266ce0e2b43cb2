"""The command `pagewave verify`, as a script; --help says what it does."""

from pagewave.commands.proof.verify import main

if __name__ == "__main__":
    raise SystemExit(main())
