"""Statements, signing, the transparency log and the offline verifier.

The modules are the public API (`from expunge_reports import statement, dsse, log`); nothing is imported here, so that
the verifier starts fast. It needs `cryptography` and the standard library alone.

    canonical     restricted canonical JSON (RFC 8785)
    statement     in-toto statements: build, parse
    opening       the file that binds a receipt to a person
    dsse          signed envelopes
    leaf          what the log stores of a statement
    merkle, note, proof, tiles, edge, files   RFC 6962 and C2SP formats, durable files
    log           Log (read), LogWriter (append)
    keys, trust   key files; what a verifier takes on faith
    export        the self-contained receipt
    verification  verify(export, trust, openings, now) -> Verdict
    verdict       Verdict, Reason
    monitor       the verdict beside the whole log: nothing rewritten, nothing withheld
    wording       a verdict in words and as data
    page          a receipt as plain HTML
    offline       the command line: python -m expunge_reports verify ...
"""
