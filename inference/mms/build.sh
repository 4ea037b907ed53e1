#!/usr/bin/env bash
# Compiles the extension of MMS into build/, where the server looks for it. Does nothing that is done.
# Usage: build.sh [--test] [PYTHON]   (the Python that multi-model-server is installed in)
#   --test: compiles and runs the unit tests, too; prints a line for each that fails
set -euo pipefail

test=
if [ "${1:-}" = --test ]; then test=yes; shift; fi
mms=$("${1:-python3}" -c 'import importlib.util as u; print(u.find_spec("mms").submodule_search_locations[0])')
jar=$(realpath "$mms")/frontend/model-server.jar
cd "$(dirname "$0")"
bin=${JAVA_HOME:+$JAVA_HOME/bin/}

compile() { # CLASS_PATH FOLDER SOURCE...
  "${bin}javac" -encoding UTF-8 --release 11 -proc:none -Xlint:all,-path,-classfile -Werror -cp "$1" -d "$2" "${@:3}"
}

# In a folder of its own, which takes the place of the last one as a whole: a server may be running.
build() {
  local new library
  new=$(mktemp -d ./build.XXXXXX)
  # shellcheck disable=SC2064
  trap "rm -rf '$new'" EXIT
  mkdir "$new/classes" "$new/native"
  compile "$jar" "$new/classes" src/unet/*.java
  "${bin}jar" --create --file "$new/mms_endpoints.jar" -C "$new/classes" . META-INF/services
  # MMS talks to its workers over unix sockets only with this library, which it would unpack into the
  # temporary folder: that fails where /tmp is mounted noexec, as in `docker run --tmpfs /tmp`
  library=libnetty_transport_native_epoll_$(uname -m | sed s/aarch64/aarch_64/).so
  (cd "$new/classes" && "${bin}jar" --extract --file "$jar" "META-INF/native/$library")
  mv "$new/classes/META-INF/native/$library" "$new/native/"
  rm -r "$new/classes"
  chmod 755 "$new"
  echo "$inputs" >"$new/inputs"
  rm -rf build
  mv "$new" build
}

run_tests() {
  local classes class_path
  classes=$(mktemp -d)
  # the folder's name is to be in the trap: the variable is gone by then
  # shellcheck disable=SC2064
  trap "rm -rf '$classes'" EXIT
  class_path=build/mms_endpoints.jar:$jar
  compile "$class_path" "$classes" test/unet/*.java
  "${bin}java" -Xmx256m -XX:TieredStopAtLevel=1 -Djava.io.tmpdir="$classes" \
    -Dlog4j.configurationFile="$PWD/log4j2.xml" -Dunet.contract=../../tests/unit/contract.json \
    -cp "$classes:$class_path" unet.TestRunner test/unet/?*Test.java
}

inputs=$(cat build.sh src/unet/*.java META-INF/services/* "$jar" | sha256sum)
if [ "$inputs" != "$(cat build/inputs 2>/dev/null)" ]; then
  build
fi
if [ "$test" ]; then run_tests; fi
