#!/bin/sh
# Starts a standalone Connect worker with the connectors in the files that are given.
#   bin/connect-standalone.sh [-daemon] config/connect-standalone.properties [connector.properties|connector.json …]
# With -daemon it goes into the background; its log is then $LOG_DIR/connectStandalone.out.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

usage() {
    echo "USAGE: $0 [-daemon] connect-standalone.properties [connector1.properties connector2.json ...]" >&2
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
    exec "$python" -m isthmus.cli.standalone "$@"
fi
logs=${LOG_DIR:-$root/logs}
mkdir -p "$logs"
nohup "$python" -m isthmus.cli.standalone "$@" > "$logs/connectStandalone.out" 2>&1 < /dev/null &
