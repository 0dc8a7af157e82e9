#!/bin/sh
# Starts a worker of a distributed Connect cluster.
#   bin/connect-distributed.sh [-daemon] config/connect-distributed.properties
# With -daemon it goes into the background; its log is then $LOG_DIR/connectDistributed.out.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

usage() {
    echo "USAGE: $0 [-daemon] connect-distributed.properties" >&2
    exit 1
}

daemon=
if [ "${1:-}" = -daemon ]; then
    daemon=yes
    shift
fi
[ $# -ge 1 ] || usage

python=$("$root/bin/environment" run)
if [ -z "$daemon" ]; then
    exec "$python" -m isthmus.cli.distributed "$@"
fi
logs=${LOG_DIR:-$root/logs}
mkdir -p "$logs"
nohup "$python" -m isthmus.cli.distributed "$@" > "$logs/connectDistributed.out" 2>&1 < /dev/null &
