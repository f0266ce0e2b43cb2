"""The command `pagewave iiif`, as a script; --help says what it does."""

from pagewave.commands.scans.iiif import main

if __name__ == "__main__":
    raise SystemExit(main())
