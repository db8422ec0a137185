#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_events.py ROWS: seeded card transactions in the form of the handbook's, in order of time."""
import random
import sys

random.seed(7)
rows = int(sys.argv[1])
print("tx_id,ts,customer,terminal,amount,fraud")
time = 1522540800
for i in range(rows):
    time += random.choice((0, 0, 1, 3, 20))
    amount = f"{random.randrange(1, 30000) / 100:.2f}"
    print(f"{i},{time}000,{random.randrange(4990)},{random.randrange(10000)},{amount},{int(random.random() < 0.01)}")
