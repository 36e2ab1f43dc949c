#!/usr/bin/env bash
# Builds the images of compose.yaml from Debian packages and the weed wheel, for a machine that reaches no registry of
# images. Needs root, Debian, debootstrap and a running dockerd. Usage: docker/local_images.sh WEED_PROGRAM
set -euo pipefail
cd "$(dirname "$0")/local"
weed=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
base=expunge-local/base:$codename
if ! docker image inspect "$base" >/dev/null 2>&1; then
  debootstrap --variant=minbase "$codename" "$work/root" >"$work/debootstrap.log" 2>&1 || {
    tail -n 20 "$work/debootstrap.log" >&2
    exit 1
  }
  # Whom this machine trusts as a package registry, its containers trust as well.
  if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
    install -D -m 0644 /etc/ssl/certs/ca-certificates.crt "$work/root/usr/local/share/machine-ca.pem"
  fi
  tar -C "$work/root" -c . | docker import - "$base" >/dev/null
fi

mkdir "$work/context"
cp Dockerfile postgres-entrypoint.sh "$work/context/"
cp --dereference "$weed" "$work/context/weed"
chmod 0755 "$work/context/weed" "$work/context/postgres-entrypoint.sh"
for target in postgres valkey s3 python; do
  # Debian packages no buildx, so the classic builder.
  DOCKER_BUILDKIT=0 docker build --quiet --build-arg "BASE=$base" --target "$target" --tag "expunge-local/$target" \
    "$work/context"
done
