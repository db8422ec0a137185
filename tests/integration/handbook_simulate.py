#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""handbook_simulate.py FROM DAYS: card transactions in the form of the handbook's, for where its data is absent.

Seeded, in order of time. Customers have a usual amount and rate and pay at a few terminals near them. Three frauds are planted, of
the kinds that the handbook describes: amounts above 220, terminals that are tampered with for four weeks, and stolen cards that for
two weeks pay five times the usual in a third of their transactions.
"""
import sys

import numpy as np

CUSTOMERS, TERMINALS, NEAR = 600, 1200, 25


def main():
    start = int(np.datetime64(sys.argv[1], "s").astype(int))
    days = int(sys.argv[2])
    random = np.random.Generator(np.random.PCG64(7))
    usual = random.uniform(5, 100, CUSTOMERS)
    rate = random.uniform(0.5, 4, CUSTOMERS)
    near = random.integers(0, TERMINALS, (CUSTOMERS, NEAR))
    tampered = np.full(TERMINALS, -1)  # the day until which it is
    stolen = np.full(CUSTOMERS, -1)
    print("tx_id,ts,customer,terminal,amount,fraud")
    tx_id = 0
    for day in range(days):
        tampered[random.integers(0, TERMINALS, 1)] = day + 28
        stolen[random.integers(0, CUSTOMERS, 1)] = day + 14
        customer = np.repeat(np.arange(CUSTOMERS), random.poisson(rate))
        second = np.sort(random.integers(0, 86400, len(customer)))
        random.shuffle(customer)
        terminal = near[customer, random.integers(0, NEAR, len(customer))]
        amount = np.abs(random.normal(usual[customer], usual[customer] / 2))
        taken = (stolen[customer] > day) & (random.random(len(customer)) < 1 / 3)
        amount[taken] *= 5
        fraud = taken | (amount > 220) | (tampered[terminal] > day)
        for i in range(len(customer)):
            print(f"{tx_id},{start + day * 86400 + second[i]}000,{customer[i]},{terminal[i]},{amount[i]:.2f},{int(fraud[i])}")
            tx_id += 1


main()
