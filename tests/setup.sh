#!/bin/sh
# Installs what `make demo` and `make test` need besides Rust, on Debian, Ubuntu and their kin.
#
#   sh tests/setup.sh demo    a C compiler (it links what Rust compiles), nginx and PHP-FPM
#   sh tests/setup.sh test    these, and what the tests judge with: openssl, curl, Prometheus, Alertmanager
#
# Only what is missing is installed. The packages' services never start: the lab runs nginx and PHP-FPM by
# itself, on loopback ports of its own, and a machine that only wanted a test should not serve port 80 from now on.
# A service that was there before is left as it is. A second run does nothing but say so.
set -eu

say() {
    printf 'setup: %s\n' "$*"
}

fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

# A program may be known by several names; directories of root's programs are not in everybody's PATH.
has() {
    for name in "$@"; do
        for directory in $(printf '%s' "$PATH" | tr ':' ' ') /usr/local/sbin /usr/sbin /sbin; do
            for program in "$directory"/$name; do
                [ -x "$program" ] && return 0
            done
        done
    done
    return 1
}

missing=''

# need PACKAGE REASON PROGRAM...: PACKAGE is missing unless one of the programs is there.
need() {
    package=$1
    reason=$2
    shift 2
    if ! has "$@"; then
        missing="$missing $package"
        say "$package is missing: $reason"
    fi
}

# need_module NAME REASON: the same for a module of nginx.
need_module() {
    if [ ! -e "/usr/lib/nginx/modules/ngx_http_$1_module.so" ]; then
        missing="$missing libnginx-mod-http-$1"
        say "libnginx-mod-http-$1 is missing: $2"
    fi
}

case "${1:-}" in
    demo | test) ;;
    *) fail 'say what for: sh tests/setup.sh demo, or sh tests/setup.sh test' ;;
esac

cargo=$(command -v cargo || echo "${CARGO_HOME:-${HOME:-/root}/.cargo}/bin/cargo")
[ -x "$cargo" ] || fail 'cargo is missing: install Rust first (https://rustup.rs)'
wanted=$(sed -n 's/^rust-version = "1\.\([0-9]*\).*/\1/p' Cargo.toml)
found=$("$cargo" --version 2>/dev/null | sed -n 's/^cargo 1\.\([0-9]*\).*/\1/p')
[ "${found:-0}" -ge "${wanted:-0}" ] ||
    fail "Rust 1.$wanted or newer is needed, and this is $("$cargo" --version 2>/dev/null || echo none): rustup update stable"

if [ "$1" = test ]; then
    for component in fmt clippy; do
        "$cargo" "$component" --version >/dev/null 2>&1 || fail 'rustfmt or clippy is missing: rustup component add rustfmt clippy'
    done
fi

# Measured on Debian 12 and 13 with 2 cores, from a system of 350 MiB: minutes with downloads and compilation; MiB in
# target/ and ~/.cargo, and of packages.
if [ "$1" = demo ]; then minutes=5 build=1100 packages=500; else minutes=15 build=2300 packages=1260; fi
say "make $1 takes about $minutes minutes the first time, with 2 cores, and $((build + packages)) MiB of disk"
target=${CARGO_TARGET_DIR:-target}

# room DIRECTORY: MiB that are free there.
room() {
    df -Pk "$1" | awk 'NR == 2 { print int($4 / 1024) }'
}
mkdir -p "$target"
used=$(du -sm "$target" | cut -f1)
[ $(($(room "$target") + used)) -ge "$build" ] ||
    fail "only $(room "$target") MiB are free for $target: make room, or set CARGO_TARGET_DIR to a larger disk"

# A compiler alone is not enough: it cannot link without the C library's own objects.
if ! has cc || ! printf 'int main(void) { return 0; }' | cc -x c -o /dev/null - >/dev/null 2>&1; then
    missing="$missing gcc libc6-dev"
    say 'gcc and libc6-dev are missing: Rust links with them'
fi
need nginx 'the server whose failures are explained' nginx
need php-fpm 'the upstream that is broken' 'php-fpm' 'php-fpm[78]*' 'php[78]*-fpm'
if [ "$1" = test ]; then
    need openssl 'makes the certificate of the lab'\''s TLS upstream' openssl
    need logrotate 'rotates the logs of the lab while requests come' logrotate
    need curl 'asks the exporter as people do' curl
    need chromium 'looks at the page as people do' chromium chromium-browser google-chrome
    need prometheus 'evaluates the alert rules' prometheus
    # Elsewhere the tests do without them, and say so.
    if has apt-get; then
        need_module lua 'its scripts write a client'\''s words into the error log'
        need_module js 'its scripts do, too'
    fi
    # Where there is no such package, the one above has the program.
    need promtool 'checks the alert rules' promtool
    need prometheus-alertmanager 'routes the alerts, and amtool checks the routes' amtool
fi

if [ -z "$missing" ]; then
    say "everything for '$1' is installed"
    exit 0
fi

[ "$(room /usr)" -ge "$packages" ] || fail "only $(room /usr) MiB are free in /usr, and packages need $packages"

# Those of them that are packages here: not every distribution has these, and the tests say what they do without.
known() {
    for package in $missing; do
        case $package in
            promtool | chromium | libnginx-mod-*) apt-cache show "$package" >/dev/null 2>&1 || continue ;;
        esac
        printf ' %s' "$package"
    done
}

if [ -z "$(known)" ] && apt-cache show nginx >/dev/null 2>&1; then
    say "ready for '$1'; there is no package$missing here"
    exit 0
fi

has apt-get || fail "no apt-get here. Install these with your package manager and run this again:$missing"

root=''
if [ "$(id -u)" -ne 0 ]; then
    has sudo || fail "neither root nor sudo. Ask an administrator for: apt-get install$(known)"
    root=sudo
    say 'sudo is used to install them'
fi

# What runs or is enabled now stays so; whatever the packages add is turned off again below.
services='nginx prometheus prometheus-node-exporter prometheus-alertmanager apache2'
units() {
    for directory in /lib/systemd/system /usr/lib/systemd/system /etc/systemd/system; do
        for unit in "$directory"/php*-fpm.service; do
            [ -e "$unit" ] && basename "$unit" .service
        done
        for service in $services; do
            [ -e "$directory/$service.service" ] && echo "$service"
        done
        [ -e "$directory/logrotate.timer" ] && echo logrotate.timer
    done | sort -u
}

before=$(units)

# Where there is no policy yet, one keeps apt from starting services; it goes when we do. systemd is not asked: in
# containers there is none, and packages start their services by hand.
policy=/usr/sbin/policy-rc.d
ours=no
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\n# From tests/setup.sh of Badgateway, only while it installs packages.\nexit 101\n' |
        $root tee "$policy" >/dev/null
    $root chmod 755 "$policy"
    ours=yes
fi
clean_up() {
    if [ "$ours" = yes ]; then
        $root rm -f "$policy"
        ours=no
    fi
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The lists of a fresh container are empty.
apt-cache show nginx >/dev/null 2>&1 || $root apt-get update --quiet=2 ||
    fail 'apt-get update failed: no network, or a broken source'
missing=$(known)

say "installing:$missing"
# shellcheck disable=SC2086 # a list of package names is meant to be split
install() {
    $root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 --no-install-recommends $missing </dev/null
}
# The lists of an old machine name packages that are gone.
if ! install >/dev/null 2>&1; then
    $root apt-get update --quiet=2 || fail 'apt-get update failed: no network, or a broken source'
    install || fail "apt-get cannot install:$missing"
fi

for service in $(units); do
    case "
$before
" in
        *"
$service
"*) continue ;;
    esac
    if has systemctl; then
        # Without a running systemd, `disable` still removes the links that would start it at the next boot.
        $root systemctl disable --now "$service" >/dev/null 2>&1 ||
            $root systemctl disable "$service" >/dev/null 2>&1 || true
    elif has update-rc.d; then
        $root update-rc.d "$service" disable >/dev/null 2>&1 || true
    fi
    say "$service is installed and stays off"
done

say "ready for '$1'"
