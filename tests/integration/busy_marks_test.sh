#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What is in force stands in the topic of marks, which running workers write all the time. Whoever starts meanwhile reads up to where
# it ended then, and does not wait for a moment of silence.
. "$WEIR_TEST_ROOT/tests/lib/script.sh" || exit 1
need_python
start_kafka
export WEIR_BROKERS=$brokers
expect 0 "$weir" init -q project
expect 0 "$weir" -q -C project apply
"$python" - "$brokers" <<'P' & children+=("$!")
import sys, time
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": sys.argv[1], "linger.ms": 0})
while True:
    producer.produce("weir.card.marks", b"", "somebody")
    producer.poll(0)
    time.sleep(0.01)
P
sleep 1
expect 0 timeout 15 "$weir" -C project diff --exit-code
says err 'nothing changes'
