"""What an instance of an Ec2Service is told as it starts: which image it runs, and how it is looked after.

The program below is the same for everybody; what differs stands in a file of settings beside it. It runs on the images
that AWS makes for ECS, which are Amazon Linux 2023 with Docker (and NVIDIA's driver and runtime, in the variant for
GPUs), and without the AWS command line: that comes from Amazon's own packages (aws/amazon-ecs-ami, 2026-08-20).
"""

import shlex
from collections.abc import Mapping
from typing import Final

from components import cloud_init

HOME: Final = "/opt/modelport"
MOST: Final = 16_384
"""Bytes of user data, before base64 (EC2 user guide, "Run commands when you launch an EC2 instance", 2026-11-22)."""
OF_ENV: Final = 8_192
"""Bytes of these that what somebody gives the server may take, so that it is told before anything is made."""
LAUNCHING, TERMINATING = "launching", "terminating"
"""The lifecycle hooks are called NAME-launching and NAME-terminating."""
STARTS: Final = 900
"""Seconds that an instance may take until the model answers, before it is given up."""
LOADS: Final = 300
"""Seconds for which a model may not answer before it is started again."""
ENDS: Final = 180
"""Seconds that an instance may take to end, after the load balancer has let go of it."""
STOPS: Final = 60
"""Seconds until a server that was asked to end is ended."""

PROGRAM: Final = r"""#!/bin/bash
# This machine runs one image: "settings" beside this file says which one, and for whom.
set -euo pipefail
here=$(dirname -- "$(readlink -f -- "$0")")
# shellcheck source=settings
. "$here/settings"
# Logins are kept in memory, and go with the service.
export AWS_DEFAULT_REGION="$REGION" DOCKER_CONFIG="${RUNTIME_DIRECTORY:-/run/modelport}"

metadata() {
  local token base=http://169.254.169.254/latest
  token=$(curl -fsS -m 5 --retry 3 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$base/api/token")
  curl -fsS -m 5 -H "X-aws-ec2-metadata-token: $token" "$base/meta-data/$1"
}

asked() {
  curl -fsS -m 4 -o /dev/null "http://127.0.0.1:$PORT/v2/health/$1"
}

# What happened here, where somebody finds it once the machine is gone.
tell() {
  local stream
  stream="machine/$(metadata instance-id)"
  aws logs create-log-stream --log-group-name "$LOGS" --log-stream-name "$stream" || true
  { echo "$1"; journalctl --unit modelport.service --lines 40 --output cat; } |
    python3 -c 'import json, sys, time
print(json.dumps([{"timestamp": int(time.time() * 1000), "message": sys.stdin.read()[-200000:]}]))' |
    aws logs put-log-events --log-group-name "$LOGS" --log-stream-name "$stream" --log-events file:///dev/stdin || true
}

# Outside of a change of its state EC2 Auto Scaling has nothing to be told, and says so.
told() {
  aws autoscaling complete-lifecycle-action --auto-scaling-group-name "$NAME" --lifecycle-hook-name "$NAME-$1" \
    --lifecycle-action-result "$2" --instance-id "$(metadata instance-id)" || true
}

setup() {
  local unit
  # No agent joins a cluster of ECS, and nobody logs in.
  for unit in ecs amazon-ecs-volume-plugin sshd $CLOSED; do
    systemctl mask --now "$unit.service" || systemctl disable --now "$unit.service" || true
  done
  for pause in 2 5 10 20 0; do
    command -v aws >/dev/null && break
    dnf --assumeyes --quiet install awscli-2 || sleep "$pause"
  done
  systemctl daemon-reload
  systemctl enable --now --no-block modelport.service modelport-watch.service
}

pull() {
  if docker image inspect "$IMAGE" >/dev/null 2>&1; then
    return
  fi
  for pause in 1 2 5 10 20 0; do
    if aws ecr get-login-password --region "$REGISTRY_REGION" |
      docker login --username AWS --password-stdin "$REGISTRY" && docker pull --quiet "$IMAGE"; then
      docker logout "$REGISTRY"
      return
    fi
    sleep "$pause"
  done
  echo "could not pull $IMAGE" >&2
  exit 1
}

serve() {
  local memory more=()
  docker rm --force model >/dev/null 2>&1 || true
  memory=$(awk '/^MemTotal:/ { printf "%dk", $2 * 0.9 }' /proc/meminfo)
  if [ "$GPUS" = yes ]; then
    more=(--runtime nvidia --env NVIDIA_VISIBLE_DEVICES=all --env "NVIDIA_DRIVER_CAPABILITIES=compute,utility")
  fi
  exec docker run --rm --name model --user 65532:65532 --read-only --tmpfs /tmp:rw,noexec,nosuid,nodev,size=64m \
    --cap-drop ALL --security-opt no-new-privileges --pids-limit 1024 --memory "$memory" --memory-swap "$memory" \
    --publish "$PORT:$PORT" --env-file "$here/env" --log-driver awslogs --log-opt "awslogs-region=$REGION" \
    --log-opt "awslogs-group=$LOGS" --log-opt "awslogs-stream=model/$(metadata instance-id)" \
    --log-opt mode=non-blocking --log-opt max-buffer-size=4m "${more[@]}" "$IMAGE"
}

settle() {
  while ((SECONDS < STARTS)); do
    if asked ready; then
      told launching CONTINUE
      return
    fi
    sleep 2
  done
  tell "the model did not answer within $STARTS seconds"
  told launching ABANDON
}

watch() {
  local well
  settle
  well=$SECONDS
  while sleep 5; do
    if [ "$(metadata autoscaling/target-lifecycle-state || true)" = Terminated ]; then
      systemctl stop modelport.service
      told terminating CONTINUE
      return
    fi
    if asked live; then
      well=$SECONDS
    elif ((SECONDS - well >= LOADS)); then
      tell "the model did not answer for $LOADS seconds, and is started again"
      systemctl restart modelport.service
      well=$SECONDS
    fi
  done
}

case ${1-} in
  setup | pull | serve | watch) "$1" ;;
  *)
    echo "usage: $0 setup | pull | serve | watch" >&2
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
ExecStartPre={HOME}/host pull
ExecStart={HOME}/host serve
ExecStop=/usr/bin/docker stop --time {STOPS} model
TimeoutStartSec={STARTS}
TimeoutStopSec={STOPS + 15}
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
"""

WATCH: Final = f"""[Unit]
Description=Tells EC2 Auto Scaling when the model answers, and lets it finish before the machine goes
Wants=network-online.target
After=network-online.target

[Service]
ExecStart={HOME}/host watch
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
"""


def user_data(settings: Mapping[str, str], env: Mapping[str, str]) -> str:
    """The whole, as cloud-init reads it.

    settings: of the program above. env: of the server, which `held` has looked at.
    """
    files = {
        f"{HOME}/host": cloud_init.File(PROGRAM, "0700"),
        f"{HOME}/settings": cloud_init.File(
            cloud_init.lines({key: shlex.quote(settings[key]) for key in sorted(settings)}), "0600"
        ),
        f"{HOME}/env": cloud_init.File(cloud_init.lines({key: env[key] for key in sorted(env)}), "0600"),
        "/etc/systemd/system/modelport.service": cloud_init.File(SERVICE, "0644"),
        "/etc/systemd/system/modelport-watch.service": cloud_init.File(WATCH, "0644"),
    }
    return cloud_init.document(files, [[f"{HOME}/host", "setup"]])


def held(env: Mapping[str, str]) -> None:
    """Hold what somebody gives the server to lines that there is room for. Raises ArgsError."""
    cloud_init.held("Ec2Service.env", env, OF_ENV, f"as user data has {MOST}")
