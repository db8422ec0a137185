#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill_check.py ROWS DELIVERY SCORES: every event has its score under one id; copies are alike; in transactions there are none."""
import hashlib
import json
import sys

rows, delivery, path = int(sys.argv[1]), sys.argv[2], sys.argv[3]
by_id, events, copies = {}, {}, 0
with open(path, encoding="utf-8") as lines:
    for line in lines:
        record = json.loads(line)
        value = record["value"]
        text = hashlib.md5(json.dumps([value, record["key"], record["partition"]], sort_keys=True).encode()).digest()
        if value["id"] in by_id:
            copies += 1
            assert by_id[value["id"]] == text, f"two copies of {value['id']} differ"
        by_id[value["id"]] = text
        events.setdefault(value["event_id"], set()).add(value["id"])
missing = [i for i in range(rows) if str(i) not in events]
twice = {event: ids for event, ids in events.items() if len(ids) > 1}
print(f"{rows} events, {len(by_id)} scores, {copies} identical copies, {len(missing)} missing, {len(twice)} counted twice")
assert not missing, f"{len(missing)} events have no score, the first {missing[:5]}"
assert not twice, f"{len(twice)} events were scored under two ids: {list(twice.items())[:2]}"
assert len(events) == rows, f"{len(events) - rows} scores belong to no event"
assert delivery == "idempotent" or copies == 0, f"{copies} copies in transactions"
