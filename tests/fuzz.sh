#!/bin/sh
# What `make fuzz` runs: each test that has a target (src/fuzz) alone in a process, the quickest first.
#
#   FUZZ_INPUTS=1000000 sh tests/fuzz.sh              all
#   FUZZ_INPUTS=1000000 sh tests/fuzz.sh fpm_log      those whose names hold one of the words
set -u

cargo=${CARGO:-cargo}
FUZZ_INPUTS=${FUZZ_INPUTS:-10000000}
export FUZZ_INPUTS
# Two targets write each input to a file.
[ -w /dev/shm ] && export TMPDIR=/dev/shm

tests='
topology::units::tests::damaged_text_does_not_panic
address::tests::damaged_text_does_not_panic
kernel::processes::stat::tests::damaged_text_does_not_panic
kernel::processes::title::tests::damaged_text_does_not_panic
kernel::sockets::tests::damaged_rows_do_not_panic
kernel::diag::tests::a_damaged_answer_does_not_panic
kernel::diag::recorded::sockets_are_read_from_an_answer_and_damaged_ones_do_not_panic
kernel::machine::tests::damaged_text_does_not_panic
kernel::overflow::tests::damaged_text_does_not_panic
kernel::cgroup::tests::damaged_text_does_not_panic
kernel::network::tests::damaged_text_does_not_panic
record::stamp::transport::tests::no_line_panics
record::format::ltsv::tests::damaged_lines_do_not_panic
ledger::store::tests::format::damaged_records_are_refused
fuzz::targets::status::fastcgi_reply
fuzz::targets::status::status_page
fuzz::targets::logs::fpm_log
fuzz::targets::logs::error_line
fuzz::targets::logs::access_line
fuzz::targets::logs::log_format
fuzz::targets::logs::error_entries
fuzz::targets::logs::envelopes
fuzz::targets::logs::access_detection
ledger::saved::tests::damaged_contents_become_no_memory
kernel::memory::tests::damaged_text_does_not_panic
web::config::tests::no_file_panics
config::file::tests::no_configuration_file_panics
fuzz::targets::logs::pastes
attribute::tests::mutated::a_damaged_php_fpm_log_moves_no_count
attribute::tests::mutated::a_damaged_error_log_moves_no_count
attribute::tests::mutated::a_damaged_access_log_is_counted_exactly
fuzz::targets::configurations::nginx_configuration
fuzz::targets::configurations::fpm_configuration
'

wanted() {
    [ "$#" -gt 1 ] || return 0
    name=$1
    shift
    for word in "$@"; do
        case $name in *"$word"*) return 0 ;; esac
    done
    return 1
}

program=$("$cargo" test --locked --profile fuzz --lib --no-run --message-format=json-render-diagnostics |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p') || exit 1
[ -x "$program" ] || exit 1

failed=0
for test in $tests; do
    wanted "$test" "$@" || continue
    said=$("$program" --exact "$test" --nocapture --test-threads=1 2>&1)
    status=$?
    printf '%s\n' "$said" | sed -n 's/.*\(fuzz: .*\)/\1/p'
    case "$status $said" in
        "0 "*"1 passed"*) ;;
        *)
            failed=$((failed + 1))
            printf '%s\n%s FAILED\n' "$said" "$test"
            ;;
    esac
done
[ "$failed" -eq 0 ] && echo 'fuzz: no panic, no input above 1 s or 64 MiB' || exit 1
