#!/usr/bin/env bash
# Builds Expunge's image and looks at it: it runs, not as root, and holds no tool that only building needs.
set -euo pipefail
cd "$(dirname "$0")/.."
image=${EXPUNGE_IMAGE:-expunge:local}
DOCKER_BUILDKIT=${DOCKER_BUILDKIT:-0} docker build --quiet --file docker/Dockerfile --tag "$image" \
  ${EXPUNGE_IMAGE_PYTHON:+--build-arg "PYTHON_IMAGE=$EXPUNGE_IMAGE_PYTHON"} .
docker run --rm --network none "$image" --help
[ "$(docker run --rm --network none --entrypoint id "$image" -u)" = 10001 ]
docker run --rm --network none --entrypoint python3 "$image" -c '
import importlib.metadata, importlib.util
assert importlib.util.find_spec("hatchling") is None, "the build tools are in the image"
assert importlib.metadata.version("expunge")'
echo "docker/image.sh: $image runs as 10001"
