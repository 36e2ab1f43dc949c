#!/bin/bash
# What compose.yaml expects of the official image: a superuser's password from the environment, then the command.
set -euo pipefail
if [ ! -e /data/PG_VERSION ]; then
  # The arguments are one string of words, as in the official image.
  # shellcheck disable=SC2086
  initdb --pgdata=/data --username=postgres --pwfile=<(echo "$POSTGRES_PASSWORD") --no-sync $POSTGRES_INITDB_ARGS
  echo "host all all all scram-sha-256" >>/data/pg_hba.conf
fi
exec "$@" -D /data -h 0.0.0.0 -k /tmp
