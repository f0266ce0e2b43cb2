"""The command `pagewave try_prompt`, as a script; --help says what it does."""

from pagewave.commands.trials.try_prompt import main

if __name__ == "__main__":
    raise SystemExit(main())
