#!/bin/sh
# Install the Node packages that the end-to-end tests drive the proxy with. Does nothing when they are there already.
set -eu
cd "$(dirname "$0")/../tests/e2e/node"

if [ -f node_modules/.package-lock.json ] && [ ! package-lock.json -nt node_modules/.package-lock.json ]; then
    exit 0
fi
if ! command -v npm > /dev/null; then
    echo "node_packages: the end-to-end tests need Node 18 or newer with npm" >&2
    exit 69
fi
npm ci --no-audit --no-fund --loglevel=error
