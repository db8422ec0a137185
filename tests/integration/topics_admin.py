#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What somebody else may do to topics and groups, for tests.

  topics_admin.py BROKERS truncate TOPIC [PARTITION]   everything in it is gone, as retention would have it; prints the new starts
  topics_admin.py BROKERS delete TOPIC...              and waits until they are gone
  topics_admin.py BROKERS earliest GROUP TOPIC         kafka-consumer-groups --topic TOPIC --reset-offsets --to-earliest --execute
  topics_admin.py BROKERS forget GROUP                 kafka-consumer-groups --delete --group GROUP
"""
import sys
import time

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

SECONDS = 30
admin = AdminClient({"bootstrap.servers": sys.argv[1]})


def partitions_of(topic):
    return [TopicPartition(topic, p) for p in sorted(admin.list_topics(topic, SECONDS).topics[topic].partitions)]


def offsets(topic, spec):
    futures = admin.list_offsets({p: spec for p in partitions_of(topic)})
    return [TopicPartition(p.topic, p.partition, f.result().offset) for p, f in sorted(futures.items(), key=lambda item: item[0].partition)]


def truncate(topic, partition=None):
    ends = [p for p in offsets(topic, OffsetSpec.latest()) if partition is None or p.partition == int(partition)]
    for future in admin.delete_records(ends).values():
        future.result(SECONDS)
    print(*(p.offset for p in offsets(topic, OffsetSpec.earliest())))


def delete(*topics):
    for future in admin.delete_topics(list(topics)).values():
        future.result(SECONDS)
    until = time.time() + SECONDS
    while set(topics) & set(admin.list_topics(timeout=SECONDS).topics):
        assert time.time() < until, "the topics are still there"
        time.sleep(0.1)
    time.sleep(1)  # the broker deletes behind the answer


def patiently(what):
    """A member that was known by name is missed only when its session is over; until then the group is not empty."""
    until = time.time() + SECONDS
    while True:
        try:
            return what()
        except (KafkaException, AssertionError):
            if time.time() > until:
                raise
            time.sleep(0.5)


def earliest(group, topic):
    where = ConsumerGroupTopicPartitions(group, offsets(topic, OffsetSpec.earliest()))

    def move():
        for future in admin.alter_consumer_group_offsets([where]).values():
            moved = future.result(SECONDS).topic_partitions
            assert not any(p.error for p in moved), [str(p.error) for p in moved]

    patiently(move)


def forget(group):
    patiently(lambda: [future.result(SECONDS) for future in admin.delete_consumer_groups([group]).values()])


{"truncate": truncate, "delete": delete, "earliest": earliest, "forget": forget}[sys.argv[2]](*sys.argv[3:])
