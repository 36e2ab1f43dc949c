"""`python -m expunge_orchestrator.cli`: the same as the console script."""

from expunge_orchestrator.cli import main

main()
