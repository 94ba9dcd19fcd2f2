#!/bin/sh
# Fetches the newest Prometheus, promtool and jsonnet that Debian has (sid's) without installing them, and says where they
# are. They are kept in target/newest; a second run fetches nothing.
#
#   PROMETHEUS_NEXT=$(sh tests/newest.sh prometheus)
set -eu
cd "$(dirname "$0")/.."
program=${1:?which program}
out=$PWD/target/newest
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
