"""Backup catalogues: what a backup tool's list says of its backups, and when its retention ends them. Pure (ADR 34).

catalogue              backups, their parents, databases (data)
pgbackrest_info        `backup.info` of pgBackRest, read
pgbackrest_retention   when pgBackRest removes a backup, by declared retention and schedule
wal_windows            the WAL of an archive, cut where full backups start
"""
