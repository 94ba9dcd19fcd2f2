#!/bin/sh
# A machine of one's own: this one's programs, with other files over them, in namespaces of their own. Its PHP-FPM, nginx
# and network are seen by nobody else, and all of it goes when this script ends.
#
#   unshare --mount --net --pid --fork --kill-child sh machine.sh DIRECTORY LAYOUT BADGATEWAY
#
# DIRECTORY is empty and becomes the machine; LAYOUT is a file of this form:
#
#   --- /a/path            the lines up to the next --- are that file; a path that ends in / is a directory
#   --- setup | start | break | later      a shell script; `later` may call ask, serve, same_findings and until_true
#   --- user                               who runs Badgateway; root without it
#   --- expect                             what main.rs compares
#
# Prints what Badgateway said, its page of metrics, and what `diagnose` says beside it and without it.
set -eu
base=$1 layout=$2 program=$3

mount -t tmpfs tmpfs "$base"
mkdir "$base/upper" "$base/work" "$base/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" "$base/root"
root=$base/root
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
for dir in run tmp var/log; do mount -t tmpfs tmpfs "$root/$dir"; done
chmod 1777 "$root/tmp"
ip link set lo up
rm -rf "$root/etc/nginx" "$root/etc/php"/*/fpm/pool.d/*
mkdir -p "$root/run/php" "$root/etc/nginx" "$root/var/www" "$root/run/layout"
cp -a /etc/nginx/. "$root/run/layout/debian-nginx"
cp "$program" "$root/run/layout/badgateway"
cp "$layout" "$root/run/layout/layout"
exec chroot "$root" /bin/sh -s <<'INSIDE'
set -eu
cd /run/layout
PHP=$(ls /usr/sbin/php-fpm[0-9]* | tail -1)
VERSION=${PHP#/usr/sbin/php-fpm}
export PHP VERSION
sed "s/@VERSION@/$VERSION/g" layout | awk '
    /^--- / { close(out); out = $2
        if (out !~ /^\//) out = "/run/layout/" out
        dir = out; sub("[^/]*$", "", dir); system("mkdir -p \"" dir "\"")
        if (out ~ /\/$/) out = "/dev/null"; else printf "" > out
        next }
    out { print > out }'
mkdir -p /srv/site
echo '<?php echo "ok";' > /srv/site/index.php
run() { [ ! -e "$1" ] || sh -eu "$1"; }
ask() { curl -s -o /dev/null -m 10 -w '%{http_code}\n' -H "Host: ${1:-site.test}" "http://127.0.0.1:${2:-80}/index.php"; }
run setup
run start
user=root
[ ! -e user ] || user=$(cat user)
chmod 755 badgateway
touch said
serve() {
    setpriv --reuid "$user" --regid "$user" --init-groups ./badgateway --web.listen-address 127.0.0.1:10502 \
        --state.dir /run/state >> said 2>&1 &
    pid=$!
    until_true curl -s -f -o /dev/null http://127.0.0.1:10502/-/ready
}
until_true() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 150 ]; then cat said; echo "never came true: $*"; exit 1; fi
        sleep 0.1
    done
}
# What the exporter counts of the findings is what `check` finds.
same_findings() {
    setpriv --reuid "$user" --regid "$user" --init-groups ./badgateway check --format json > found || true
    curl -s http://127.0.0.1:10502/metrics > shown
    for severity in error warning info; do
        count=$(grep -o "\"severity\": *\"$severity\"" found | wc -l)
        grep -q "^badgateway_check_findings{severity=\"$severity\"} $count\$" shown || return 1
    done
}
mkdir /run/state
chown "$user" /run/state
serve
until_true grep -q 'following\|access_log is off\|log goes to' said
echo "before: $(ask)"
run break
# A worker that ends a little later would still take the connection.
until_true sh -c '! [ -s break ] || ! grep -q "pkill -9" break || ! pgrep -f "^php-fpm: " > /dev/null'
echo "after: $(ask)"
[ ! -e later ] || . ./later
# nginx has written its lines; what broke may come up to three seconds later.
sleep 4
echo '== said'
cat said
echo '== metrics'
curl -s http://127.0.0.1:10502/metrics | grep -v '^#'
echo '== asked'
./badgateway diagnose || true
echo '== asked json'
./badgateway diagnose --format json || true
kill "$pid"
wait "$pid" || true
echo '== alone'
./badgateway diagnose || true
echo '== alone json'
./badgateway diagnose --format json || true
INSIDE
