#!/usr/bin/env bash
# Sets up everything that serving needs: .venv with the pinned requirements, Java, the MMS plugin.
# With --dev also what training, tests and tools need. Does nothing that is already done.
set -euo pipefail
cd "$(dirname "$0")/.."

requirements=requirements.txt
if [ "${1:-}" = --dev ]; then requirements=requirements-dev.txt; fi

fail() { echo "setup: $*" >&2; exit 1; }

# Says what is done, now and then that it is still being done, and how long it took.
step() { # WHAT COMMAND...
  local what=$1 begin=$SECONDS ticker status=0
  shift
  echo "setup: $what"
  (
    trap 'kill $!; exit' TERM # its sleep, too, which would hold a pipe open that somebody reads
    while sleep 20 & wait $!; do echo "setup: … $((SECONDS - begin)) s"; done
  ) &
  ticker=$!
  "$@" || status=$?
  kill "$ticker" 2>/dev/null || true
  wait "$ticker" 2>/dev/null || true
  if [ "$status" != 0 ]; then exit "$status"; fi
  echo "setup: done in $((SECONDS - begin)) s"
}

quietly() { "$@" >/dev/null; }

# Installs the first of the named Debian packages that there is, where that is possible.
install_one() { # PURPOSE PACKAGE...
  local purpose=$1 package; shift
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    fail "$purpose is missing; run: sudo apt-get install -y --no-install-recommends $1"
  fi
  step "looking for $purpose among the system's packages" apt-get update -qq
  for package in "$@"; do
    apt-cache show "$package" >/dev/null 2>&1 || continue
    step "installing $package" quietly env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends "$package"
    return
  done
  fail "$purpose is missing, and there is no package for it: $*"
}

supported() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; }

find_python() {
  local name
  for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if supported "$name"; then command -v "$name"; return; fi
  done
  fail "Python 3.11, 3.12 or 3.13 is needed, found $("${PYTHON:-python3}" --version 2>&1); \
set PYTHON=/path/to/python3.12"
}

make_venv() {
  local python
  python=$(find_python)
  "$python" -c 'import ensurepip, venv' 2>/dev/null || install_one "Python's venv module" python3-venv
  step "making .venv with $("$python" --version)" "$python" -m venv --clear .venv
}

# The commands in .venv, and what activates it, name the folder that it was made in.
mend_moved_venv() {
  local venv made_as
  venv=$(pwd -P)/.venv
  made_as=$(sed -n 's/^command = .* -m venv --[a-z-]* //p' .venv/pyvenv.cfg)
  if [ "$made_as" = "$venv" ]; then return; fi
  step "mending .venv, which was moved" .venv/bin/python -m venv --without-pip "$venv"
  .venv/bin/python scripts/lib/moved.py "$venv"
}

install_requirements() {
  local wanted
  wanted=$(sha256sum <"$requirements")
  # what the dev set holds includes the serving set
  grep -qsF "$wanted" .venv/installed && return
  step "installing the $(grep -c '^[a-z]' "$requirements") packages of $requirements, which takes minutes" \
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$requirements"
  sha256sum <requirements.txt >.venv/installed
  sha256sum <"$requirements" >>.venv/installed
}

# The project's folders are on the path of this environment, as of a package installed for editing.
add_folders() {
  local packages
  packages=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  printf '%s\n' "$PWD"/{inference,scripts,benchmark,tests} >"$packages/unet_inference.pth"
}

java_version() { # of the javac that JAVA_HOME or PATH gives; 0 where there is none
  local javac=javac
  if [ -n "${JAVA_HOME:-}" ]; then javac=$JAVA_HOME/bin/javac; fi
  "$javac" -version 2>&1 | sed -nE 's/^javac (1\.)?([0-9]+).*/\2/p' | grep . || echo 0
}

ensure_java() {
  if (($(java_version) >= 11)); then return; fi
  [ -z "${JAVA_HOME:-}" ] || fail "JAVA_HOME is $JAVA_HOME, which holds no JDK of version 11 or later"
  # newer releases of Debian have no JDK 17
  install_one "a Java development kit (11 or later)" openjdk-17-jdk-headless default-jdk-headless
}

ensure_browser() { # for the tests of the page, which are skipped without one
  local name
  for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then return; fi
  done
  (install_one "Chromium, for the tests of the page," chromium) || echo "setup: going on without a browser" >&2
}

if ! [ -x .venv/bin/python ] || ! supported .venv/bin/python; then make_venv; fi
mend_moved_venv
install_requirements
add_folders
ensure_java
if [ "$requirements" = requirements-dev.txt ]; then ensure_browser; fi
inference/mms/build.sh "$PWD/.venv/bin/python"
graph=(models/unet-membrane/*.graph)
[ -d "${graph[0]}" ] || echo "setup: converting the sample model, ten seconds"
# the embedded model's graph, as in the image: the server then starts in a third of the time
.venv/bin/python -c "from segmentation import artifacts; artifacts.prepare('models/unet-membrane')"
