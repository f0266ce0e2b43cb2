"""The command `pagewave audit`, as a script; --help says what it does."""

from pagewave.commands.proof.audit import main

if __name__ == "__main__":
    raise SystemExit(main())
