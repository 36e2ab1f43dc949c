#!/usr/bin/env bash
# Runs a command with a docker daemon and the images of compose.yaml. Usage: docker/run.sh COMMAND [ARGUMENT ...]
#
# - A daemon that answers is used; otherwise, as root, one is started for this run with all its files in a temporary
#   directory (installing Debian's docker.io if need be), and stopped and tidied up after at the end.
# - Images that are here or can be pulled are used; otherwise stand-ins are built (local_images.sh).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")

say() { echo "docker/run.sh: $*" >&2; }

install_missing() {
  local missing=()
  command -v dockerd >/dev/null || missing+=(docker.io)
  command -v docker >/dev/null || missing+=(docker-cli)
  docker compose version >/dev/null 2>&1 || missing+=(docker-compose)
  command -v iptables >/dev/null || missing+=(iptables)
  command -v ip >/dev/null || missing+=(iproute2)
  command -v debootstrap >/dev/null || missing+=(debootstrap)
  [ ${#missing[@]} = 0 ] && return
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q >/dev/null
  apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
}

start_daemon() {
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "no docker daemon answers; start one, or run this as root on Debian"
    exit 1
  fi
  install_missing
  state=$(mktemp -d)
  iptables-save >"$state/rules4"
  ip6tables-save >"$state/rules6"
  cat /proc/sys/net/ipv4/ip_forward >"$state/forward"
  bridges >"$state/bridges"
  trap stop_daemon EXIT
  dockerd --data-root "$state/data" --exec-root "$state/exec" --pidfile "$state/pid" \
    -H "unix://$state/docker.sock" >"$state/dockerd.log" 2>&1 </dev/null &
  daemon=$!
  export DOCKER_HOST="unix://$state/docker.sock"
  for _ in $(seq 100); do
    docker info >/dev/null 2>&1 && return
    kill -0 "$daemon" 2>/dev/null || break
    sleep 0.3
  done
  tail -n 20 "$state/dockerd.log" >&2
  say "dockerd did not start"
  exit 1
}

# A table that did not exist before is emptied: iptables-restore leaves tables alone that its input does not name.
tables_without_rules() {
  grep -q '^\*filter' "$1" || printf '*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n'
  grep -q '^\*nat' "$1" || printf '*nat\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\nCOMMIT\n'
}

bridges() { ip -o link show type bridge | cut -d: -f2 | tr -d ' '; }

stop_daemon() {
  local code=$?
  trap - EXIT
  kill "$daemon" 2>/dev/null || true
  wait "$daemon" 2>/dev/null || true
  # dockerd leaves its rules (FORWARD: DROP among them), its bridges and forwarding behind.
  { cat "$state/rules4" && tables_without_rules "$state/rules4"; } | iptables-restore
  { cat "$state/rules6" && tables_without_rules "$state/rules6"; } | ip6tables-restore
  cat "$state/forward" >/proc/sys/net/ipv4/ip_forward
  bridges | grep -vxFf "$state/bridges" | while read -r bridge; do ip link delete "$bridge"; done || true
  rm -rf "$state"
  exit "$code"
}

have_images() {
  local image
  for image in $(docker compose -f "$here/compose.yaml" config --images); do
    docker image inspect "$image" >/dev/null 2>&1 || docker pull --quiet "$image" >/dev/null 2>&1 || return 1
  done
}

docker info >/dev/null 2>&1 || start_daemon
if ! have_images; then
  say "the images can be neither found nor pulled: building stand-ins"
  "$here/local_images.sh" "$root/.venv/bin/weed" >&2
  export EXPUNGE_IMAGE_POSTGRES=expunge-local/postgres EXPUNGE_IMAGE_VALKEY=expunge-local/valkey
  export EXPUNGE_IMAGE_S3=expunge-local/s3 EXPUNGE_IMAGE_PYTHON=expunge-local/python EXPUNGE_PULL_POLICY=never
fi
"$@"
