#!/bin/sh
# Everything that is checked with the small model, as one figure:
#
#   tools/tiny-model/with.sh tools/tiny-model/checks.sh
#
# First single calls, then letters through the support desk. Each part prints a line
# `figure real_model_checks=N checks` for what it checked; the last line here is their sum.
set -eu

seen=$(mktemp)
trap 'rm -f "$seen"' EXIT INT TERM
cargo run --quiet -p mainstay-providers --example real_model > "$seen" || { cat "$seen"; exit 1; }
# One at a time: the model answers one call at a time, and waiting costs calls their patience.
cargo test --quiet -p support_desk --test it real_model -- \
    --ignored --nocapture --test-threads 1 >> "$seen" || { cat "$seen"; exit 1; }
cat "$seen"
sed -n 's/.*figure real_model_checks=\([0-9]*\) checks.*/\1/p' "$seen" |
    awk '{ sum += $1 } END { printf "figure real_model_checks=%d checks\n", sum }'
