#!/bin/sh
# Fetches the newest Prometheus and promtool that Debian has (sid's), or jsonnet (as PyPI has it: sid's needs a newer C library
# than Debian 12 has, and Debian 12's own cannot read YAML of more than one line), without installing them, and says where
# they are. They are kept in target/newest; a second run fetches nothing.
#
#   PROMETHEUS_NEXT=$(sh tests/newest.sh prometheus)
set -eu
cd "$(dirname "$0")/.."
program=${1:?which program}
out=$PWD/target/newest
if [ "$program" = jsonnet ] && [ ! -x "$out/usr/bin/jsonnet" ]; then
    mkdir -p "$out/usr/bin"
    python3 -m pip install --quiet --target "$out/python" jsonnet==0.22.0 >&2
    cat >"$out/usr/bin/jsonnet" <<END
#!/bin/sh
# jsonnet FILE: what the file evaluates to, as JSON.
PYTHONPATH='$out/python' exec python3 -c 'import sys, _jsonnet
print(_jsonnet.version if sys.argv[1] == "--version" else _jsonnet.evaluate_file(sys.argv[1]))' "\$@"
END
    chmod +x "$out/usr/bin/jsonnet"
fi
if [ ! -x "$out/usr/bin/$program" ]; then
    # The mirror that this machine uses.
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | grep -v security | sed -n 1p)
    [ -n "$mirror" ] || { echo 'newest: this is no Debian' >&2; exit 1; }
    lists=$(mktemp -d)
    trap 'rm -rf "$lists"' EXIT
    mkdir -p "$lists/lists/partial" "$lists/cache/archives/partial" "$out"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$lists/sources.list"
    sid() {
        apt-get -qq -o Dir::Etc::SourceList="$lists/sources.list" -o Dir::Etc::SourceParts=- \
            -o Dir::State::Lists="$lists/lists" -o Dir::Cache="$lists/cache" -o APT::Sandbox::User=root "$@" >&2
    }
    sid update
    (cd "$lists" && sid download "$program")
    for package in "$lists/$program"_*.deb; do
        dpkg-deb -x "$package" "$out"
    done
fi
"$out/usr/bin/$program" --version >/dev/null 2>&1 || { echo "newest: $program does not run here" >&2; exit 1; }
echo "$out/usr/bin/$program"
