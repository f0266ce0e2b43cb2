"""The command `pagewave analyze_failures`, as a script; --help says what it does."""

from pagewave.commands.analyze_failures import main

if __name__ == "__main__":
    raise SystemExit(main())
