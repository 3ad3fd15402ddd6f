#!/usr/bin/env bash
# Build wheel and sdist, list what the wheel needs, and try it in an empty environment, as
# `make wheel` does.
# usage: tests/wheel.sh PYTHON [FOLDER FOR THE ENVIRONMENT]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
environment=${2:-$work/environment}

rm -rf dist
"$python" -m venv "$work/builder"
"$work/builder/bin/python" -m pip install -q build
"$work/builder/bin/python" -m build --outdir dist . >"$work/build.log" 2>&1 || {
    cat "$work/build.log"
    exit 1
}
ls -l dist

"$python" -m venv "$environment"
start=$SECONDS
"$environment/bin/python" -m pip install -q "$(echo dist/*.whl)[data]" -c constraints.txt
echo "installed in $((SECONDS - start)) s"
"$work/builder/bin/python" -m pip install -q cyclonedx-bom
mkdir -p sbom
"$work/builder/bin/cyclonedx-py" environment "$environment/bin/python" --output-format JSON \
    --output-file sbom/dirvae.cdx.json
"$environment/bin/python" -m pip install -q -c constraints.txt pytest

# From another folder, so that it is the wheel that is imported.
cp tests/wheel_smoke.py "$work"
cd "$work"
start=$SECONDS
"$environment/bin/dirvae" demo --quick --output demo >"$work/demo.log" 2>&1 || {
    cat "$work/demo.log"
    exit 1
}
test -s demo/report.html
echo "dirvae demo --quick in $((SECONDS - start)) s"
"$environment/bin/python" -m pytest -q -p no:cacheprovider wheel_smoke.py
