"""`python -m flows` is the `actalker` command."""

from flows.cli import main

main()
