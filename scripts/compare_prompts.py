"""The command `pagewave compare_prompts`, as a script; --help says what it does."""

from pagewave.commands.trials.compare_prompts import main

if __name__ == "__main__":
    raise SystemExit(main())
