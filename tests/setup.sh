#!/bin/sh
# Installs from the distribution what the demo or the tests need and this machine lacks, and says what and why.
# The packages' own services are kept from running: everything here starts its servers itself, on loopback.
#
#   tests/setup.sh demo    nginx, PHP-FPM
#   tests/setup.sh test    these, and promtool, curl, openssl
set -eu

what=${1:-}
case $what in
demo | test) ;;
*)
    echo "usage: $0 demo|test" >&2
    exit 2
    ;;
esac

has() {
    command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]
}

has_fpm() {
    for binary in /usr/sbin/php-fpm*; do
        [ -x "$binary" ] && return 0
    done
    return 1
}

packages=
need() {
    packages="$packages $1"
    echo "setup: $1 is missing: $2"
}

has nginx || need nginx "the web server whose failures are provoked"
has_fpm || need php-fpm "the FastCGI server behind it"
if [ "$what" = test ]; then
    has openssl || need openssl "makes the certificates of the TLS failures"
    has curl || need curl "a client to try things by hand"
    if ! has promtool; then
        # In newer releases promtool is a package of its own.
        if apt-cache show promtool >/dev/null 2>&1; then
            need promtool "checks the metrics"
        else
            need prometheus "its promtool checks the metrics"
        fi
    fi
fi
if [ -z "$packages" ]; then
    echo "setup: everything for '$what' is here"
    exit 0
fi

if ! has apt-get; then
    echo "setup: this machine has no apt-get. Please install by hand:$packages" >&2
    exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
    if ! has sudo; then
        echo "setup: installing needs root, and there is no sudo. Please install as root:$packages" >&2
        exit 1
    fi
    sudo=sudo
fi

# Packages start their services when they are installed. policy-rc.d is Debian's way to say no
# (invoke-rc.d(8)); a file that is there already is somebody else's, and stays.
policy=/usr/sbin/policy-rc.d
ours=
if [ ! -e "$policy" ]; then
    ours=yes
    printf '#!/bin/sh\n# Made by a set-up script while it installs packages.\nexit 101\n' | $sudo tee "$policy" >/dev/null
    $sudo chmod +x "$policy"
    trap '$sudo rm -f "$policy"' EXIT INT TERM
fi

before=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' 2>/dev/null | sed -n 's/ installed$//p')
echo "setup: installing$packages"
$sudo apt-get update -qq
# shellcheck disable=SC2086 # a list of names
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null

# Where systemd runs, the services are enabled for the next boot: not those that were here before.
if [ -d /run/systemd/system ]; then
    for package in nginx prometheus prometheus-node-exporter $(dpkg-query -W -f '${Package}\n' 'php*-fpm' 2>/dev/null); do
        if ! printf '%s\n' "$before" | grep -qx "$package" && systemctl list-unit-files "$package.service" >/dev/null 2>&1; then
            $sudo systemctl disable --now "$package.service" >/dev/null 2>&1 || true
            echo "setup: the service $package is installed, and neither runs nor starts at boot"
        fi
    done
fi
[ -z "$ours" ] || { $sudo rm -f "$policy"; trap - EXIT INT TERM; }
echo "setup: done"
