"""The command `pagewave bucket`, as a script; --help says what it does."""

from pagewave.commands.scans.bucket import main

if __name__ == "__main__":
    raise SystemExit(main())
