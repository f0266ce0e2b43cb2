"""The command `pagewave review`, as a script; --help says what it does."""

from pagewave.commands.browser.review import main

if __name__ == "__main__":
    raise SystemExit(main())
