#!/bin/sh
# The rules in other forms, from the files beside this one, into target/alerts: the files themselves and a PrometheusRule for
# Kubernetes. With addresses, links are these instead of pages of the instance that is affected; the dashboards with such links
# are in target/dashboards then.
#
#   sh alerts/build.sh [RUNBOOKS [DASHBOARDS]]     https://… without the alert's name; https://…
set -eu
cd "$(dirname "$0")"
runbooks=${1-} dashboards=${2-}
out=../target/alerts
mkdir -p "$out"

links() {
    if [ -n "$runbooks" ]; then
        set -- -e "/runbook_url: >-\$/{n;s|[^ ].*/runbooks/|${runbooks%/}/|;}"
    else
        set --
    fi
    if [ -n "$dashboards" ]; then
        set -- "$@" -e "/dashboard_url: >-\$/{n;s|[^ ].*|$dashboards|;}"
    fi
    if [ $# -eq 0 ]; then cat; else sed "$@"; fi
}

rule=$out/prometheusrule.yaml
printf '%s\n' 'apiVersion: monitoring.coreos.com/v1' 'kind: PrometheusRule' 'metadata:' '  name: badgateway' 'spec:' '  groups:' >"$rule"
for file in thresholds nginx php-fpm slo badgateway; do
    links <"$file.yml" >"$out/$file.yml"
    sed -e '1,/^groups:$/d' -e 's/^./  &/' "$out/$file.yml" >>"$rule"
done

if [ -n "$runbooks" ]; then
    mkdir -p ../target/dashboards
    for board in ../dashboards/*.json; do
        [ -e "$board" ] || continue
        sed "s|http://\${exporter}/runbooks/|${runbooks%/}/|g" "$board" >"../target/dashboards/$(basename "$board")"
    done
fi
