"""`python -m expunge_reports`: the offline verifier."""

import sys

from expunge_reports.offline import main

sys.exit(main(sys.argv[1:]))
