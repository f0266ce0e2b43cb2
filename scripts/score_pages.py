"""The command `pagewave score_pages`, as a script; --help says what it does."""

from pagewave.commands.score_pages import main

if __name__ == "__main__":
    raise SystemExit(main())
