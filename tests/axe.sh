#!/bin/sh
# Prints the path of axe-core, which finds what people with assistive technology stumble over. It comes from npm's registry
# into target/axe. Without npm nothing is printed, and on standard error that this part is not run.
set -eu

version=4.14.1
dir=${CARGO_TARGET_DIR:-target}/axe
file=$dir/node_modules/axe-core/axe.min.js

if [ ! -e "$file" ]; then
    command -v npm >/dev/null || {
        echo 'NOT RUN: page: axe-core: npm is not installed' >&2
        exit 0
    }
    mkdir -p "$dir"
    npm install --silent --no-audit --no-fund --prefix "$dir" "axe-core@$version" >&2 || {
        echo "NOT RUN: page: axe-core: npm cannot install axe-core@$version" >&2
        exit 0
    }
fi
realpath "$file"
