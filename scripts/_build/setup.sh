#!/usr/bin/env bash
# Steps of `make setup`, and of `make prove`. Usage: scripts/_build/setup.sh python|package|node|prove
# Output of the package managers goes to .venv/setup.log; a failure is one line and exit code 2.
set -euo pipefail
cd "$(dirname "$0")/../.."

VENV=.venv
LOG="$VENV/setup.log"

fail() {
  echo "ballast: $*" >&2
  exit 2
}

# Python 3.11 or 3.12, tried by running it: a shim on the PATH is no proof of an interpreter.
find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3 python3.12 python3.11 python; do
    if "$candidate" -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' \
      >/dev/null 2>&1 </dev/null; then
      echo "$candidate"
      return
    fi
  done
  fail "Python 3.11 or 3.12 with venv not found (python3 is $(python3 --version 2>&1 | head -n 1));" \
    "install one, or name it: make setup PYTHON=/path/to/python3.12"
}

usable_venv() {
  "$VENV/bin/python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' \
    >/dev/null 2>&1 && [ -x "$VENV/bin/pip" ]
}

# uv installs the lock in seconds; where it cannot be had, or cannot reach the index that pip is
# configured for, pip does the same from the same lock.
install_locked() {
  local uv
  uv="$(grep -E '^uv==' requirements.lock)"
  if "$VENV/bin/pip" install --disable-pip-version-check --quiet "${uv%% *}" >>"$LOG" 2>&1 &&
    "$VENV/bin/uv" pip install --python "$VENV/bin/python" -r requirements.lock >>"$LOG" 2>&1; then
    return
  fi
  "$VENV/bin/pip" install --disable-pip-version-check --quiet -r requirements.lock >>"$LOG" 2>&1
}

step_python() {
  usable_venv || {
    local python
    python="$(find_python)"
    rm -rf "$VENV"
    "$python" -m venv "$VENV" >/dev/null 2>&1 ||
      fail "$python cannot make a virtual environment; install its venv module (Debian: python3-venv)"
  }
  : >"$LOG"
  install_locked ||
    fail "Python packages of requirements.lock did not install (no network?); details: $LOG"
}

step_package() {
  "$VENV/bin/pip" install --disable-pip-version-check --quiet --no-deps --no-build-isolation \
    --editable . >>"$LOG" 2>&1 || fail "the ballast package did not install; details: $LOG"
}

step_node() {
  command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 ||
    fail "node and npm not found; install Node.js 18 or newer"
  node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 18 ? 0 : 1)' ||
    fail "node $(node --version) is too old; install Node.js 18 or newer"
  npm ci --ignore-scripts --no-audit --no-fund >>"$LOG" 2>&1 </dev/null ||
    fail "npm packages of package-lock.json did not install (no network?); details: $LOG"
}

step_prove() {
  rm -rf .venv-prove
  "$VENV/bin/python" -m venv .venv-prove >>"$LOG" 2>&1 &&
    .venv-prove/bin/pip install --disable-pip-version-check --quiet --no-deps \
      -r requirements-prove.lock >>"$LOG" 2>&1 ||
    fail "Python packages of requirements-prove.lock did not install (no network?); details: $LOG"
}

case "${1:-}" in
  python | package | node | prove) "step_$1" ;;
  *) fail "setup.sh: unknown step '${1:-}'; give python, package, node or prove" ;;
esac
