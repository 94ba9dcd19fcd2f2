"""Reads each dashboard into Grafana's published types and writes it again: a key that is lost is none that Grafana knows.

    python3 keys.py DASHBOARD.json...     with grafana-foundation-sdk==0.0.21 installed
"""

import json
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

# Read by the data source, which adds them to what the type of an annotation has.
OF_THE_DATA_SOURCE = {"step", "titleFormat", "textFormat", "tagKeys", "useValueForTime", "interval", "refId"}


def lost(before, after, path=""):
    """The paths of keys that are in `before` alone."""
    if isinstance(before, dict):
        for key, value in before.items():
            where = f"{path}.{key}"
            if not isinstance(after, dict) or key not in after:
                yield where
            else:
                yield from lost(value, after[key], where)
    elif isinstance(before, list):
        for number, value in enumerate(before):
            has = isinstance(after, list) and number < len(after)
            yield from lost(value, after[number] if has else None, f"{path}[{number}]")


def main():
    register_default_plugins()
    count = 0
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8") as file:
            before = json.load(file)
        after = json.loads(json.dumps(Dashboard.from_json(before), cls=JSONEncoder))
        for where in lost(before, after):
            key = where.rsplit(".", 1)[-1]
            if where.startswith(".annotations") and key in OF_THE_DATA_SOURCE:
                continue
            count += 1
            print(f"{name}: {where} is lost")
        print(f"{name}: {len(before['panels'])} panels and rows read and written")
    sys.exit(1 if count else 0)


main()
