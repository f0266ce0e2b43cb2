"""The command `pagewave deliver_logs`, as a script; --help says what it does."""

from pagewave.commands.deliver_logs import main

if __name__ == "__main__":
    raise SystemExit(main())
