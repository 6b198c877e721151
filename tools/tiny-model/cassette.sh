#!/bin/sh
# Records runs with the small model, stops it, and replays them without a model and without a network:
#
#   tools/tiny-model/cassette.sh
#
# Each run is replayed twice: with the cassette chosen for the command, and with the tiers mapped to
# it by configuration alone. A replay counts if its output is the same, it called the same tools, and
# what can be recorded of it is what was replayed. The last line is `figure replays=N replays`.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT INT TERM
cd "$here/../.."
cargo build --quiet -p mainstay --example parcels
program="${CARGO_TARGET_DIR:-$here/../../target}/debug/examples/parcels"
program=$(cd "$(dirname "$program")" && pwd)/parcels
unset DATABASE_URL OPENAI_API_KEY OLLAMA_HOST
cd "$place"

# Where the machine lets us, a replay has no network at all, not even to this machine.
alone=
unshare --net true 2>/dev/null && alone="unshare --net"

# The calls of tools that a run made, with arguments and results, without the time they took.
tools_of() {
    "$program" runs show "$1" | sed -n 's/^.* \(tool [^·]*\)·.*$/\1/p'
}

record() {
    OPENAI_BASE_URL="$1" "$program" run $2 --model openai:smollm2 > "$3.out"
    "$program" runs cassette --output "$3.json" 2> /dev/null
    tools_of @last > "$3.tools"
}

same() {
    "$program" runs cassette --output again.json 2> /dev/null
    tools_of @last > again.tools
    for kind in json tools; do
        grep -v '^  "run":' "$1.$kind" > was || true
        grep -v '^  "run":' "again.$kind" > is || true
        cmp was is
    done
    cmp "$1.out" again.out
}

replays=0
replay() {
    $alone "$program" run $1 --model "cassette:$2.json" > again.out
    same "$2"
    MAINSTAY__MODELS__DEFAULT="cassette:$2.json" MAINSTAY__MODELS__FAST="cassette:$2.json" \
        $alone "$program" run $1 > again.out
    same "$2"
    replays=$((replays + 2))
}

refund="refund --input order=A-7 cents=1200"
chase="chase --input order=A-7 letters=3"
if [ "${1:-}" = --record ]; then
    cd "$2"
    record "$OPENAI_BASE_URL" "$refund" refund
    record "$OPENAI_BASE_URL" "$chase" chase
    exit 0
fi
"$here/with.sh" "$here/cassette.sh" --record "$place"
# The server ended with its command. Nobody is to be found where it was, nor anywhere else.
unset OPENAI_BASE_URL
replay "$refund" refund
replay "$chase" chase
[ -s refund.tools ] && [ -s refund.out ]
echo "recorded: $(cat refund.out)"
echo "figure replays=$replays replays"
