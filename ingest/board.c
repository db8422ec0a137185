/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/board.h"

#include <pthread.h>
#include <stdlib.h>

#include "ops/runtime/assert.h"

/* Rows are made once per topic and never move. */
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;

weir_board *weir_board_create(size_t topic_count)
{
    weir_board *board = calloc(1, sizeof *board);
    WEIR_ASSERT(board != NULL);
    board->topics = calloc(topic_count + 1, sizeof(weir_board_row *));
    board->counts = calloc(topic_count + 1, sizeof *board->counts);
    WEIR_ASSERT(board->topics != NULL && board->counts != NULL);
    board->topic_count = topic_count;
    return board;
}

void weir_board_destroy(weir_board *board)
{
    if (board == NULL) return;
    for (size_t i = 0; i < board->topic_count; i++)
        free(board->topics[i]);
    free(board->topics);
    free(board->counts);
    free(board);
}

int32_t weir_board_count(const weir_board *board, weir_topic topic)
{
    WEIR_ASSERT(topic < board->topic_count);
    return atomic_load_explicit(&board->counts[topic], memory_order_acquire);
}

void weir_board_size(weir_board *board, weir_topic topic, int32_t partitions)
{
    if (weir_board_count(board, topic) > 0 || partitions <= 0) return;
    if (partitions > WEIR_BOARD_PARTITIONS_MAX) partitions = WEIR_BOARD_PARTITIONS_MAX;
    (void)pthread_mutex_lock(&making);
    if (board->topics[topic] == NULL) {
        weir_board_row *rows = calloc((size_t)partitions, sizeof *rows);
        WEIR_ASSERT(rows != NULL);
        for (int32_t i = 0; i < partitions; i++)
            rows[i].mark_us = INT64_MIN;
        board->topics[topic] = rows;
        atomic_store_explicit(&board->counts[topic], partitions, memory_order_release);
    }
    (void)pthread_mutex_unlock(&making);
}

weir_board_row *weir_board_at(weir_board *board, weir_topic topic, int32_t partition)
{
    if (partition < 0 || partition >= weir_board_count(board, topic)) return NULL;
    return &board->topics[topic][partition];
}

/*
 * The position comes last, and is looked at first: a row that seems to be at its end at some
 * position was so when it stood there. Otherwise a position that has moved on, next to a state that
 * has not yet, would hide what was taken and is still on its way out.
 */
bool weir_board_tell(weir_board_row *row, const weir_board_news *news, int64_t now_us)
{
    bool is_state = atomic_load_explicit(&row->state, memory_order_relaxed) == (int32_t)news->state;
    if (news->state == WEIR_BOARD_REPLAYING) {
        atomic_store_explicit(&row->state, (int32_t)news->state, memory_order_release);
        atomic_store_explicit(&row->told_us, now_us, memory_order_release);
        return !is_state;
    }
    bool is_same =
        is_state && atomic_load_explicit(&row->mark_us, memory_order_relaxed) == news->mark_us;
    bool is_there = atomic_load_explicit(&row->position, memory_order_relaxed) == news->position;
    if (!is_same) {
        atomic_store_explicit(&row->mark_us, news->mark_us, memory_order_release);
        atomic_store_explicit(&row->state, (int32_t)news->state, memory_order_release);
    }
    if (!is_there) atomic_store_explicit(&row->position, news->position, memory_order_release);
    if (!(is_same && is_there)) atomic_store_explicit(&row->moved_us, now_us, memory_order_relaxed);
    atomic_store_explicit(&row->told_us, now_us, memory_order_release);
    return !is_same;
}

weir_board_news weir_board_look(const weir_board_row *row)
{
    weir_board_news news = {.position = atomic_load_explicit(&row->position, memory_order_acquire)};
    news.mark_us = atomic_load_explicit(&row->mark_us, memory_order_acquire);
    news.state = (weir_board_state)atomic_load_explicit(&row->state, memory_order_acquire);
    bool is_behind = news.position < atomic_load_explicit(&row->produced_end, memory_order_acquire);
    if (news.state == WEIR_BOARD_AT_END && is_behind) news.state = WEIR_BOARD_ACTIVE;
    return news;
}

void weir_board_produced(weir_board *board, weir_topic topic, int32_t partition, int64_t end)
{
    if (topic >= board->topic_count) return;
    weir_board_row *row = weir_board_at(board, topic, partition);
    if (row == NULL) return;
    int64_t before = atomic_load_explicit(&row->produced_end, memory_order_relaxed);
    while (before < end && !atomic_compare_exchange_weak(&row->produced_end, &before, end)) {
    }
}
