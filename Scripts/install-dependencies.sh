#!/usr/bin/env bash
# Checks the Swift version, then that OpenBLAS can be linked and pip can run, and installs what is missing
# with apt-get. Quick and silent when nothing is missing.
set -euo pipefail

readonly required_major=6 required_minor=2

fail() {
  echo "error: $*" >&2
  exit 1
}

check_swift() {
  command -v swift >/dev/null ||
    fail "swift is not on the PATH; install Swift $required_major.$required_minor or later from https://www.swift.org/install"
  local version
  version=$(swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+\.[0-9]+).*/\1/p' | head -1 || true)
  [[ $version =~ ^[0-9]+\.[0-9]+$ ]] || fail "the version of $(command -v swift) cannot be read"
  local major=${version%.*} minor=${version#*.}
  if ((major < required_major || (major == required_major && minor < required_minor))); then
    fail "Swift $version is too old: $required_major.$required_minor or later is needed (https://www.swift.org/install)"
  fi
}

# Asks the compiler that comes with Swift, since that is what links the package.
openblas_links() {
  local folder clang
  folder=$(dirname "$(readlink -f "$(command -v swift)")")
  clang=$folder/clang
  [[ -x $clang ]] || clang=clang
  echo 'void openblas_set_num_threads(int); int main(void) { openblas_set_num_threads(1); return 0; }' |
    "$clang" -x c - -lopenblas -o /dev/null 2>/dev/null
}

pip_runs() {
  python3 -m pip --version >/dev/null 2>&1 || command -v pip3 >/dev/null
}

install() {
  command -v apt-get >/dev/null ||
    fail "missing: $*. Install them with this system's package manager (the names are Debian's)"
  local as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || fail "missing: $*. Run as root: apt-get install $*"
    as_root=(sudo)
  fi
  echo "Installing $*"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

check_swift
missing=()
openblas_links || missing+=(libopenblas-dev)
command -v python3 >/dev/null || missing+=(python3)
pip_runs || missing+=(python3-pip)
if ((${#missing[@]})); then
  install "${missing[@]}"
  openblas_links || fail "libopenblas is installed but does not link; is another libopenblas in the way?"
fi
