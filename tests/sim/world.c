/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ops/runtime/assert.h"
#include "tests/sim/sim.h"

/* ---- randomness ---- */

uint64_t sim_next(sim_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint32_t sim_below(sim_random *random, uint32_t bound)
{
    return (uint32_t)(sim_next(random) % bound);
}
bool sim_chance(sim_random *random, uint32_t percent) { return sim_below(random, 100) < percent; }

const char *const sim_blow_names[SIM_BLOWS] = {"kill", "power cut", "fatal producer error",
                                               "rebalance", "silence"};

/* ---- workers ---- */

/* One record on its way to the broker; appended, then acknowledged. */
typedef struct flight {
    struct flight *next;
    weir_topic topic;
    int32_t partition;
    bool is_appended, has_key;
    int64_t offset; /* once it is appended */
    weir_buffer key, value;
    weir_pack_share *shares;
    size_t share_count;
} flight;

typedef struct slot {
    weir_topic topic;
    int32_t partition;
    uint32_t serial; /* who it is to the packer; never used twice */
    uint32_t generation;
    int64_t parked_committed; /* K when it was parked, drained; -1: it is not */
    weir_node *node;
    int64_t next; /* offset to hand over next */
    weir_echo echo;
    struct worker *worker;
    weir_output_port port;
    weir_store_port store;
} slot;

enum { SLOTS_MAX = 64, POLL_MAX = 32, STEP_US_MAX = 200000 };
#define BEGAN_US INT64_C(1772366400000000)

typedef struct worker {
    sim_world *world;
    int index;
    bool is_alive;
    slot *slots[SLOTS_MAX];
    size_t slot_count;
    weir_packer *packer;
    weir_engine *engine;
    weir_scorer *scorers[2];
    flight *flights; /* oldest first; of one partition they stay in order */
    sim_disk *disks[SIM_TOPICS_MAX][SIM_PARTITIONS];
} worker;

struct sim_world {
    const sim_setup *setup;
    sim_options options;
    sim_random random;
    sim_stats stats;
    int64_t now_us;
    uint32_t backlog, step_count; /* items: the backlog, then two for each step */
    uint32_t item;
    uint32_t produced;
    uint32_t last_serial;
    uint64_t silent_until; /* step before which no acknowledgement arrives */
    bool is_draining;
    bool is_prompt;  /* what was sent arrives and is acknowledged at once */
    bool has_struck; /* a point was hit: the running worker gets the blow */
    sim_partition partitions[SIM_TOPICS_MAX][SIM_PARTITIONS];
    worker workers[SIM_WORKERS];
};

const sim_setup *sim_world_setup(const sim_world *world) { return world->setup; }
const sim_stats *sim_world_stats(const sim_world *world) { return &world->stats; }
sim_stats *sim_world_stats_edit(sim_world *world) { return &world->stats; }

sim_partition *sim_world_partition(sim_world *world, weir_topic topic, int32_t partition)
{
    WEIR_ASSERT(topic < SIM_TOPICS_MAX && partition >= 0 && partition < SIM_PARTITIONS);
    return &world->partitions[topic][partition];
}

uint32_t sim_world_items(const sim_world *world) { return world->backlog + 2 * world->step_count; }

/* For the story that a shrunk run tells. */
static void say(const sim_world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void say(const sim_world *world, const char *format, ...)
{
    if (world->options.trace == NULL || world->is_draining) return;
    va_list arguments;
    va_start(arguments, format);
    (void)fprintf(world->options.trace, "  %6u  ", world->item);
    (void)vfprintf(world->options.trace, format, arguments);
    (void)fputc('\n', world->options.trace);
    (void)fflush(world->options.trace); /* the next thing may be the last */
    va_end(arguments);
}

static const char *name_of(const sim_world *world, weir_topic topic)
{
    return world->setup->topics->items[topic].name;
}

static bool is_consumed(const sim_world *world, weir_topic topic)
{
    return world->setup->topics->items[topic].is_consumed;
}

static void assign_all(sim_world *world);

static void fall_silent(sim_world *world)
{
    world->stats.silences++;
    world->silent_until = world->stats.steps + 20 + sim_below(&world->random, 60);
    say(world, "no acknowledgements for a while");
}

/* Something that a blow may hit. */
static weir_error *at_point(void *context, const char *what, bool after)
{
    sim_world *world = context;
    if (world->is_draining || after != world->options.blow_after) return NULL;
    uint64_t point = world->stats.points++;
    if (world->options.blow_point < 0 || point != (uint64_t)world->options.blow_point) return NULL;
    say(world, "%s %s: %s", after ? "after" : "before", what, sim_blow_names[world->options.blow]);
    if (world->options.blow == SIM_REBALANCE) {
        world->stats.rebalances++;
        assign_all(world);
        return NULL;
    }
    if (world->options.blow == SIM_SILENCE) {
        fall_silent(world);
        return NULL;
    }
    world->has_struck = true;
    return weir_error_new(WEIR_E_AGAIN, "the simulation strikes here: %s", what);
}

static void append(sim_world *world, weir_topic topic, int32_t partition, const weir_buffer *key,
                   bool has_key, const weir_buffer *value)
{
    sim_partition *p = sim_world_partition(world, topic, partition);
    if (p->count == p->capacity) {
        p->capacity = p->capacity == 0 ? 64 : p->capacity * 2;
        p->records = realloc(p->records, p->capacity * sizeof *p->records);
        WEIR_ASSERT(p->records != NULL);
    }
    sim_record *record = &p->records[p->count++];
    *record = (sim_record){.timestamp_us = world->now_us / 1000 * 1000, .has_key = has_key};
    if (has_key) weir_buffer_put(&record->key, key->data, key->size);
    weir_buffer_put(&record->value, value->data, value->size);
}

/* ---- what nodes send ---- */

static flight *new_flight(worker *w, weir_topic topic, int32_t partition)
{
    flight *f = calloc(1, sizeof *f);
    WEIR_ASSERT(f != NULL);
    f->topic = topic;
    f->partition = partition;
    flight **at = &w->flights;
    while (*at != NULL)
        at = &(*at)->next;
    *at = f;
    return f;
}

static void free_flight(flight *f)
{
    weir_buffer_deinit(&f->key);
    weir_buffer_deinit(&f->value);
    free(f->shares);
    free(f);
}

static void set_shares(flight *f, const weir_pack_share *shares, size_t count)
{
    f->shares = calloc(count + 1, sizeof *f->shares);
    WEIR_ASSERT(f->shares != NULL);
    memcpy(f->shares, shares, count * sizeof *shares);
    f->share_count = count;
}

static weir_error *send_pack(void *context, const weir_pack *pack)
{
    worker *w = context;
    WEIR_TRY(at_point(w->world, "pack", false));
    flight *f = new_flight(w, pack->topic, pack->partition);
    weir_buffer_put(&f->value, pack->value.data, pack->value.size);
    set_shares(f, pack->shares, pack->share_count);
    return at_point(w->world, "pack", true);
}

static weir_error *port_send(void *context, const weir_output *output)
{
    slot *s = context;
    worker *w = s->worker;
    weir_output placed = *output;
    if (placed.partition == WEIR_PARTITION_BY_KEY)
        placed.partition = weir_partition_of(placed.key, SIM_PARTITIONS);
    if (placed.is_copy) return weir_packer_add(w->packer, s->serial, &placed);
    WEIR_TRY(at_point(w->world, "send", false));
    flight *f = new_flight(w, placed.topic, placed.partition);
    f->has_key = true;
    weir_buffer_put(&f->key, placed.key.data, placed.key.size);
    weir_buffer_put(&f->value, placed.value.data, placed.value.size);
    weir_pack_share share = {placed.epoch, s->serial, 1};
    set_shares(f, &share, 1);
    return at_point(w->world, "send", true);
}

static int32_t partition_count(void *context, weir_topic topic)
{
    (void)context, (void)topic;
    return SIM_PARTITIONS;
}

/* ---- life of nodes ---- */

static sim_disk *disk_of(worker *w, weir_topic topic, int32_t partition)
{
    sim_disk **disk = &w->disks[topic][partition];
    if (*disk == NULL) *disk = sim_disk_create();
    return *disk;
}

static weir_error *create_node(worker *w, slot *s)
{
    const sim_setup *setup = w->world->setup;
    if (setup->topics->items[s->topic].role == WEIR_TOPIC_SOURCE) {
        weir_observe_options options = {.topics = setup->topics,
                                        .topic = s->topic,
                                        .partition = s->partition,
                                        .port = &s->port,
                                        .schemas = &setup->schemas};
        return weir_observe_create(&options, &s->node);
    }
    sim_disk_port(disk_of(w, s->topic, s->partition), at_point, w->world, &s->store);
    weir_fold_options options = {.topics = setup->topics,
                                 .topic = s->topic,
                                 .partition = s->partition,
                                 .port = &s->port,
                                 .schemas = &setup->schemas,
                                 .store = &s->store,
                                 .engine = w->engine,
                                 .scorers = w->scorers,
                                 .table_bytes = 2048, /* evicts all the time */
                                 .freeze_every_us = 1000,
                                 .freeze_every_events = 1};
    return weir_fold_create(&options, &s->node);
}

static void close_slot(worker *w, size_t index)
{
    slot *s = w->slots[index];
    say(w->world, "worker %d closes %s/%d", w->index, name_of(w->world, s->topic), s->partition);
    s->node->ops->close(s->node);
    weir_echo_deinit(&s->echo);
    free(s);
    w->slots[index] = w->slots[--w->slot_count];
}

static weir_error *open_slot(worker *w, weir_topic topic, int32_t partition)
{
    sim_partition *p = sim_world_partition(w->world, topic, partition);
    slot *s = calloc(1, sizeof *s);
    WEIR_ASSERT(s != NULL && w->slot_count < SLOTS_MAX);
    *s = (slot){.topic = topic,
                .partition = partition,
                .serial = ++w->world->last_serial,
                .generation = p->generation,
                .parked_committed = -1,
                .worker = w};
    s->port = (weir_output_port){s, port_send, partition_count};
    /* This broker tells the truth: in some worlds it is believed without a test. */
    if (w->world->options.seed % 4 == 1) s->echo.trust = WEIR_ECHO_TRUSTED;
    WEIR_TRY(create_node(w, s));
    w->slots[w->slot_count++] = s;
    weir_node_position at = {
        .committed = p->committed, .log_start = 0, .log_end = (int64_t)p->count};
    WEIR_TRY(at_point(w->world, "open", false));
    WEIR_TRY(s->node->ops->open(s->node, &at, &s->next));
    say(w->world, "worker %d opens %s/%d from %lld, K is %lld", w->index, name_of(w->world, topic),
        partition, (long long)s->next, (long long)p->committed);
    return at_point(w->world, "open", true);
}

static slot *find_slot(worker *w, weir_topic topic, int32_t partition)
{
    for (size_t i = 0; i < w->slot_count; i++)
        if (w->slots[i]->topic == topic && w->slots[i]->partition == partition) return w->slots[i];
    return NULL;
}

static bool is_stale(const slot *s)
{
    const sim_partition *p = sim_world_partition(s->worker->world, s->topic, s->partition);
    return p->owner != s->worker->index || p->generation != s->generation;
}

static void close_stale(worker *w)
{
    for (size_t i = w->slot_count; i-- > 0;)
        if (is_stale(w->slots[i])) close_slot(w, i);
}

/* A node that was drained and parked goes on if nobody had its partition since. */
static bool resume(slot *s)
{
    const sim_partition *p = sim_world_partition(s->worker->world, s->topic, s->partition);
    if (s->parked_committed < 0 || s->parked_committed != p->committed) return false;
    s->generation = p->generation;
    s->worker->world->stats.resumed++;
    return true;
}

/* Opens what the worker owns and does not have. */
static weir_error *open_owned(worker *w)
{
    const weir_topics *topics = w->world->setup->topics;
    for (weir_topic t = 0; t < topics->count; t++) {
        for (int32_t p = 0; is_consumed(w->world, t) && p < SIM_PARTITIONS; p++) {
            if (sim_world_partition(w->world, t, p)->owner != w->index) continue;
            slot *had = find_slot(w, t, p);
            if (had != NULL && (!is_stale(had) || resume(had))) continue;
            for (size_t i = w->slot_count; had != NULL && i-- > 0;)
                if (w->slots[i] == had) close_slot(w, i);
            WEIR_TRY(open_slot(w, t, p));
        }
    }
    return NULL;
}

/* Memory is gone; a prefix of what was on its way to each partition may still arrive. */
static void lose_memory(worker *w)
{
    while (w->slot_count > 0)
        close_slot(w, w->slot_count - 1);
    weir_packer_discard(w->packer);
    bool is_lost[SIM_TOPICS_MAX][SIM_PARTITIONS] = {{false}};
    while (w->flights != NULL) {
        flight *f = w->flights;
        w->flights = f->next;
        bool *lost = &is_lost[f->topic][f->partition];
        *lost = *lost || sim_chance(&w->world->random, 40);
        if (!f->is_appended && !*lost)
            append(w->world, f->topic, f->partition, &f->key, f->has_key, &f->value);
        free_flight(f);
    }
}

static void assign_all(sim_world *world)
{
    for (weir_topic t = 0; t < world->setup->topics->count; t++) {
        for (int32_t p = 0; is_consumed(world, t) && p < SIM_PARTITIONS; p++) {
            sim_partition *partition = sim_world_partition(world, t, p);
            int owner = (int)sim_below(&world->random, SIM_WORKERS);
            while (!world->workers[owner].is_alive)
                owner = (owner + 1) % SIM_WORKERS;
            if (owner == partition->owner && sim_chance(&world->random, 80)) continue;
            if (partition->owner >= 0)
                say(world, "%s/%d moves from worker %d to %d", name_of(world, t), p,
                    partition->owner, owner);
            partition->owner = owner;
            partition->generation++;
        }
    }
}

static void crash(worker *w, bool is_power_cut)
{
    sim_world *world = w->world;
    say(world, "worker %d: %s", w->index, is_power_cut ? "power cut" : "killed");
    world->stats.kills += !is_power_cut;
    world->stats.power_cuts += is_power_cut;
    lose_memory(w);
    for (int t = 0; is_power_cut && t < SIM_TOPICS_MAX; t++)
        for (int p = 0; p < SIM_PARTITIONS; p++)
            if (w->disks[t][p] != NULL) sim_disk_cut_power(w->disks[t][p], &world->random);
    w->is_alive = false;
}

static bool any_alive(const sim_world *world)
{
    for (int i = 0; i < SIM_WORKERS; i++)
        if (world->workers[i].is_alive) return true;
    return false;
}

/* A worker comes back, under its old id, and may get partitions again. */
static void revive(sim_world *world, worker *w)
{
    w->is_alive = true;
    say(world, "worker %d comes back", w->index);
    if (!sim_chance(&world->random, 50)) assign_all(world);
}

/* ---- steps ---- */

static void put_event(sim_world *world, weir_buffer *out)
{
    sim_random *random = &world->random;
    char id[16], card[8], merchant[8];
    int64_t et = world->now_us - (int64_t)sim_below(random, 3000000);
    if (sim_chance(random, 5)) et -= 180000000; /* later than `late` */
    if (sim_chance(random, 2)) et += 600000000; /* from the future */
    uint32_t number = sim_chance(random, 15) ? sim_below(random, world->item + 1) : world->item;
    (void)snprintf(id, sizeof id, "id%u", number);
    (void)snprintf(card, sizeof card, "c%u",
                   sim_chance(random, 80) ? number * 7 % 12 : sim_below(random, 12));
    (void)snprintf(merchant, sizeof merchant, "m%u", sim_below(random, 4));
    weir_value values[6] = {weir_time(et),
                            weir_string(id, strlen(id)),
                            weir_string(card, strlen(card)),
                            weir_string(merchant, strlen(merchant)),
                            weir_float((double)sim_below(random, 10000) / 100.0 - 2.0),
                            weir_int(sim_below(random, 1000))};
    if (sim_chance(random, 15)) values[5] = weir_int(INT64_MAX - values[5].as.integer);
    if (sim_chance(random, 5)) values[1] = weir_null();
    if (sim_chance(random, 8)) values[2] = weir_null();
    if (sim_chance(random, 8)) values[3] = weir_null();
    weir_frame_write(out, sim_chance(random, 1) ? 99 : 1);
    weir_error *error = weir_schema_encode(world->setup->schema, values, out);
    WEIR_ASSERT(error == NULL);
    if (sim_chance(random, 2)) out->size -= 1 + sim_below(random, 4); /* poison */
}

static void produce(sim_world *world)
{
    weir_buffer value = {0};
    if (world->produced >= world->options.events) return;
    put_event(world, &value);
    world->produced++;
    weir_topic topic = world->setup->topics->sources[sim_chance(&world->random, 70) ? 0 : 1];
    int32_t partition = (int32_t)sim_below(&world->random, SIM_PARTITIONS);
    append(world, topic, partition, NULL, false, &value);
    say(world, "%s/%d gets event %zu", name_of(world, topic), partition,
        sim_world_partition(world, topic, partition)->count - 1);
    weir_buffer_deinit(&value);
}

/* In every other world reading is slower than acknowledgements: what a worker wrote itself comes
 * back to it only after it was told. */
static int64_t readable_end(const slot *s, const sim_partition *p)
{
    const sim_world *world = s->worker->world;
    int64_t end = (int64_t)p->count;
    if (world->is_draining || world->options.seed % 2 == 0) return end;
    for (const flight *f = s->worker->flights; f != NULL; f = f->next) {
        bool is_ours = f->is_appended && f->topic == s->topic && f->partition == s->partition;
        if (is_ours && f->offset >= s->next && f->offset < end) end = f->offset;
    }
    return end;
}

/* Records from the broker. */
static size_t read_back(const slot *s, const sim_partition *p, weir_log_record *records,
                        uint32_t most)
{
    int64_t end = readable_end(s, p);
    size_t count = 0;
    for (; count < most && s->next + (int64_t)count < end; count++) {
        const sim_record *from = &p->records[s->next + (int64_t)count];
        records[count] = (weir_log_record){.offset = s->next + (int64_t)count,
                                           .timestamp_us = from->timestamp_us,
                                           .key = {from->key.data, from->key.size},
                                           .value = {from->value.data, from->value.size}};
    }
    return count;
}

static uint8_t *bytes_lend(weir_bytes *bytes, uint8_t *to)
{
    if (bytes->data == NULL) return to;
    memcpy(to, bytes->data, bytes->size);
    bytes->data = to;
    return to + bytes->size;
}

/* Records live as long as the call that gets them: it sees a copy, which is spoilt afterwards. */
static weir_error *apply_lent(const slot *s, const weir_log_record *records, size_t count,
                              weir_node_turn *turn)
{
    weir_log_record lent[POLL_MAX];
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += records[i].key.size + records[i].value.size;
    uint8_t *bytes = malloc(size + 1), *to = bytes;
    WEIR_ASSERT(bytes != NULL);
    for (size_t i = 0; i < count; i++) {
        lent[i] = records[i];
        to = bytes_lend(&lent[i].key, to);
        to = bytes_lend(&lent[i].value, to);
    }
    weir_error *error = s->node->ops->apply(s->node, lent, count, turn);
    memset(bytes, 0xa5, size);
    free(bytes);
    return error;
}

static weir_error *hand_over(slot *s, sim_partition *p, uint32_t most, bool in_turns)
{
    weir_log_record records[POLL_MAX];
    sim_world *world = s->worker->world;
    size_t count = 0;
    if (!weir_echo_is_empty(&s->echo) && sim_chance(&world->random, 50)) {
        count = weir_echo_take(&s->echo, s->next, records, most);
        world->stats.echoes += count;
    }
    if (count == 0) {
        count = read_back(s, p, records, most);
        for (size_t i = 0; i < count; i++)
            weir_echo_check(&s->echo, &records[i]);
    }
    if (count == 0) return NULL;
    weir_node_turn turn = {.until_us = INT64_MAX};
    if (in_turns) {
        int64_t first = s->node->ops->order_time(s->node, &records[0]);
        turn.until_us =
            first == INT64_MIN ? INT64_MIN : first + (int64_t)sim_below(&world->random, 1000000);
    }
    WEIR_TRY(at_point(world, "apply", false));
    int64_t from = s->next;
    weir_error *error = apply_lent(s, records, count, &turn);
    s->next += (int64_t)turn.taken;
    say(world, "worker %d takes %s/%d from %lld to %lld%s", s->worker->index,
        name_of(world, s->topic), s->partition, (long long)from, (long long)s->next,
        turn.taken < count ? ", and part of that" : "");
    return error != NULL ? error : at_point(world, "apply", true);
}

static weir_error *poll(worker *w, bool in_turns)
{
    if (w->slot_count == 0) return NULL;
    slot *s = w->slots[sim_below(&w->world->random, (uint32_t)w->slot_count)];
    sim_partition *p = sim_world_partition(w->world, s->topic, s->partition);
    WEIR_TRY(hand_over(s, p, 1 + sim_below(&w->world->random, POLL_MAX), in_turns));
    WEIR_TRY(s->node->ops->flush(s->node));
    return weir_packer_flush(w->packer);
}

/* The first flight of a partition chosen at random goes on: to the broker, or back as an
 * acknowledgement. */
static weir_error *deliver(worker *w)
{
    sim_world *world = w->world;
    bool is_hurried = world->is_draining || world->is_prompt;
    bool is_blocked[SIM_TOPICS_MAX][SIM_PARTITIONS] = {{false}};
    for (flight *f = w->flights; f != NULL; f = f->next) {
        bool *blocked = &is_blocked[f->topic][f->partition];
        if (f->is_appended || *blocked) continue;
        *blocked = !is_hurried; /* order within a partition */
        if (!is_hurried && sim_chance(&world->random, 50)) continue;
        WEIR_TRY(at_point(world, "append", false));
        append(world, f->topic, f->partition, &f->key, f->has_key, &f->value);
        f->is_appended = true;
        f->offset = (int64_t)sim_world_partition(world, f->topic, f->partition)->count - 1;
        say(world, "the broker appends to %s/%d what worker %d sent", name_of(world, f->topic),
            f->partition, w->index);
        WEIR_TRY(at_point(world, "append", true));
    }
    return NULL;
}

/* Who owns the journal partition, too, has heard what stands there. */
static void echo(worker *w, const flight *f)
{
    slot *s = f->has_key ? NULL : find_slot(w, f->topic, f->partition);
    if (s == NULL) return;
    const sim_partition *p = sim_world_partition(w->world, f->topic, f->partition);
    (void)weir_echo_offer(&s->echo, s->next, f->offset, p->records[f->offset].timestamp_us,
                          (weir_bytes){f->value.data, f->value.size});
}

static weir_error *acknowledge(worker *w)
{
    sim_world *world = w->world;
    bool is_hurried = world->is_draining || world->is_prompt;
    if (!is_hurried && world->stats.steps < world->silent_until) return NULL;
    for (flight **at = &w->flights; *at != NULL;) {
        flight *f = *at;
        if (!f->is_appended || (!is_hurried && sim_chance(&world->random, 50))) {
            at = &f->next;
            continue;
        }
        WEIR_TRY(at_point(world, "acknowledgement", false));
        say(world, "worker %d hears that %s/%d has it", w->index, name_of(world, f->topic),
            f->partition);
        echo(w, f);
        for (size_t i = 0; i < f->share_count; i++)
            for (size_t s = 0; s < w->slot_count; s++)
                if (w->slots[s]->serial == f->shares[i].owner)
                    w->slots[s]->node->ops->acked(w->slots[s]->node, f->shares[i].epoch,
                                                  f->shares[i].count);
        *at = f->next;
        free_flight(f);
        WEIR_TRY(at_point(world, "acknowledgement", true));
    }
    return NULL;
}

/* A stale owner's commit is refused by the broker: it then gives the node up. */
static weir_error *commit(worker *w)
{
    for (size_t i = w->slot_count; i-- > 0;) {
        slot *s = w->slots[i];
        int64_t position = s->node->ops->committable(s->node);
        sim_partition *p = sim_world_partition(w->world, s->topic, s->partition);
        if (position <= p->committed && !is_stale(s)) continue;
        if (is_stale(s)) {
            w->world->stats.zombies++;
            close_slot(w, i);
            continue;
        }
        WEIR_TRY(at_point(w->world, "commit", false));
        p->committed = position;
        say(w->world, "worker %d commits %s/%d at %lld", w->index, name_of(w->world, s->topic),
            s->partition, (long long)position);
        WEIR_TRY(at_point(w->world, "commit", true));
        WEIR_TRY(s->node->ops->committed(s->node, position));
    }
    return NULL;
}

/* Time passes for the worker: up to twice round the slices. */
static weir_error *tick(worker *w)
{
    uint32_t times = 1 + sim_below(&w->world->random, 2 * WEIR_SLICE_COUNT);
    for (size_t i = 0; i < w->slot_count; i++) {
        for (uint32_t n = 0; n < times; n++) {
            w->world->now_us += 1000;
            WEIR_TRY(w->slots[i]->node->ops->tick(w->slots[i]->node, w->world->now_us,
                                                  sim_chance(&w->world->random, 30)));
        }
    }
    return NULL;
}

static void sync_disks(worker *w)
{
    for (int t = 0; t < SIM_TOPICS_MAX; t++)
        for (int p = 0; p < SIM_PARTITIONS; p++)
            if (w->disks[t][p] != NULL) sim_disk_sync(w->disks[t][p]);
}

/* What was sent arrives and is committed; nodes stay open, as they are. */
static weir_error *come_to_rest(worker *w)
{
    w->world->is_prompt = true;
    weir_error *error = weir_packer_flush(w->packer);
    if (error == NULL) error = deliver(w);
    if (error == NULL) error = acknowledge(w);
    if (error == NULL) error = commit(w);
    w->world->is_prompt = false;
    return error;
}

static weir_error *settle(worker *w)
{
    for (size_t i = 0; i < w->slot_count; i++)
        if (strcmp(w->slots[i]->node->ops->kind, "fold") == 0)
            WEIR_TRY(weir_fold_settle(w->slots[i]->node));
    return NULL;
}

/* A worker that was asked to stop: it drains, commits, writes its state down and is gone. */
static weir_error *depart(worker *w)
{
    say(w->world, "worker %d leaves in peace", w->index);
    w->world->stats.departures++;
    WEIR_TRY(come_to_rest(w));
    WEIR_TRY(settle(w));
    while (w->slot_count > 0)
        close_slot(w, w->slot_count - 1);
    sync_disks(w);
    w->is_alive = false;
    return NULL;
}

static weir_error *absorb(sim_world *world, worker *w, weir_error *error);

/* A rebalance that everybody hears of: drained, parked, dealt anew, resumed where nothing changed.
 */
static weir_error *rebalance(sim_world *world)
{
    for (int i = 0; i < SIM_WORKERS; i++) {
        worker *w = &world->workers[i];
        if (w->is_alive) WEIR_TRY(absorb(world, w, come_to_rest(w)));
        for (size_t s = 0; w->is_alive && s < w->slot_count; s++)
            w->slots[s]->parked_committed =
                sim_world_partition(world, w->slots[s]->topic, w->slots[s]->partition)->committed;
    }
    if (!any_alive(world)) return NULL;
    assign_all(world);
    for (int i = 0; i < SIM_WORKERS; i++) {
        worker *w = &world->workers[i];
        if (w->is_alive) WEIR_TRY(absorb(world, w, open_owned(w)));
        if (w->is_alive) close_stale(w);
        for (size_t s = 0; s < w->slot_count; s++)
            w->slots[s]->parked_committed = -1;
    }
    return NULL;
}

static weir_error *lose_producer(sim_world *world, worker *w)
{
    say(world, "worker %d: its producer gives up", w->index);
    world->stats.fatal_errors++;
    lose_memory(w);
    return open_owned(w);
}

static weir_error *fault(sim_world *world, worker *w)
{
    switch (sim_below(&world->random, 7)) {
    case 0: crash(w, false); return NULL;
    case 1: crash(w, true); return NULL;
    case 2: return lose_producer(world, w);
    case 3: return depart(w);
    case 4: fall_silent(world); return NULL;
    case 5: world->stats.rebalances++; return rebalance(world);
    default: /* who lost partitions may not know it yet */
        world->stats.rebalances++;
        assign_all(world);
        return sim_chance(&world->random, 50) ? open_owned(w) : NULL;
    }
}

static weir_error *work(sim_world *world, worker *w)
{
    switch (sim_below(&world->random, 10)) {
    case 0:
    case 1: return poll(w, false);
    case 2:
    case 3: return poll(w, true);
    case 4: return deliver(w);
    case 5: return acknowledge(w);
    case 6:
    case 7: return commit(w);
    case 8: return tick(w);
    default: return open_owned(w);
    }
}

/* An error of a node that the simulation asked for is a blow; any other one is a finding. */
static weir_error *absorb(sim_world *world, worker *w, weir_error *error)
{
    if (error == NULL) return NULL;
    if (!world->has_struck) return error;
    weir_error_free(error);
    world->has_struck = false;
    if (world->options.blow == SIM_FATAL) return lose_producer(world, w);
    crash(w, world->options.blow == SIM_POWER_CUT);
    return NULL;
}

static weir_error *step(sim_world *world)
{
    sim_random *random = &world->random;
    worker *w = &world->workers[sim_below(random, SIM_WORKERS)];
    world->stats.steps++;
    if (!w->is_alive) {
        if (sim_chance(random, 20) || !any_alive(world)) revive(world, w);
        return NULL;
    }
    if (world->options.faults > 0 && sim_below(random, 1000) < world->options.faults)
        return absorb(world, w, fault(world, w));
    if (sim_chance(random, 2)) sync_disks(w);
    return absorb(world, w, work(world, w));
}

/* ---- the end: everything that was begun comes through ---- */

/* Committed to the end, and replayed to it by who has it now. */
static bool is_through(sim_world *world, weir_topic topic, int32_t p)
{
    const sim_partition *partition = sim_world_partition(world, topic, p);
    const slot *s = find_slot(&world->workers[partition->owner], topic, p);
    return partition->committed >= (int64_t)partition->count && s != NULL &&
           s->next >= (int64_t)partition->count;
}

static bool is_done(sim_world *world)
{
    for (weir_topic t = 0; t < world->setup->topics->count; t++)
        for (int32_t p = 0; is_consumed(world, t) && p < SIM_PARTITIONS; p++)
            if (!is_through(world, t, p)) return false;
    return true;
}

static weir_error *drain_worker(worker *w)
{
    close_stale(w);
    WEIR_TRY(open_owned(w));
    for (size_t i = 0; i < w->slot_count; i++) {
        slot *s = w->slots[i];
        WEIR_TRY(hand_over(s, sim_world_partition(w->world, s->topic, s->partition), 8, false));
        WEIR_TRY(s->node->ops->flush(s->node));
    }
    WEIR_TRY(weir_packer_flush(w->packer));
    WEIR_TRY(deliver(w));
    WEIR_TRY(acknowledge(w));
    return commit(w);
}

static weir_error *drain(sim_world *world)
{
    world->is_draining = true;
    for (int i = 0; i < SIM_WORKERS; i++)
        if (!world->workers[i].is_alive) world->workers[i].is_alive = true;
    for (int round = 0; round < 100000; round++) {
        world->now_us += 1000;
        for (int i = 0; i < SIM_WORKERS; i++)
            WEIR_TRY(drain_worker(&world->workers[i]));
        if (!is_done(world)) continue;
        for (int i = 0; i < SIM_WORKERS; i++) {
            WEIR_TRY(settle(&world->workers[i]));
            sync_disks(&world->workers[i]);
        }
        return NULL;
    }
    return weir_error_new(WEIR_E_BUG, "the world does not come to an end");
}

/* Each item has a time and a randomness of its own: leaving one out does not touch the next. */
static bool begin_item(sim_world *world, uint32_t item)
{
    world->item = item;
    world->random.state = world->options.seed;
    world->random.state = sim_next(&world->random) + item * UINT64_C(0xd1342543de82ef95);
    int64_t step_us = world->options.step_us_max == 0 ? STEP_US_MAX : world->options.step_us_max;
    int64_t time_us =
        BEGAN_US + item * (step_us / 4) + sim_below(&world->random, (uint32_t)step_us);
    if (time_us > world->now_us) world->now_us = time_us;
    return world->options.left_out == NULL || !world->options.left_out[item];
}

weir_error *sim_world_run(sim_world *world)
{
    assign_all(world);
    for (uint32_t item = 0; item < world->backlog; item++)
        if (begin_item(world, item)) produce(world); /* packs of many events */
    for (uint32_t i = 0; i < world->step_count; i++) {
        uint32_t item = world->backlog + 2 * i;
        if (begin_item(world, item)) produce(world);
        if (begin_item(world, item + 1)) WEIR_TRY(step(world));
    }
    WEIR_TRY(drain(world));
    world->stats.virtual_us = (uint64_t)(world->now_us - BEGAN_US);
    return NULL;
}

/* ---- making one ---- */

static void worker_init(sim_world *world, int index)
{
    worker *w = &world->workers[index];
    w->world = world;
    w->index = index;
    w->is_alive = true;
    w->packer = weir_packer_create(send_pack, w);
    w->engine = weir_engine_create(world->setup->plan);
    for (uint32_t i = 0; i < 2; i++) {
        weir_error *error = weir_scorer_create(world->setup->plan, i, NULL, &w->scorers[i]);
        WEIR_ASSERT(error == NULL);
    }
}

sim_world *sim_world_create(const sim_setup *setup, const sim_options *options)
{
    sim_world *world = calloc(1, sizeof *world);
    WEIR_ASSERT(world != NULL && setup->topics->count <= SIM_TOPICS_MAX);
    world->setup = setup;
    world->options = *options;
    world->random.state = options->seed;
    world->backlog = sim_below(&world->random, options->events + 1);
    world->step_count = options->events * 4 + sim_below(&world->random, 400);
    world->now_us = BEGAN_US;
    for (int t = 0; t < SIM_TOPICS_MAX; t++)
        for (int p = 0; p < SIM_PARTITIONS; p++)
            world->partitions[t][p] = (sim_partition){.committed = 0, .owner = -1};
    for (int i = 0; i < SIM_WORKERS; i++)
        worker_init(world, i);
    return world;
}

static void worker_deinit(worker *w)
{
    while (w->slot_count > 0)
        close_slot(w, w->slot_count - 1);
    while (w->flights != NULL) {
        flight *f = w->flights;
        w->flights = f->next;
        free_flight(f);
    }
    weir_packer_destroy(w->packer);
    weir_scorer_destroy(w->scorers[0]);
    weir_scorer_destroy(w->scorers[1]);
    weir_engine_destroy(w->engine);
    for (int t = 0; t < SIM_TOPICS_MAX; t++)
        for (int p = 0; p < SIM_PARTITIONS; p++)
            sim_disk_destroy(w->disks[t][p]);
}

void sim_world_destroy(sim_world *world)
{
    if (world == NULL) return;
    for (int i = 0; i < SIM_WORKERS; i++)
        worker_deinit(&world->workers[i]);
    for (int t = 0; t < SIM_TOPICS_MAX; t++) {
        for (int p = 0; p < SIM_PARTITIONS; p++) {
            sim_partition *partition = &world->partitions[t][p];
            for (size_t i = 0; i < partition->count; i++) {
                weir_buffer_deinit(&partition->records[i].key);
                weir_buffer_deinit(&partition->records[i].value);
            }
            free(partition->records);
        }
    }
    free(world);
}

sim_disk *sim_world_disk(sim_world *world, weir_topic topic, int32_t partition)
{
    int owner = sim_world_partition(world, topic, partition)->owner;
    WEIR_ASSERT(owner >= 0);
    return disk_of(&world->workers[owner], topic, partition);
}

weir_error *sim_run(const sim_setup *setup, const sim_options *options, sim_stats *stats_out)
{
    sim_world *world = sim_world_create(setup, options);
    weir_error *error = sim_world_run(world);
    if (error == NULL) error = sim_check(world);
    if (stats_out != NULL) *stats_out = *sim_world_stats(world);
    sim_world_destroy(world);
    return error;
}
