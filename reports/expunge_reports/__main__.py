"""`python -m expunge_reports`: the offline verifier."""

import sys

from expunge_reports.verify.cli import main

sys.exit(main(sys.argv[1:]))
