"""Receipts: in-toto statements, DSSE signatures, transparency log, offline verifier, receipt page.

The modules are the public API; nothing is imported here, so that the verifier starts fast. It needs `cryptography` and
the standard library alone.

    canonical     restricted canonical JSON (RFC 8785)
    statement     in-toto statements: what one is, parse
    statement_payload  the bytes that are signed: build
    opening       the file that binds a receipt to a person
    dsse          signed envelopes
    keys, trust   key files; what a verifier takes on faith
    consistency   rules that who issues and who verifies share
    counted_copies  the backup copies that lists say may hold records, and which of them are forgotten
    export        the self-contained receipt
    json_fields   typed readers of parsed JSON
    unsafe_characters  what is shown as U+FFFD: control, bidirectional and unseen characters
    errors        every error that leaves this package
    forms/        the forms of bodies and shared documents, as typed models
    log/          the transparency log: RFC 6962 trees and C2SP tiles, checkpoints, inclusion proofs
    verify/       verify(export, trust, openings, now) -> Verdict, and its command line
    page/         a receipt as plain HTML (Jinja2), which the verifier never imports
"""
