"""A receipt as one plain HTML page: no script, no outside resource, readable by a screen reader and in print.

frame       the page from top to bottom: `render`
verdicts    what the verifier found, and what it does not say
request     what was asked and when, and the history of the series
deadlines   by when it is to be answered: the promise, and the law beside it
results     one table per statement for the collections
copies      backup copies as a table
timeline    the same copies as a picture
logs        logs left alone on purpose
technical   series, digests, cutoffs, checkpoint
reading     bodies and documents as typed rows, or None for a form that is not known
clocks      the document about deadlines, likewise
members     members of an object taken by type; what both readers are built of
generic     any JSON data as nested tables: what an unknown form falls back to
markup      elements, tables, times; the one place where text is escaped
style       colours and layout
words       what codes mean to a reader who has never seen one
"""

from expunge_reports.page.frame import render
from expunge_reports.page.words import EVENT_WORDS

__all__ = ["EVENT_WORDS", "render"]
