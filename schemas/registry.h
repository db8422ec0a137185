/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry.h - a client of a Confluent-compatible schema registry.
 *
 * What an id stands for never changes, so schemas are asked for once and kept, and so are the ids
 * under which our own are registered. Everything else is asked anew. A registry that does not
 * answer is left alone for a while (0.1 s, doubling up to 10 s): in that time calls fail at once
 * with the same cause, so a worker that tries again in a loop does not hang in time-outs, and what
 * is cached still serves.
 *
 * "There is no such id or subject" is an answer: *schema_out NULL. An error of class TRANSIENT says
 * that it can not be told now; one of class CALLER, that the registry has something which weir
 * refuses (another format than Avro, a recursive type), for good.
 *
 * Owns:    the schemas; they live until close.
 * Threads: any; calls wait for each other.
 */
#pragma once

#include "schemas/avro.h"

typedef struct weir_registry weir_registry;

typedef struct weir_registry_options {
    const char *url; /* the base, which may have a path: "http://host/apis/ccompat/v6" */
    const char *user, *password; /* HTTP basic; NULL or "": none */
    uint32_t timeout_ms; /* of one call; 0: 5,000                                          */
    int64_t (*monotonic_us)(void *context); /* NULL: the machine's clock */
    void *context;
} weir_registry_options;

/* What is known of the registry: for /readyz, doctor and metrics. */
typedef struct weir_registry_state {
    bool is_up;             /* the last call was answered (true before the first one)     */
    int64_t since_us;       /* monotonic: since when                                      */
    int64_t next_try_us;    /* while away: when it is asked again                         */
    uint64_t calls;         /* made                                                       */
    uint64_t failures;      /* of them, without a usable answer                           */
    uint64_t schemas;       /* in the cache                                               */
    char last_problem[256]; /* "" if there was none; kept after it is back                */
} weir_registry_state;

enum { WEIR_SUBJECT_MAX = 512 };

/* Checks the options; nothing is sent yet. */
weir_error *weir_registry_open(const weir_registry_options *options, weir_registry **registry_out);
void weir_registry_close(weir_registry *registry); /* NULL is fine */

weir_error *weir_registry_by_id(weir_registry *registry, int32_t id,
                                const weir_schema **schema_out);
/* The newest version of a subject. */
weir_error *weir_registry_latest(weir_registry *registry, const char *subject, int32_t *id_out,
                                 const weir_schema **schema_out);
/* The newest schema of a record of that full name, whatever its subject is called: the subject of
 * that name, else the first of at most 1,000 whose newest schema is it. */
weir_error *weir_registry_find(weir_registry *registry, const char *full_name,
                               const weir_schema **schema_out);
/* Registers a schema, or finds it registered. WEIR_E_SCHEMA where the registry's rules forbid it.
 */
weir_error *weir_registry_register(weir_registry *registry, const char *subject, const char *json,
                                   int32_t *id_out);
/* Does the schema fit the subject's newest version, by the rules set there? True where there is
 * none. */
weir_error *weir_registry_check(weir_registry *registry, const char *subject, const char *json,
                                bool *fits_out);

weir_registry_state weir_registry_state_of(weir_registry *registry);
