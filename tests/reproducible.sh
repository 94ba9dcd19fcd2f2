#!/bin/sh
# Builds the last commit in two directories of different length and compares the programs. PROFILE=dev is quicker than release.
set -eu

cargo=${CARGO:-cargo}
profile=${PROFILE:-release}
home=${CARGO_HOME:-$HOME/.cargo}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

sums=''
for dir in "$root/a" "$root/another-directory"; do
    mkdir "$dir"
    git archive HEAD | tar -x -C "$dir"
    (
        cd "$dir"
        # Paths stand in messages of panics; the C compiler puts its directory into what it assembles.
        RUSTFLAGS="--remap-path-prefix=$dir=/src --remap-path-prefix=$home=/cargo"
        CFLAGS="-ffile-prefix-map=$dir=/src -ffile-prefix-map=$home=/cargo"
        export RUSTFLAGS CFLAGS CARGO_INCREMENTAL=0 CARGO_TARGET_DIR="$dir/target"
        "$cargo" build --locked --quiet --profile "$profile" --bin badgateway
    )
    [ "$profile" = dev ] && made=debug || made=$profile
    sum=$(sha256sum <"$dir/target/$made/badgateway" | cut -d ' ' -f 1)
    echo "$sum  ${dir#"$root"/}/target/$made/badgateway"
    sums="$sums $sum"
    rm -rf "$dir/target"
done
# shellcheck disable=SC2086
set -- $sums
if [ "$1" = "$2" ]; then echo 'the same bytes'; else
    echo 'they differ'
    exit 1
fi
