"""Forms of statement bodies and shared documents, as typed models; a field is the JSON member of its name in camelCase.

A receipt's signatures say who wrote a body, not that this version knows its form. `form_reader.read` gives None for
another form than is declared here, and keeps members that are not declared as `further`: the page shows both
generically. A member whose field has a default may be absent.

bodies            what statements say: collections, stores, searches, and the body of each event
shared_documents  what statements cite: plan, deadlines, backup copies, what was searched
stated_time       times and days, which are texts
form_reader       a JSON value as one of these forms
"""
