"""Offline verifier: a pure function from a receipt and a trust file to a verdict.

verifier       verify(export, trust, openings, now) -> Verdict
verdict        Verdict, Reason
contradictions what cannot be true however well it is signed; its rules:
outcome_rules  an event and its collections against each other, the plan and what came before
document_rules what statements cite, against itself and against what is open
time_rules     times and deadlines
ending_rules   what is left, open and kept at the end
closing_rules  what is nowhere any more, against what was counted and seen gone
sweep_rules    a sweep by age against what was due
series_reader  each statement with the forms and documents that rules look at
what_is_owed   what an authentic series should have stated by when
verdict_text   a verdict in words and as data
statement_text what one statement says in words
monitor        the verdict beside the whole log: nothing rewritten, nothing withheld
byte_locator   where an unreadable byte stands
cli            the command line: python -m expunge_reports verify ...
"""
