#!/usr/bin/env bash
# Compiles the extension of MMS into build/, where the entrypoint looks for it. Does nothing that is done.
# Usage: build.sh [PYTHON]   (the Python that multi-model-server is installed in)
set -euo pipefail

mms=$("${1:-python3}" -c 'import importlib.util as u; print(u.find_spec("mms").submodule_search_locations[0])')
jar=$(realpath "$mms")/frontend/model-server.jar
cd "$(dirname "$0")"

inputs=$(cat build.sh src/unet/*.java META-INF/services/* "$jar" | sha256sum)
if [ "$inputs" = "$(cat build/inputs 2>/dev/null)" ]; then exit; fi

bin=${JAVA_HOME:+$JAVA_HOME/bin/}
rm -rf build
mkdir -p build/classes build/native
"${bin}javac" --release 11 -proc:none -Xlint:all,-path,-classfile -Werror \
  -cp "$jar" -d build/classes src/unet/*.java
"${bin}jar" --create --file build/mms_endpoints.jar -C build/classes . META-INF/services
# MMS talks to its workers over unix sockets only with this library, which it would unpack into the
# temporary folder: that fails where /tmp is mounted noexec, as in `docker run --tmpfs /tmp`
library=libnetty_transport_native_epoll_$(uname -m | sed s/aarch64/aarch_64/).so
(cd build/classes && "${bin}jar" --extract --file "$jar" "META-INF/native/$library")
mv "build/classes/META-INF/native/$library" build/native/
rm -r build/classes
echo "$inputs" >build/inputs
