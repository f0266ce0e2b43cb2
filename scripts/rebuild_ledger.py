"""The command `pagewave rebuild_ledger`, as a script; --help says what it does."""

from pagewave.commands.rebuild_ledger import main

if __name__ == "__main__":
    raise SystemExit(main())
