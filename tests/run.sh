#!/bin/sh
# What `make test` runs, in parts. A part that fails does not keep the others from running; at the end each part's time is
# printed, and the exit code is 1 if any failed.
#
#   sh tests/run.sh             all parts
#   sh tests/run.sh lab web     these only
set -u

cargo=${CARGO:-cargo}
report=''
failed=0
started=$(date +%s)

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
    report="$report$(printf '%-12s %-6s %4d s' "$name" "$outcome" $(($(date +%s) - begun)))
"
}

documentation() {
    RUSTDOCFLAGS='-D warnings' "$cargo" doc --locked --no-deps --quiet
}

one() {
    case $1 in
        format) part format "$cargo" fmt --all --check ;;
        clippy) part clippy "$cargo" clippy --locked --all-targets -- -D warnings ;;
        doc) part doc documentation ;;
        build) part build "$cargo" test --locked --no-run ;;
        unit) part unit "$cargo" test --locked --lib --bins ;;
        bench) part bench "$cargo" test --locked --bench logs ;;
        *) part "$1" "$cargo" test --locked --test "$1" ;;
    esac
}

if [ $# -eq 0 ]; then
    set -- format clippy doc build unit corpus source store cli discover status web forged alerts reliability lab pages bench
fi
for name in "$@"; do
    one "$name"
done

printf '\n%s' "$report"
printf '%-12s %-6s %4d s\n' together "$([ "$failed" -eq 0 ] && echo ok || echo "$failed failed")" $(($(date +%s) - started))
[ "$failed" -eq 0 ]
