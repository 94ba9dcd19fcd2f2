# The two commands of the README are `make demo` and `make test`; each does its own set-up.

# A shell that was open while rustup ran has not got its directory in PATH yet.
CARGO ?= $(shell command -v cargo || echo "$(HOME)/.cargo/bin/cargo")

.PHONY: help alerts dashboards dashboards-keys dashboards-picture demo test unit e2e page page-picture soak fuzz reproducible lint fmt docs bench setup-demo setup-test

help:
	@echo 'make demo    break PHP in seven ways on this machine and watch Badgateway name each (about 5 minutes the first time, then 1)'
	@echo 'make test    everything that must hold: lint, unit, corpus, real servers, docs (about 15 minutes the first time)'
	@echo 'make unit    what needs no server: less than a minute after the build'
	@echo 'make e2e     26 failures from the first 502 to the page, at four paces of Prometheus; ten quiet minutes; the rules of 1000 machines (about an hour)'
	@echo 'make dashboards  every query of the dashboards on a site that fails for ten minutes, scraped every 15 and every 60 s'
	@echo 'make dashboards-keys  compares their keys with those that Grafana'\''s published types know (needs Python and PyPI)'
	@echo 'make dashboards-picture  draws that run with Grafana'\''s published components (needs npm and chromium)'
	@echo 'make page    the page in a real browser during 21 failures, with axe-core; pictures in target/page (about 5 minutes)'
	@echo 'make page-picture  docs/page.png from a run of 12 minutes (MINUTES=3 for less)'
	@echo 'make soak    the tests of bad nights in their long form: kills, rotations, random sequences, CPU of the sampler and an hour of everything at once (SOAK_SECONDS=600 for less)'
	@echo 'make fuzz    the parsers on 10,000,000 damaged inputs each (about two hours; FUZZ_INPUTS=1000000 for less)'
	@echo 'make reproducible  builds the last commit in two directories and compares the programs (about 15 minutes)'
	@echo 'make lint    rustfmt and clippy, warnings denied'
	@echo 'make fmt     rewrite the sources as rustfmt wants them'
	@echo 'make docs    regenerate docs/metrics.md, docs/formats.md and the keys of docs/configuration.md, the table of alerts, the dashboards and the page of the recorded machine'
	@echo 'make alerts  RUNBOOKS=https://…: the rules with these links, and as a PrometheusRule, in target/alerts'
	@echo 'make bench   CPU and memory against wc and mtail (about 2 minutes, after a release build)'

setup-demo:
	@sh tests/setup.sh demo

setup-test:
	@sh tests/setup.sh test

demo: setup-demo
	$(CARGO) build --locked --bin badgateway --example demo
	$(CARGO) run --locked --quiet --example demo

test: setup-test
	@CARGO='$(CARGO)' sh tests/run.sh

# Needs no server.
unit:
	@CARGO='$(CARGO)' sh tests/run.sh unit corpus source store cli

# `diagnose` after each of 34 failures on a machine of its own; then what it takes from a failure to a page.
# Prints for each failure and pace of Prometheus, with the one that is installed and with Debian sid's: pages, tickets, overs, seconds.
e2e: setup-test
	E2E=1 $(CARGO) test --locked --test stock
	JSONNET="$$(sh tests/newest.sh jsonnet)" E2E=1 $(CARGO) test --locked --test alerts
	PROMETHEUS_NEXT="$$(sh tests/newest.sh prometheus)" E2E=1 $(CARGO) test --locked --test pages -- --nocapture --test-threads=1

# As root in a process namespace of its own: no other PHP-FPM of this machine is in the pictures then.
dashboards: setup-test
	DASHBOARDS=1 $(CARGO) test --locked --test dashboards --no-run
	DASHBOARDS=1 $$([ "$$(id -u)" != 0 ] || echo unshare --pid --fork --mount-proc --kill-child) $(CARGO) test --locked --test dashboards -- --nocapture --test-threads=1

# Of what `make dashboards` left in target/dashboards.
dashboards-picture:
	@sh tests/dashboards/picture/draw.sh

# Is each key of the dashboards one that Grafana's published types know? Needs Python and a package of PyPI.
dashboards-keys:
	python3 -m venv target/dashboards/keys
	target/dashboards/keys/bin/pip --quiet install grafana-foundation-sdk==0.0.21
	target/dashboards/keys/bin/python tests/dashboards/keys.py dashboards/*.json

page: setup-test
	AXE="$$(sh tests/axe.sh)" PAGE=1 $(CARGO) test --locked --test page -- --nocapture --test-threads=1

# Where it may, without the other processes of this machine: their PHP-FPM would be in the picture.
page-picture: setup-test
	$$(unshare --pid --fork --mount-proc true 2>/dev/null && echo unshare --pid --fork --mount-proc) \
		$(CARGO) test --locked --test page -- --ignored --nocapture the_page_of

# Each prints one line with what it did and found; the hour a line each minute, and at the end whether all sums agree.
soak: setup-test
	SOAK=1 SEQUENCES=100000 $(CARGO) test --locked --release --test source --test reliability --test web -- --nocapture --test-threads=1
	SOAK=1 $(CARGO) test --locked --release --test lab -- --nocapture fifty_idle

# Each target prints how many damaged inputs it got, the longest time for one and the most memory that one held; above 1 s or
# 64 MiB it fails. FUZZ_INPUTS=1000000 is shorter.
fuzz:
	@CARGO='$(CARGO)' sh tests/fuzz.sh

reproducible:
	@CARGO='$(CARGO)' sh tests/reproducible.sh

# Addresses without the alert's name; without them links lead to the instance that is affected.
alerts:
	@sh alerts/build.sh '$(RUNBOOKS)' '$(DASHBOARDS)' && ls target/alerts/*

lint: setup-test
	@CARGO='$(CARGO)' sh tests/run.sh format clippy doc

fmt:
	$(CARGO) fmt --all

docs:
	BADGATEWAY_WRITE_DOCS=1 $(CARGO) test --locked --test cli --test alerts --test dashboards -- the_metrics_page a_recorded the_table the_formats_page the_configuration_page the_dashboards_are

bench:
	$(CARGO) bench --locked --bench logs
