#!/bin/sh
# Runs a command beside the small model: tools/tiny-model/with.sh COMMAND [ARGUMENT…]
#
# The command finds the model in OPENAI_BASE_URL, under the name openai:smollm2. The server ends
# with the command, whose exit code is passed on.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
"$here/serve.sh" --install
log=$(mktemp)
"$here/serve.sh" 0 > "$log" &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -f "$log"' EXIT INT TERM

waited=0
until port=$(sed -n 's/^ready //p' "$log") && [ -n "$port" ]; do
    kill -0 "$server" 2>/dev/null || { echo "the model server did not start" >&2; exit 1; }
    waited=$((waited + 1))
    [ "$waited" -lt 120 ] || { echo "the model server is not ready after 60 s" >&2; exit 1; }
    sleep 0.5
done

OPENAI_BASE_URL="http://127.0.0.1:$port/v1" "$@"
