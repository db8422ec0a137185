#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill_events.py ROWS SEED: card transactions in order of time, one in thirty sent a second time a little later (R9 drops it)."""
import random
import sys

rows, seed = int(sys.argv[1]), int(sys.argv[2])
random.seed(seed)
print("tx_id,ts,customer,terminal,amount,fraud")
time, again = 1522540800, []
for i in range(rows):
    time += random.choice((0, 0, 1, 3, 20))
    amount = f"{random.randrange(1, 30000) / 100:.2f}"
    line = f"{i},{time}000,{random.randrange(499)},{random.randrange(1000)},{amount},{int(random.random() < 0.01)}"
    print(line)
    if random.random() < 1 / 30:
        again.append((i + random.randrange(300), line))
    while again and again[0][0] <= i:
        print(again.pop(0)[1])
for _, line in again:  # the last records of the topic give no score
    print(line)
