/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/prove_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/admission.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/file.h"
#include "store/checkpoint.h"
#include "store/shard.h"

enum { FOLDERS_MAX = 65536, ID_VIEWS = 0x8000, SHOWN_BYTES = 16 };

/* A live shard or a checkpoint. */
typedef struct kept_state {
    const char *path;
    weir_topic topic;
    int32_t partition;
    bool follows; /* of `weir serve`: bound to no committed position */
    weir_store_port store;
    bool is_told; /* the first difference of a state is printed, all are counted */
    weir_bytes records[WEIR_SLICE_COUNT];
    int64_t position[WEIR_SLICE_COUNT]; /* L_s; -1: never written */
    int64_t low;                        /* L */
} kept_state;

/* A slice of a state, where it is to be compared. */
typedef struct stop {
    kept_state *kept;
    uint32_t slice;
} stop;

struct weir_state_proof {
    const weir_topics *topics;
    weir_arena *into;
    weir_proof *proof;
    kept_state *states;
    size_t state_count, state_capacity;
    stop *stops; /* by topic, partition, position */
    size_t stop_count, next;
    /* Of the journal partition that is being replayed: all duplicates dropped so far, by slice. */
    weir_topic topic;
    int32_t partition;
    weir_seq_list dropped[WEIR_SLICE_COUNT];
};

/* --- telling --- */

__attribute__((format(printf, 3, 4))) static void tell(weir_state_proof *self, kept_state *kept,
                                                       const char *format, ...)
{
    self->proof->differing++;
    if (kept != NULL && kept->is_told) return;
    if (kept != NULL) kept->is_told = true;
    va_list arguments;
    va_start(arguments, format);
    weir_proof_vtell(self->proof, self->into, format, arguments);
    va_end(arguments);
}

static const char *view_name(const weir_state_proof *self, uint32_t view)
{
    const weir_plan *plan = self->topics->plan;
    if (view < plan->view_count) return plan->views[view].group;
    if (view >= ID_VIEWS && view - ID_VIEWS < plan->stream_count)
        return weir_arena_printf(self->into, "ids of stream %s",
                                 plan->streams[view - ID_VIEWS].name);
    return "an unknown view";
}

static const char *print_key(const weir_state_proof *self, weir_bytes key)
{
    bool is_text = key.size > 0;
    for (size_t i = 0; i < key.size; i++)
        is_text &= key.data[i] >= ' ' && key.data[i] <= '~';
    if (is_text) return weir_arena_string(self->into, (const char *)key.data, key.size);
    char *hex = weir_arena_alloc(self->into, key.size * 2 + 1);
    for (size_t i = 0; i < key.size; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", key.data[i]);
    hex[key.size * 2] = '\0';
    return hex;
}

/* A few bytes from `at` on. */
static const char *print_bytes(const weir_state_proof *self, weir_bytes bytes, size_t at)
{
    size_t shown = bytes.size - at < SHOWN_BYTES ? bytes.size - at : SHOWN_BYTES;
    if (bytes.size == 0) return "nothing";
    return print_key(self, (weir_bytes){bytes.data + at, shown});
}

static void tell_part(weir_state_proof *self, const stop *at, const weir_shard_part *named,
                      weir_bytes there, weir_bytes replayed)
{
    size_t same = 0;
    while (same < there.size && same < replayed.size && there.data[same] == replayed.data[same])
        same++;
    tell(self, at->kept,
         "state %s: key %s of %s, part %" PRIu64 ", at position %" PRId64
         " of %s/%d: there %zu bytes, replayed %zu; they differ from byte %zu on: there %s, "
         "replayed %s",
         at->kept->path, print_key(self, named->key), view_name(self, named->view), named->part,
         at->kept->position[at->slice], self->topics->items[at->kept->topic].name,
         at->kept->partition, there.size, replayed.size, same, print_bytes(self, there, same),
         print_bytes(self, replayed, same));
}

/* --- finding states --- */

static kept_state *add_state(weir_state_proof *self, const kept_state *kept)
{
    if (self->state_count == self->state_capacity) {
        self->state_capacity = self->state_capacity == 0 ? 16 : self->state_capacity * 2;
        self->states = realloc(self->states, self->state_capacity * sizeof *self->states);
        WEIR_ASSERT(self->states != NULL);
    }
    self->states[self->state_count] = *kept;
    return &self->states[self->state_count++];
}

static weir_error *read_positions(weir_state_proof *self, kept_state *kept)
{
    weir_bytes records[WEIR_SLICE_COUNT];
    WEIR_TRY(kept->store.read_slices(kept->store.context, records));
    kept->low = INT64_MAX;
    for (uint32_t s = 0; s < WEIR_SLICE_COUNT; s++) {
        kept->position[s] = -1;
        if (records[s].size > 0) {
            kept->records[s] = (weir_bytes){
                weir_arena_copy(self->into, records[s].data, records[s].size), records[s].size};
            WEIR_TRY(weir_slice_record_decode(self->topics->plan, records[s], &kept->position[s],
                                              NULL, NULL));
        }
        int64_t position = kept->position[s] < 0 ? 0 : kept->position[s];
        if (position < kept->low) kept->low = position;
    }
    return NULL;
}

static weir_error *is_of_plan(const weir_state_proof *self, const kept_state *kept, bool *ours_out)
{
    weir_bytes identity = {0};
    WEIR_TRY(kept->store.read_identity(kept->store.context, &identity));
    *ours_out = weir_identity_is_of(identity, self->topics->plan);
    return NULL;
}

static weir_error *open_state(weir_state_proof *self, kept_state *kept, bool is_checkpoint)
{
    bool is_ours = false;
    if (is_checkpoint) WEIR_TRY(weir_checkpoint_verify(kept->path));
    WEIR_TRY(weir_shard_store_open_read(kept->path, &kept->store));
    weir_error *error = is_of_plan(self, kept, &is_ours);
    if (error == NULL && is_ours) error = read_positions(self, kept);
    if (error == NULL && is_ours) {
        (void)add_state(self, kept);
        self->proof->states++;
        return NULL;
    }
    kept->store.close(kept->store.context);
    if (error == NULL) self->proof->skipped++;
    return error;
}

/* Damage is what a proof looks for; whatever else goes wrong is a reason to stop. */
static weir_error *take_state(weir_state_proof *self, const char *path, const char *name,
                              bool is_checkpoint, bool follows)
{
    kept_state kept = {.path = path, .follows = follows};
    if (!weir_topics_shard(self->topics, name, &kept.topic, &kept.partition)) return NULL;
    if (!is_checkpoint && weir_shard_store_is_open(path)) {
        self->proof->skipped++;
        return NULL;
    }
    weir_error *error = open_state(self, &kept, is_checkpoint);
    if (error == NULL || weir_error_code_of(error) != WEIR_E_CORRUPT) return error;
    tell(self, NULL, "%s", weir_error_message(error));
    weir_error_free(error);
    return NULL;
}

static weir_error *take_checkpoints(weir_state_proof *self, const char *folder, const char *name)
{
    const char *const *positions = NULL;
    size_t count = 0;
    WEIR_TRY(weir_dir_list(folder, "", FOLDERS_MAX, self->into, &positions, &count));
    for (size_t i = 0; i < count; i++) {
        if (strspn(positions[i], "0123456789") != strlen(positions[i])) continue; /* .partial */
        const char *path = weir_arena_printf(self->into, "%s/%s", folder, positions[i]);
        WEIR_TRY(take_state(self, path, name, true, false));
    }
    return NULL;
}

static weir_error *find_states(weir_state_proof *self, const char *state_dir)
{
    const char *const *owners = NULL;
    size_t owner_count = 0;
    if (!weir_file_exists(state_dir)) return NULL;
    WEIR_TRY(weir_dir_list(state_dir, "", FOLDERS_MAX, self->into, &owners, &owner_count));
    for (size_t i = 0; i < owner_count; i++) {
        const char *folder = weir_arena_printf(self->into, "%s/%s", state_dir, owners[i]);
        bool is_checkpoints = strcmp(owners[i], "checkpoints") == 0;
        const char *const *shards = NULL;
        size_t count = 0;
        if (!weir_dir_exists(folder)) continue; /* not a worker's */
        WEIR_TRY(weir_dir_list(folder, "", FOLDERS_MAX, self->into, &shards, &count));
        for (size_t k = 0; k < count; k++) {
            const char *path = weir_arena_printf(self->into, "%s/%s", folder, shards[k]);
            WEIR_TRY(is_checkpoints ? take_checkpoints(self, path, shards[k])
                                    : take_state(self, path, shards[k], false,
                                                 strcmp(owners[i], "serve") == 0));
        }
    }
    return NULL;
}

static int by_place(const void *a, const void *b)
{
    const stop *x = a, *y = b;
    const kept_state *left = x->kept, *right = y->kept;
    if (left->topic != right->topic) return left->topic < right->topic ? -1 : 1;
    if (left->partition != right->partition) return left->partition < right->partition ? -1 : 1;
    int64_t p = left->position[x->slice], q = right->position[y->slice];
    return p < q ? -1 : p > q;
}

static void make_stops(weir_state_proof *self)
{
    self->stops = calloc(self->state_count * WEIR_SLICE_COUNT + 1, sizeof *self->stops);
    WEIR_ASSERT(self->stops != NULL);
    for (size_t i = 0; i < self->state_count; i++) {
        for (uint32_t s = 0; s < WEIR_SLICE_COUNT; s++) {
            if (self->states[i].position[s] < 0) continue;
            self->stops[self->stop_count++] = (stop){&self->states[i], s};
        }
    }
    if (self->stop_count > 0) qsort(self->stops, self->stop_count, sizeof *self->stops, by_place);
}

weir_error *weir_state_proof_open(const weir_topics *topics, const char *state_dir,
                                  weir_arena *into, weir_proof *proof, weir_state_proof **state_out)
{
    weir_state_proof *self = calloc(1, sizeof *self);
    WEIR_ASSERT(self != NULL);
    *self = (weir_state_proof){
        .topics = topics, .into = into, .proof = proof, .topic = WEIR_NONE, .partition = -1};
    weir_error *error = find_states(self, state_dir);
    if (error != NULL) {
        weir_state_proof_close(self);
        return error;
    }
    make_stops(self);
    *state_out = self;
    return NULL;
}

void weir_state_proof_close(weir_state_proof *self)
{
    if (self == NULL) return;
    for (size_t i = 0; i < self->state_count; i++)
        self->states[i].store.close(self->states[i].store.context);
    for (uint32_t s = 0; s < WEIR_SLICE_COUNT; s++)
        weir_seq_list_deinit(&self->dropped[s]);
    free(self->states);
    free(self->stops);
    free(self);
}

/* --- comparing --- */

static int compare_bytes(weir_bytes a, weir_bytes b)
{
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
    if (order != 0) return order;
    return a.size < b.size ? -1 : a.size > b.size;
}

/* Both sides come in the order of their stored keys. */
static weir_error *compare_parts(weir_state_proof *self, const stop *at,
                                 const weir_store_port *replayed)
{
    weir_error *error = NULL;
    weir_shard_part had, want;
    weir_shard_cursor *left = weir_shard_cursor_create(&at->kept->store, at->slice);
    weir_shard_cursor *right = weir_shard_cursor_create(replayed, at->slice);
    WEIR_TRY_OUT(weir_shard_cursor_next(left, &had));
    WEIR_TRY_OUT(weir_shard_cursor_next(right, &want));
    while (!had.is_end || !want.is_end) {
        int order = had.is_end    ? 1
                    : want.is_end ? -1
                                  : compare_bytes(had.stored_key, want.stored_key);
        weir_bytes there = order <= 0 ? had.bytes : (weir_bytes){0};
        weir_bytes again = order >= 0 ? want.bytes : (weir_bytes){0};
        self->proof->parts++;
        if (order != 0 || compare_bytes(there, again) != 0)
            tell_part(self, at, order <= 0 ? &had : &want, there, again);
        if (order <= 0) WEIR_TRY_OUT(weir_shard_cursor_next(left, &had));
        if (order >= 0) WEIR_TRY_OUT(weir_shard_cursor_next(right, &want));
    }
out:
    weir_shard_cursor_destroy(left);
    weir_shard_cursor_destroy(right);
    return error;
}

static void compare_number(weir_state_proof *self, const stop *at, const char *what, int64_t there,
                           int64_t replayed)
{
    if (there == replayed) return;
    tell(self, at->kept,
         "state %s: %s of slice %u, at position %" PRId64 ": there %" PRId64 ", replayed %" PRId64,
         at->kept->path, what, at->slice, at->kept->position[at->slice], there, replayed);
}

static void compare_origins(weir_state_proof *self, const stop *at, const char *name,
                            const weir_origin *there, const weir_origin *replayed)
{
    uint32_t count = there->count > replayed->count ? there->count : replayed->count;
    for (uint32_t p = 0; p < count; p++) {
        uint64_t had = p < there->count ? there->next[p] : 0;
        uint64_t want = p < replayed->count ? replayed->next[p] : 0;
        if (had == want) continue;
        const char *what = weir_arena_printf(self->into, "the mark of what %s/%u sent", name, p);
        compare_number(self, at, what, (int64_t)had, (int64_t)want);
    }
}

/* Of entities that only other versions have. Where one side has no marks of one, it gets empty ones. */
static void compare_others(weir_state_proof *self, const stop *at, weir_shard_record *there,
                           weir_shard_record *replayed)
{
    static const weir_origin none;
    const weir_plan *plan = self->topics->plan;
    for (const weir_sender *s = replayed->others; s != NULL; s = s->next)
        (void)weir_shard_record_sender(there, plan, s->name);
    for (const weir_sender *s = there->others; s != NULL; s = s->next) {
        const weir_origin *again = weir_shard_record_sender(replayed, plan, s->name);
        const char *name = weir_arena_string(self->into, (const char *)s->name.data, s->name.size);
        compare_origins(self, at, name, &s->origin, again == NULL ? &none : again);
    }
}

/* Clock, exact counts and origin marks; the other counters depend on restarts. */
static void compare_facts(weir_state_proof *self, const stop *at, weir_shard_record *there,
                          weir_shard_record *replayed)
{
    const weir_plan *plan = self->topics->plan;
    const struct {
        const char *what;
        int64_t there, replayed;
    } facts[] = {
        {"the ingest time", there->clock.ingest_us, replayed->clock.ingest_us},
        {"the greatest event time", there->clock.greatest_et_us, replayed->clock.greatest_et_us},
        {"the count of events", (int64_t)there->counters.events,
         (int64_t)replayed->counters.events},
        {"the count of duplicates", (int64_t)there->counters.duplicates,
         (int64_t)replayed->counters.duplicates},
        {"the count of late events", (int64_t)there->counters.late,
         (int64_t)replayed->counters.late},
    };
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        compare_number(self, at, facts[i].what, facts[i].there, facts[i].replayed);
    for (uint32_t i = 0; i < plan->stream_count; i++)
        compare_origins(self, at, plan->streams[i].name, &there->streams[i], &replayed->streams[i]);
    for (uint32_t i = 0; i < plan->entity_count; i++)
        compare_origins(self, at, plan->entities[i].name, &there->entities[i],
                        &replayed->entities[i]);
    compare_others(self, at, there, replayed);
}

/*
 * A slice keeps the duplicates dropped in it since some position at or below L: of all that the
 * replay dropped below L_s it must have the last ones, and each from L on.
 */
static void compare_duplicates(weir_state_proof *self, const stop *at, const weir_seq_list *there)
{
    const weir_seq_list *all = &self->dropped[at->slice];
    size_t needed = 0;
    while (needed < all->count &&
           all->items[all->count - 1 - needed] >= weir_seq_of(at->kept->low, 0))
        needed++;
    bool is_tail =
        there->count <= all->count && there->count >= needed &&
        (there->count == 0 || memcmp(there->items, all->items + all->count - there->count,
                                     there->count * sizeof *there->items) == 0);
    if (!is_tail)
        tell(self, at->kept,
             "state %s: slice %u at position %" PRId64
             " remembers other duplicates than were dropped: there %zu, replayed at least %zu",
             at->kept->path, at->slice, at->kept->position[at->slice], there->count, needed);
}

static weir_error *compare_record(weir_state_proof *self, const stop *at, weir_bytes replayed)
{
    const weir_plan *plan = self->topics->plan;
    weir_shard_record there, again;
    weir_seq_list duplicates = {0}, unused = {0};
    int64_t position = 0;
    weir_shard_record_init(&there, plan);
    weir_shard_record_init(&again, plan);
    weir_error *error = NULL;
    WEIR_TRY_OUT(weir_slice_record_decode(plan, at->kept->records[at->slice], &position, &there,
                                          &duplicates));
    WEIR_TRY_OUT(weir_slice_record_decode(plan, replayed, &position, &again, &unused));
    compare_facts(self, at, &there, &again);
    compare_duplicates(self, at, &duplicates);
out:
    weir_shard_record_deinit(&there);
    weir_shard_record_deinit(&again);
    weir_seq_list_deinit(&duplicates);
    weir_seq_list_deinit(&unused);
    return error;
}

/* Each settled record names the duplicates since the one before: together they are all. */
static weir_error *gather_dropped(weir_state_proof *self, const weir_bytes *records)
{
    for (uint32_t s = 0; s < WEIR_SLICE_COUNT; s++) {
        weir_seq_list *all = &self->dropped[s], some = {0};
        weir_shard_record unused;
        int64_t position = 0;
        weir_shard_record_init(&unused, self->topics->plan);
        weir_error *error = records[s].size == 0
                                ? NULL
                                : weir_slice_record_decode(self->topics->plan, records[s],
                                                           &position, &unused, &some);
        for (size_t i = 0; error == NULL && i < some.count; i++) {
            if (all->count == 0 || some.items[i] > all->items[all->count - 1])
                weir_seq_list_add(all, some.items[i]);
        }
        weir_seq_list_deinit(&some);
        weir_shard_record_deinit(&unused);
        WEIR_TRY(error);
    }
    return NULL;
}

/* The replay's scratch folder is ours, so damage there is an error; on the other side it is found.
 */
static weir_error *compare_slice(weir_state_proof *self, const stop *at,
                                 const weir_store_port *replayed, const weir_bytes *records)
{
    weir_error *error = compare_parts(self, at, replayed);
    if (error == NULL) error = compare_record(self, at, records[at->slice]);
    if (error == NULL || weir_error_code_of(error) != WEIR_E_CORRUPT) return error;
    tell(self, at->kept, "%s", weir_error_message(error));
    weir_error_free(error);
    return NULL;
}

static bool is_before(const stop *at, const weir_replay_place *place)
{
    if (at->kept->topic != place->topic) return at->kept->topic < place->topic;
    return at->kept->partition < place->partition;
}

static bool is_here(const stop *at, const weir_replay_place *place)
{
    return at->kept->topic == place->topic && at->kept->partition == place->partition &&
           at->kept->position[at->slice] == place->offset;
}

/* No replay came to this position: it is no record's boundary, or not in the journal. */
static void tell_unreached(weir_state_proof *self, const stop *at)
{
    tell(self, at->kept,
         "state %s: slice %u stands at position %" PRId64
         " of %s/%d, to which the journal does not come",
         at->kept->path, at->slice, at->kept->position[at->slice],
         self->topics->items[at->kept->topic].name, at->kept->partition);
}

static void skip_unreached(weir_state_proof *self, const weir_replay_place *at)
{
    for (; self->next < self->stop_count; self->next++) {
        const stop *stands = &self->stops[self->next];
        bool is_passed =
            is_before(stands, at) ||
            (stands->kept->topic == at->topic && stands->kept->partition == at->partition &&
             stands->kept->position[stands->slice] < at->offset);
        if (!is_passed) return;
        tell_unreached(self, stands);
    }
}

weir_error *weir_state_proof_check(weir_state_proof *self, weir_replay *replay,
                                   const weir_replay_place *at, weir_node *fold)
{
    if (self->topic != at->topic || self->partition != at->partition) {
        self->topic = at->topic;
        self->partition = at->partition;
        for (uint32_t s = 0; s < WEIR_SLICE_COUNT; s++)
            self->dropped[s].count = 0;
    }
    skip_unreached(self, at);
    if (self->next == self->stop_count || !is_here(&self->stops[self->next], at)) return NULL;
    const weir_store_port *store = weir_replay_store(replay, at->topic, at->partition);
    weir_bytes records[WEIR_SLICE_COUNT];
    WEIR_TRY(weir_fold_settle(fold));
    WEIR_TRY(store->read_slices(store->context, records));
    WEIR_TRY(gather_dropped(self, records));
    for (; self->next < self->stop_count && is_here(&self->stops[self->next], at); self->next++)
        WEIR_TRY(compare_slice(self, &self->stops[self->next], store, records));
    return NULL;
}

/* L <= K: a state never knows more than the group has committed. */
static void check_committed(weir_state_proof *self, const weir_replay *replay, kept_state *kept)
{
    size_t count = 0;
    const weir_replay_range *ranges = weir_replay_ranges(replay, &count);
    for (size_t i = 0; i < count && !kept->follows; i++) {
        if (ranges[i].topic != kept->topic || ranges[i].partition != kept->partition) continue;
        for (uint32_t s = 0; s < WEIR_SLICE_COUNT; s++) {
            if (ranges[i].committed < 0 || kept->position[s] <= ranges[i].committed) continue;
            tell(self, kept,
                 "state %s: slice %u stands at position %" PRId64
                 ", the group has committed only %" PRId64,
                 kept->path, s, kept->position[s], ranges[i].committed);
        }
    }
}

void weir_state_proof_finish(weir_state_proof *self, const weir_replay *replay)
{
    for (; self->next < self->stop_count; self->next++)
        tell_unreached(self, &self->stops[self->next]);
    for (size_t i = 0; i < self->state_count; i++)
        check_committed(self, replay, &self->states[i]);
}
