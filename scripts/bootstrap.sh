#!/bin/sh
# Make .venv hold exactly what requirements.lock says, and the project itself. Does nothing when that is so already.
# Needs Python 3.11 or newer with its venv module, and the package index this machine is set up with; nothing else.
set -eu
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
stamp=.venv/.parallax-bootstrap
wanted=$(cat requirements.lock pyproject.toml scripts/bootstrap.sh | sha256sum)

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && [ -x .venv/bin/parallax ]; then
    exit 0
fi

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "bootstrap: Parallax needs Python 3.11 or newer; name one with PYTHON=…" >&2
    exit 69
fi
if [ ! -x .venv/bin/python ] && ! "$python" -m venv .venv; then
    echo "bootstrap: no virtual environment could be made; on Debian, install python3-venv" >&2
    exit 69
fi

# uv itself comes from the lock, with its hashes, through pip.
awk '/^[^ #]/ { wanted = /^uv==/ } wanted' requirements.lock > .venv/uv.lock
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/uv.lock

# Whoever set pip up with another index means uv, too.
if [ -n "${PIP_INDEX_URL:-}" ] && [ -z "${UV_DEFAULT_INDEX:-}" ]; then
    export UV_DEFAULT_INDEX="$PIP_INDEX_URL"
fi
export VIRTUAL_ENV="$PWD/.venv"
# Compiled once here: where Python may not write bytecode (PYTHONDONTWRITEBYTECODE), every process would compile it anew.
.venv/bin/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock
.venv/bin/uv pip install --quiet --no-deps --no-build-isolation --editable .
.venv/bin/python -m compileall -q adapters benchmarks comparators config dashboards proxy

echo "$wanted" > "$stamp"
echo "bootstrap: .venv is ready"
