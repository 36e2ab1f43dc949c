#!/usr/bin/env bash
# Resolves the requirement files anew. Usage: requirements/lock.sh UV_PROGRAM
# dev.txt first; the smaller files take their versions from it, so that one environment can hold them in any order.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=$1

compile() {
  local output=$1
  shift
  "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
    --no-emit-find-links --no-annotate --custom-compile-command "make lock" --output-file "requirements/$output" "$@"
}

compile dev.txt --upgrade --extra api --extra demo --group test --group check pyproject.toml
compile runtime.txt --constraint requirements/dev.txt --extra api pyproject.toml
compile demo.txt --constraint requirements/dev.txt --extra api --extra demo pyproject.toml
compile build.txt --constraint requirements/dev.txt - <<<hatchling
