"""What an instance of a ComputeService is told as it starts: which image it runs, and how it is looked after.

The program below is the same for everybody; what differs stands in a file of settings beside it. It runs on Google's
Container-Optimized OS, which has Docker, and where nothing that is written may be executed but by an interpreter
("Security overview" of Container-Optimized OS). Google's own agent for containers on instances, which was told of them
by `gce-container-declaration`, has not worked since 2026-07-31 ("Prepare for the shutdown of the container startup
agent"); cloud-init and systemd have its place (all 2026-11-22).
"""

import shlex
from collections.abc import Mapping
from typing import Final

from components import cloud_init

HOME: Final = "/etc/modelport"
"""Kept in memory, and written anew at every start."""
MOST: Final = 262_144
"""Bytes of a value of metadata (Compute Engine, "About VM metadata", 2026-11-22)."""
OF_ENV: Final = 131_072
"""Bytes of these that what somebody gives the server may take, so that it is told before anything is made."""
DRAIN: Final = 20
"""Seconds for which a server that was asked to end answers on."""
STOPS: Final = 25
"""Seconds until it is ended: a Spot VM has 30 in all (Compute Engine, "Spot VMs", 2026-11-22)."""
PULLS: Final = 1800
"""Seconds until the server starts: NVIDIA's driver is installed before, and a large image pulled."""

PROGRAM: Final = r"""#!/bin/bash
# This machine runs one image: "settings" beside this file says which one.
set -euo pipefail
here=$(dirname -- "$(readlink -f -- "$0")")
# shellcheck source=settings
. "$here/settings"
# Logins are kept in memory, and go with the service.
export DOCKER_CONFIG="${RUNTIME_DIRECTORY:-/run/modelport}"
METADATA=169.254.169.254
NVIDIA=${NVIDIA:-/var/lib/nvidia}

setup() {
  local unit
  # Nobody logs in.
  for unit in $CLOSED; do
    systemctl mask --now "$unit" || systemctl disable --now "$unit" || true
  done
  systemctl daemon-reload
  systemctl start --no-block modelport.service
}

# NVIDIA's driver, of the version that belongs to this machine's.
drive() {
  if [ "$GPUS" != yes ] || "$NVIDIA/bin/nvidia-smi" >/dev/null 2>&1; then
    return
  fi
  cos-extensions install gpu
  mount --bind "$NVIDIA" "$NVIDIA"
  mount -o remount,exec "$NVIDIA"
  "$NVIDIA/bin/nvidia-smi"
}

login() {
  local told
  told=$(curl -fsS -m 5 --retry 3 -H 'Metadata-Flavor: Google' \
    "http://$METADATA/computeMetadata/v1/instance/service-accounts/default/token") || return
  [[ $told =~ \"access_token\":\ *\"([^\"]+)\" ]] || return
  printf %s "${BASH_REMATCH[1]}" | docker login --username oauth2accesstoken --password-stdin "https://$REGISTRY"
}

pull() {
  if docker image inspect "$IMAGE" >/dev/null 2>&1; then
    return
  fi
  for pause in 1 2 5 10 20 0; do
    if login && docker pull --quiet "$IMAGE"; then
      docker logout "https://$REGISTRY"
      return
    fi
    sleep "$pause"
  done
  echo "could not pull $IMAGE" >&2
  exit 1
}

rule() {
  local verb=$1 chain=$2
  shift 2
  iptables -w -C "$chain" "$@" 2>/dev/null || iptables -w "$verb" "$chain" "$@"
}

serve() {
  local memory file more=()
  docker rm --force model >/dev/null 2>&1 || true
  # Whoever asks the metadata server is told who this machine is: the model asks it for names alone.
  rule -I DOCKER-USER --destination "$METADATA" --protocol tcp ! --dport 53 --jump REJECT
  # What nobody has opened is dropped here.
  rule -A INPUT --protocol tcp --dport "$PORT" --jump ACCEPT
  memory=$(awk '/^MemTotal:/ { printf "%dk", $2 * 0.9 }' /proc/meminfo)
  if [ "$GPUS" = yes ]; then
    for file in "${DEVICES:-/dev}"/nvidia*; do
      [ -d "$file" ] || more+=(--device "$file")
    done
    more+=(--volume "$NVIDIA/lib64:/usr/local/nvidia/lib64:ro" --volume "$NVIDIA/bin:/usr/local/nvidia/bin:ro")
  fi
  exec docker run --rm --name model --user 65532:65532 --read-only --tmpfs /tmp:rw,noexec,nosuid,nodev,size=64m \
    --cap-drop ALL --security-opt no-new-privileges --pids-limit 1024 --memory "$memory" --memory-swap "$memory" \
    --publish "$PORT:$PORT" --env-file "$here/env" --log-driver json-file --log-opt max-size=64m \
    --log-opt max-file=2 "${more[@]}" "$IMAGE"
}

case ${1-} in
  setup | drive | pull | serve) "$1" ;;
  *)
    echo "usage: $0 setup | drive | pull | serve" >&2
    exit 2
    ;;
esac
"""

SERVICE: Final = f"""[Unit]
Description=The model
Requires=docker.service
Wants=network-online.target
After=docker.service network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
RuntimeDirectory=modelport
RuntimeDirectoryMode=0700
ExecStartPre=/bin/bash {HOME}/host drive
ExecStartPre=/bin/bash {HOME}/host pull
ExecStart=/bin/bash {HOME}/host serve
ExecStop=/usr/bin/docker stop --time {STOPS} model
TimeoutStartSec={PULLS}
TimeoutStopSec={STOPS + 5}
Restart=always
RestartSec=5
"""


def user_data(settings: Mapping[str, str], env: Mapping[str, str]) -> str:
    """The whole, as cloud-init reads it.

    settings: of the program above. env: of the server, which `held` has looked at.
    """
    quoted = {key: shlex.quote(settings[key]) for key in sorted(settings)}
    files = {
        f"{HOME}/host": cloud_init.File(PROGRAM, "0700"),
        f"{HOME}/settings": cloud_init.File(cloud_init.lines(quoted), "0600"),
        f"{HOME}/env": cloud_init.File(cloud_init.lines({key: env[key] for key in sorted(env)}), "0600"),
        "/etc/systemd/system/modelport.service": cloud_init.File(SERVICE, "0644"),
    }
    return cloud_init.document(files, [["/bin/bash", f"{HOME}/host", "setup"]])


def held(env: Mapping[str, str]) -> None:
    """Hold what somebody gives the server to lines that there is room for. Raises ArgsError."""
    cloud_init.held("ComputeService.env", env, OF_ENV, f"as a value of metadata has {MOST}")
