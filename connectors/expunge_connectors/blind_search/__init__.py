"""The blind search: a person's values looked for everywhere in a store, without the data map (ADR 21).

It reads what stands there and matches in this process, so that no value that is searched for goes to a server. It
imports nothing of the connectors, nor of their contract: they hand over a connection, and say what a place is in the
map afterwards (`searched_places`).

patterns           what is searched for, and the byte strings that betray it (pure)
decodings          JSON, URL, HTML, base64, hex, quoted-printable, UTF-16, compressed (pure)
boundaries         by itself, or part of somebody else's value (pure)
matcher            Aho-Corasick, then the record itself
effort             until when, and how gently
report             places and gaps, without values
postgres_tables    the tables that have text-like columns, and whose their rows are
postgres_columns   these columns by binary COPY
postgres_copy      rows, fields and elements in that format
redis_keys         names and values of keys
s3_objects         names, metadata and tags of objects
"""
