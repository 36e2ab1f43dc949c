"""Receipts: bodies of statements, signing them into the log, and their export.

statement_bodies   bodies as plain data, free of identifiers
standard_sentences sentences of statements, the same whoever they are about
collection_lines   what is said of one person in each store and collection
shared_documents   what the statements of many requests cite
earlier_lines      what statements before say is gone, which the next one does not take back
outcome_bodies     bodies of erased, partially-erased and not-found
acceptance         drafts of accepted, by when each request was received
sweep_bodies       what is stated of a sweep by age
request_facts      when and how the request was received
statement_issuer   sign once into the ledger, then append to the log
receipt_export     self-contained receipts
openings           what binds a receipt to its person
"""
