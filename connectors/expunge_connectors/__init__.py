"""Connectors: the contract that stores and backup places implement, and our implementations of it.

contract/        StoreConnector, BackupConnector, and the data passed to and fro
registry         installed connectors, by entry point
aliases          a value under every identity that is read where it stands
errors           the only errors that leave a connector
defects          whatever else a connector raises becomes one of these
retry            bounded retries with backoff
draft            what a connector proposes for a data map
blind_search/    values looked for everywhere, without the map
searched_places  what its places are in the map, and how they are called in a report
keyspace/        rules shared by stores whose records are named (Redis, S3)
postgres/        tables, rows, foreign keys
redis/           Redis and Valkey
s3/              S3 and what speaks its protocol
s3_backups/      backup copies in S3
backup_catalogues/  what the lists of backup tools say, and when their retention ends a backup
pgbackrest/      pgBackRest repositories in S3
memory/          the reference connector, in memory
testing/         the contract as a test suite, for authors of connectors
"""
