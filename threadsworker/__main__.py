"""`python -m threadsworker` is `threadsworker`."""

from threadsworker.cli import main

main()
