#!/bin/sh
# What `make test` runs, in parts. A part that fails does not keep the others from running. At the end come what was not
# run and why, one line for each part with its time, and the exit code: 1 if any part failed.
#
#   sh tests/run.sh             all parts
#   sh tests/run.sh lab web     these only
#
# Temporary files go to a directory of this run: a part that leaves any there fails as "leftovers".
set -u

cargo=${CARGO:-cargo}
report=''
failed=0
started=$(date +%s)

# Short: the path of a unix socket may have 107 bytes.
TMPDIR=$(mktemp -d /tmp/bgw.XXXXXX) || exit 1
NOT_RUN_LIST=$(mktemp /tmp/bgw.XXXXXX) || exit 1
# nginx's and PHP-FPM's workers are other users.
chmod 755 "$TMPDIR"
export TMPDIR NOT_RUN_LIST
clean_up() { rm -rf "$TMPDIR" "$NOT_RUN_LIST"; }
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# part NAME COMMAND...: runs it and notes how it went.
part() {
    name=$1
    shift
    begun=$(date +%s)
    printf '\n== %s: %s\n' "$name" "$*"
    if "$@"; then outcome=ok; else
        outcome=FAILED
        failed=$((failed + 1))
    fi
    line=$(printf '%-12s %-6s %4d s' "$name" "$outcome" $(($(date +%s) - begun)))
    printf '== %s\n' "$line"
    report="$report$line
"
}

documentation() {
    RUSTDOCFLAGS='-D warnings' "$cargo" doc --locked --workspace --no-deps --quiet &&
        "$cargo" test --locked --workspace --doc
}

leftovers() {
    left=$(ls -A "$TMPDIR")
    [ -z "$left" ] || {
        printf 'left in the temporary directory:\n%s\n' "$left"
        return 1
    }
}

one() {
    case $1 in
        format) part format "$cargo" fmt --all --check ;;
        clippy) part clippy "$cargo" clippy --locked --workspace --all-targets -- -D warnings ;;
        doc) part doc documentation ;;
        build) part build "$cargo" test --locked --workspace --no-run ;;
        unit) part unit "$cargo" test --locked --workspace --lib --bins ;;
        bench) part bench "$cargo" test --locked --bench logs ;;
        *) part "$1" "$cargo" test --locked --test "$1" ;;
    esac
}

if [ $# -eq 0 ]; then
    set -- format clippy build doc unit corpus source store cli discover status web forged alerts reliability lab pages page
    # Whatever test target is not named above.
    for file in tests/*.rs tests/*/main.rs; do
        target=${file#tests/}
        target=${target%/main.rs}
        target=${target%.rs}
        case " $* " in *" $target "*) ;; *) set -- "$@" "$target" ;; esac
    done
    set -- "$@" bench
fi
for name in "$@"; do
    one "$name"
done
part leftovers leftovers

echo
if [ -s "$NOT_RUN_LIST" ]; then
    sort -u "$NOT_RUN_LIST"
    echo
fi
printf '%s' "$report"
total=$(($(date +%s) - started))
if [ "$failed" -eq 0 ]; then outcome=ok; else outcome="$failed failed"; fi
printf '%-12s %s, %d min %d s, %d not run\n' together "$outcome" $((total / 60)) $((total % 60)) \
    "$(sort -u "$NOT_RUN_LIST" | wc -l)"
[ "$failed" -eq 0 ]
