#!/bin/sh
# Pictures of the dashboards, dark and light, into target/dashboards: drawn by Grafana's published components from what
# `make dashboards` left there. Packages come from npm (about 460 MB, once); chromium is Debian's.
set -eu
cd "$(dirname "$0")/../../.."
run=$PWD/target/dashboards/run
work=$PWD/target/dashboards/picture
[ -f "$run/times.json" ] || { echo 'no run to draw: make dashboards' >&2; exit 1; }
command -v npm >/dev/null || { echo 'npm is missing: apt-get install npm' >&2; exit 1; }
command -v chromium >/dev/null || { echo 'chromium is missing: apt-get install chromium' >&2; exit 1; }
mkdir -p "$work"
cp tests/dashboards/picture/package.json tests/dashboards/picture/*.js tests/dashboards/picture/*.jsx tests/dashboards/picture/*.mjs "$work"
[ -d "$work/node_modules/@grafana/ui" ] || (cd "$work" && npm install --no-audit --no-fund --ignore-scripts)

# Of a copy: Prometheus writes to what it reads.
data=$(mktemp -d)
cp -r "$run/data" "$data/data"
printf 'global: {}\n' >"$data/prometheus.yml"
port=${PICTURE_PORT:-19590}
prometheus --config.file="$data/prometheus.yml" --storage.tsdb.path="$data/data" --storage.tsdb.retention.time=10y \
    --web.listen-address="127.0.0.1:$port" 2>"$data/stderr.txt" &
prometheus=$!
trap 'kill $prometheus; wait $prometheus || true; rm -rf "$data"' EXIT
tries=0
until curl -sf "http://127.0.0.1:$port/-/ready" >/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || { cat "$data/stderr.txt" >&2; exit 1; }
    sleep 0.2
done
node "$work/draw.mjs" "http://127.0.0.1:$port" "$PWD/dashboards" "$run" "$PWD/target/dashboards" "$@"
