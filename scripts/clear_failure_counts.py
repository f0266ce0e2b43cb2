"""The command `pagewave clear_failure_counts`, as a script; --help says what it does."""

from pagewave.commands.clear_failure_counts import main

if __name__ == "__main__":
    raise SystemExit(main())
