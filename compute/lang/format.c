/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical layout. Lists of things stand one a line in a block; what the author put on one
 * line stays on one line; `=` and `over` stand in columns. Blank lines are kept, one at most.
 * Comments stay where they were: on lines of their own before what follows, or behind what they
 * stood behind.
 *
 * Formatting what was formatted changes nothing, and the meaning stays: both are tested.
 */
#include <string.h>

#include "compute/lang/format_internal.h"
#include "compute/lang/parser.h"
#include "ops/runtime/assert.h"

enum { LINE_MAX_WIDTH = 180, ALIGNED_MAX_WIDTH = 60, BETWEEN_COLUMNS = 3 };

/* ---- Places in the source ---- */

static void index_lines(weir_formatter *f)
{
    f->line_count = 1;
    for (uint32_t i = 0; i < f->text_size; i++)
        f->line_count += f->text[i] == '\n';
    f->line_starts = weir_arena_array(f->scratch, uint32_t, f->line_count);
    uint32_t line = 0;
    for (uint32_t i = 0; i < f->text_size; i++) {
        if (f->text[i] == '\n') f->line_starts[++line] = i + 1;
    }
}

static uint32_t line_of(const weir_formatter *f, uint32_t at)
{
    uint32_t low = 0, high = f->line_count;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (f->line_starts[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    return low + 1;
}

static bool same_line(const weir_formatter *f, uint32_t a, uint32_t b)
{
    return line_of(f, a) == line_of(f, b);
}

static bool blank_line_before(const weir_formatter *f, uint32_t at)
{
    unsigned newlines = 0;
    while (at > 0 && strchr(" \t\r\n", f->text[at - 1]) != NULL)
        newlines += f->text[--at] == '\n';
    return newlines >= 2 && at > 0;
}

/* ---- Lines and comments ---- */

/* How many of `count` tokens or comments, `stride` bytes apart, start before `at`. */
static size_t count_before(const uint32_t *starts, size_t stride, size_t count, uint32_t at)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        uint32_t start;
        memcpy(&start, (const uint8_t *)starts + middle * stride, sizeof start);
        if (start < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t tokens_before(const weir_formatter *f, uint32_t at)
{
    const weir_lexed *all = f->lexed;
    return count_before(&all->tokens->start, sizeof *all->tokens, all->token_count, at);
}

static size_t comments_before(const weir_formatter *f, uint32_t at)
{
    const weir_lexed *all = f->lexed;
    if (all->comment_count == 0) return 0;
    return count_before(&all->comments->start, sizeof *all->comments, all->comment_count, at);
}

/* Those that begin from `from` on, before `until`. */
static const weir_comment *comments_in(const weir_formatter *f, uint32_t from, uint32_t until,
                                       size_t *count_out)
{
    size_t before = comments_before(f, from);
    *count_out = comments_before(f, until) - before;
    return f->lexed->comments + before;
}

static bool at_block_start(const weir_formatter *f)
{
    size_t size = f->out->size;
    if (size == f->comment_end && size > 0) return false; /* its last word may be a bracket */
    return size == 0 ||
           (size >= 2 && f->out->data[size - 1] == '\n' && f->out->data[size - 2] == '{');
}

static void put_blank_line(weir_formatter *f, uint32_t before)
{
    if (blank_line_before(f, before) && !at_block_start(f)) weir_buffer_put_u8(f->out, '\n');
}

static void put_indent(weir_formatter *f, unsigned indent)
{
    weir_buffer_printf(f->out, "%*s", (int)indent * 2, "");
}

static void put_comment(weir_formatter *f, const weir_comment *comment)
{
    weir_buffer_put(f->out, f->text + comment->start, comment->end - comment->start);
    weir_buffer_put_u8(f->out, '\n');
    f->comment_end = f->out->size;
}

/* Comments that begin before `until`, each on its own line. */
static void put_comments(weir_formatter *f, uint32_t until, unsigned indent)
{
    for (; f->comment < f->lexed->comment_count; f->comment++) {
        const weir_comment *comment = &f->lexed->comments[f->comment];
        if (comment->start >= until) return;
        if (comment->is_first) put_blank_line(f, comment->start);
        put_indent(f, indent);
        put_comment(f, comment);
    }
}

/* Ends a line; a comment that stood behind `end` on its line comes first. */
static void end_line(weir_formatter *f, uint32_t end)
{
    const weir_comment *comment =
        f->comment < f->lexed->comment_count ? &f->lexed->comments[f->comment] : NULL;
    if (comment == NULL || comment->is_first || comment->start < end ||
        !same_line(f, comment->start, end == 0 ? 0 : end - 1)) {
        weir_buffer_put_u8(f->out, '\n');
        return;
    }
    weir_buffer_put_text(f->out, "  ");
    put_comment(f, comment);
    f->comment += 1;
}

/*
 * What comes before an item that begins a line: comments, a blank line if there was one before
 * `start`, and comments from inside the item, which is printed as one.
 */
static void put_lead(weir_formatter *f, uint32_t start, weir_span span, unsigned indent)
{
    put_comments(f, start, indent);
    put_blank_line(f, start);
    for (; f->comment < f->lexed->comment_count && f->lexed->comments[f->comment].start < span.end;
         f->comment++) {
        put_indent(f, indent);
        put_comment(f, &f->lexed->comments[f->comment]);
    }
}

/* The first character of the line, for items whose first word has no place of its own. */
static uint32_t line_start(const weir_formatter *f, uint32_t at)
{
    uint32_t start = f->line_starts[line_of(f, at) - 1];
    while (start < at && (f->text[start] == ' ' || f->text[start] == '\t'))
        start += 1;
    return start;
}

/* ---- Small parts ---- */

static void put_names(weir_formatter *f, const weir_ast_names *names)
{
    for (uint32_t i = 0; i < names->count; i++)
        weir_buffer_printf(f->out, "%s%s", i == 0 ? "" : ", ", names->items[i].name);
}

static void put_duration(weir_formatter *f, const char *word, const weir_ast_duration *duration)
{
    if (duration->span.end == 0) return;
    weir_buffer_printf(f->out, "%s%.*s", word, (int)(duration->span.end - duration->span.start),
                       f->text + duration->span.start);
}

static bool is_one_line(const weir_formatter *f, weir_span span)
{
    return same_line(f, span.start, span.end - 1);
}

/* ---- Streams ---- */

typedef struct stream_clause {
    weir_span span;
    char which;
    uint32_t index;
} stream_clause;

static uint32_t stream_clauses(const weir_formatter *f, const weir_ast_stream *stream,
                               stream_clause **out)
{
    stream_clause *clauses = weir_arena_array(f->scratch, stream_clause, 5 + stream->expect_count);
    uint32_t count = 0;
    if (stream->time.name != NULL) clauses[count++] = (stream_clause){stream->time.span, 't', 0};
    if (stream->id.name != NULL) clauses[count++] = (stream_clause){stream->id.span, 'i', 0};
    if (stream->entity_count > 0) clauses[count++] = (stream_clause){stream->observed_span, 'o', 0};
    if (stream->late.span.end != 0) clauses[count++] = (stream_clause){stream->late.span, 'l', 0};
    if (stream->future.span.end != 0)
        clauses[count++] = (stream_clause){stream->future.span, 'f', 0};
    for (uint32_t i = 0; i < stream->expect_count; i++)
        clauses[count++] = (stream_clause){stream->expects[i]->span, 'e', i};
    *out = clauses;
    return count;
}

static void put_entities(weir_formatter *f, const weir_ast_stream *stream)
{
    weir_buffer_put_text(f->out, "observed by ");
    for (uint32_t i = 0; i < stream->entity_count; i++) {
        const weir_ast_names *entity = &stream->entities[i];
        weir_buffer_put_text(f->out, i == 0 ? "" : ", ");
        if (entity->count > 1) weir_buffer_put_u8(f->out, '(');
        put_names(f, entity);
        if (entity->count > 1) weir_buffer_put_u8(f->out, ')');
    }
}

static void put_stream_clause(weir_formatter *f, const weir_ast_stream *stream,
                              const stream_clause *clause)
{
    switch (clause->which) {
    case 't': weir_buffer_printf(f->out, "time %s", stream->time.name); break;
    case 'i': weir_buffer_printf(f->out, "id %s", stream->id.name); break;
    case 'o': put_entities(f, stream); break;
    case 'l': put_duration(f, "late ", &stream->late); break;
    case 'f': put_duration(f, "future ", &stream->future); break;
    default:
        weir_buffer_put_text(f->out, "expect ");
        weir_format_expr(f, stream->expects[clause->index]);
    }
}

static void put_stream_block(weir_formatter *f, const weir_ast_stream *stream)
{
    stream_clause *clauses = NULL;
    uint32_t count = stream_clauses(f, stream, &clauses);
    bool one_line = is_one_line(f, stream->block_span);
    weir_buffer_put_text(f->out, " {");
    if (!one_line) end_line(f, stream->block_span.start + 1);
    for (uint32_t i = 0; i < count; i++) {
        if (one_line) {
            weir_buffer_put_text(f->out, i == 0 ? " " : "  ");
        } else {
            put_lead(f,
                     i > 0 && same_line(f, clauses[i - 1].span.end - 1, clauses[i].span.start)
                         ? clauses[i].span.start
                         : line_start(f, clauses[i].span.start),
                     clauses[i].span, 1);
            put_indent(f, 1);
        }
        put_stream_clause(f, stream, &clauses[i]);
        if (!one_line) end_line(f, clauses[i].span.end);
    }
    if (one_line)
        weir_buffer_put_u8(f->out, ' ');
    else
        put_comments(f, stream->block_span.end, 1);
    weir_buffer_put_u8(f->out, '}');
}

static void put_stream(weir_formatter *f, const weir_ast_decl *decl)
{
    const weir_ast_stream *stream = &decl->as.stream;
    weir_buffer_printf(f->out, "%s %s from %s(", stream->is_table ? "table" : "stream",
                       decl->name.name, stream->source.name);
    weir_format_string(f, stream->topic);
    weir_buffer_put_u8(f->out, ')');
    if (stream->format.name != NULL) {
        weir_buffer_printf(f->out, " %s(", stream->format.name);
        weir_format_string(f, stream->schema);
        weir_buffer_put_u8(f->out, ')');
    }
    if (stream->key.count > 0) {
        weir_buffer_put_text(f->out, " key ");
        put_names(f, &stream->key);
    }
    put_duration(f, " refresh ", &stream->refresh);
    if (stream->has_block) put_stream_block(f, stream);
}

/* ---- Features ---- */

/* Renders into a text of its own, for its width. */
typedef struct feature_text {
    const char *head, *body, *over;
} feature_text;

static const char *take_text(weir_formatter *f, weir_buffer *from)
{
    const char *text = weir_arena_string(f->scratch, (const char *)from->data, from->size);
    weir_buffer_clear(from);
    return text;
}

static feature_text render_feature(weir_formatter *f, const weir_ast_feature *feature)
{
    weir_buffer text = {0}, *out = f->out;
    f->out = &text;
    feature_text rendered = {0};
    weir_buffer_printf(f->out, "%s%s", feature->is_let ? "let " : "", feature->name);
    rendered.head = take_text(f, &text);
    weir_format_expr(f, feature->expr);
    if (feature->where != NULL) {
        weir_buffer_put_text(f->out, " where ");
        weir_format_expr(f, feature->where);
    }
    if (feature->by != NULL) {
        weir_buffer_put_text(f->out, " by ");
        weir_format_expr(f, feature->by);
        if (feature->by_limit >= 0)
            weir_buffer_printf(f->out, " limit %lld", (long long)feature->by_limit);
    }
    rendered.body = take_text(f, &text);
    for (uint32_t i = 0; i < feature->window_count; i++) {
        weir_buffer_put_text(f->out, i == 0 ? "over " : ", ");
        weir_format_window(f, &feature->windows[i]);
    }
    put_duration(f, text.size == 0 ? "delayed " : " delayed ", &feature->delayed);
    put_duration(f, text.size == 0 ? "step " : " step ", &feature->step);
    if (feature->including_this)
        weir_buffer_put_text(f->out, text.size == 0 ? "including this" : " including this");
    rendered.over = take_text(f, &text);
    weir_buffer_deinit(&text);
    f->out = out;
    return rendered;
}

/* Width in characters. */
static unsigned width_of(const char *text)
{
    unsigned width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

typedef struct columns {
    unsigned head, body;
} columns;

static bool shares_line(const weir_formatter *f, const weir_ast_group *group, uint32_t index)
{
    const weir_ast_feature *features = group->features;
    bool with_last =
        index > 0 && same_line(f, features[index - 1].span.end - 1, features[index].span.start);
    bool with_next = index + 1 < group->feature_count &&
                     same_line(f, features[index].span.end - 1, features[index + 1].span.start);
    return with_last || with_next;
}

/* A blank line between two items ends a run of aligned lines. */
static bool blank_between(const weir_formatter *f, uint32_t from, uint32_t to)
{
    bool seen_newline = false;
    for (uint32_t i = from; i < to; i++) {
        char c = f->text[i];
        if (c == '\n' && seen_newline) return true;
        if (c == '\n')
            seen_newline = true;
        else if (c != ' ' && c != '\t' && c != '\r')
            seen_newline = false;
    }
    return false;
}

/* The same for a comment inside an item, if the item goes on a line: it is printed behind that. */
static bool blank_inside(const weir_formatter *f, weir_span span)
{
    size_t count = 0;
    const weir_comment *first = comments_in(f, span.start, span.end, &count);
    for (size_t i = 0; i < count; i++) {
        if (first[i].is_first && blank_line_before(f, first[i].start)) return true;
    }
    return false;
}

/* Does a run of aligned lines end between two items? `before` is the one before them, or NULL. */
static bool run_ends(const weir_formatter *f, const weir_span *before, weir_span item,
                     weir_span next)
{
    bool continues = before != NULL && same_line(f, before->end - 1, item.start);
    return blank_between(f, item.end, next.start) || (continues && blank_inside(f, item));
}

/* Widths of the run that begins at `index`; *end_out is behind its last feature. */
static columns measure(const weir_formatter *f, const weir_ast_group *group,
                       const feature_text *texts, uint32_t index, uint32_t *end_out)
{
    columns widths = {0, 0};
    uint32_t i = index;
    do {
        unsigned head = width_of(texts[i].head), body = width_of(texts[i].body);
        if (!shares_line(f, group, i)) {
            if (head > widths.head && head <= ALIGNED_MAX_WIDTH) widths.head = head;
            if (texts[i].over[0] != '\0' && body > widths.body && body <= ALIGNED_MAX_WIDTH)
                widths.body = body;
        }
        i += 1;
    } while (i < group->feature_count &&
             !run_ends(f, i > 1 ? &group->features[i - 2].span : NULL, group->features[i - 1].span,
                       group->features[i].span));
    *end_out = i;
    return widths;
}

static void put_feature(weir_formatter *f, const feature_text *text, columns widths)
{
    weir_buffer_printf(
        f->out, "%s%*s = %s", text->head,
        widths.head > width_of(text->head) ? (int)(widths.head - width_of(text->head)) : 0, "",
        text->body);
    if (text->over[0] == '\0') return;
    unsigned body = width_of(text->body);
    unsigned gap = widths.body == 0      ? 1
                   : widths.body >= body ? widths.body - body + BETWEEN_COLUMNS
                                         : 1;
    weir_buffer_printf(f->out, "%*s%s", (int)gap, "", text->over);
}

static void put_features_head(weir_formatter *f, const weir_ast_decl *decl)
{
    const weir_ast_group *group = &decl->as.group;
    weir_buffer_printf(f->out, "features %s per ", decl->name.name);
    put_names(f, &group->per);
    for (uint32_t i = 0; i < group->streams.count; i++)
        weir_buffer_printf(f->out, "%s%s", i == 0 ? " from " : " join ",
                           group->streams.items[i].name);
    if (group->where != NULL) {
        weir_buffer_put_text(f->out, " where ");
        weir_format_expr(f, group->where);
    }
    weir_buffer_put_text(f->out, " {");
}

/* Where a block's head ends: behind the last token before its first item. */
static uint32_t head_end(const weir_formatter *f, uint32_t first_item)
{
    size_t before = tokens_before(f, first_item);
    return before == 0 ? 0 : f->lexed->tokens[before - 1].end;
}

/* Behind the first `{` from `start` on. */
static uint32_t open_end(const weir_formatter *f, uint32_t start)
{
    for (size_t i = tokens_before(f, start); i < f->lexed->token_count; i++) {
        const weir_token *token = &f->lexed->tokens[i];
        if (token->kind == WEIR_TOKEN_SIGN && token->sign == '{') return token->end;
    }
    WEIR_UNREACHABLE();
}

static void end_head(weir_formatter *f, uint32_t count, uint32_t first_item, uint32_t block_end)
{
    end_line(f, head_end(f, count > 0 ? first_item : block_end - 1));
}

static void put_features(weir_formatter *f, const weir_ast_decl *decl)
{
    const weir_ast_group *group = &decl->as.group;
    feature_text *texts = weir_arena_array(f->scratch, feature_text, group->feature_count);
    for (uint32_t i = 0; i < group->feature_count; i++)
        texts[i] = render_feature(f, &group->features[i]);
    columns widths = {0, 0};
    uint32_t run_end = 0;
    put_features_head(f, decl);
    uint32_t first = group->feature_count > 0 ? group->features[0].span.start : 0;
    bool one_line =
        group->feature_count > 0 && same_line(f, head_end(f, first) - 1, decl->span.end - 1);
    if (!one_line) end_head(f, group->feature_count, first, decl->span.end);
    for (uint32_t i = 0; i < group->feature_count; i++) {
        const weir_ast_feature *feature = &group->features[i];
        if (i == run_end) widths = measure(f, group, texts, i, &run_end);
        bool continues =
            i > 0 && same_line(f, group->features[i - 1].span.end - 1, feature->span.start);
        bool goes_on = i + 1 < group->feature_count &&
                       same_line(f, feature->span.end - 1, group->features[i + 1].span.start);
        if (one_line) {
            weir_buffer_put_text(f->out, i == 0 ? " " : "   ");
        } else if (continues) {
            weir_buffer_put_text(f->out, "   ");
        } else {
            put_lead(f, feature->span.start, feature->span, 1);
            put_indent(f, 1);
        }
        put_feature(f, &texts[i], continues || goes_on || one_line ? (columns){0, 0} : widths);
        if (!goes_on && !one_line) end_line(f, feature->span.end);
    }
    if (one_line)
        weir_buffer_put_u8(f->out, ' ');
    else
        put_comments(f, decl->span.end, 1);
    weir_buffer_put_u8(f->out, '}');
}

/* ---- Vectors ---- */

static bool is_named(const weir_ast_item *item)
{
    return item->kind == WEIR_ITEM_NAMED || item->kind == WEIR_ITEM_LET;
}

static unsigned head_width(const weir_ast_item *item)
{
    return width_of(item->name.name) + (item->kind == WEIR_ITEM_LET ? 4 : 0);
}

static bool item_shares_line(const weir_formatter *f, const weir_ast_vector *vector, uint32_t index)
{
    const weir_ast_item *items = vector->items;
    bool with_last =
        index > 0 && same_line(f, items[index - 1].span.end - 1, items[index].span.start);
    bool with_next = index + 1 < vector->item_count &&
                     same_line(f, items[index].span.end - 1, items[index + 1].span.start);
    return with_last || with_next;
}

static unsigned measure_items(const weir_formatter *f, const weir_ast_vector *vector,
                              uint32_t index, uint32_t *end_out)
{
    unsigned width = 0;
    uint32_t i = index;
    do {
        const weir_ast_item *item = &vector->items[i];
        bool counts = is_named(item) && !item_shares_line(f, vector, i) &&
                      head_width(item) <= ALIGNED_MAX_WIDTH;
        if (counts && head_width(item) > width) width = head_width(item);
        i += 1;
    } while (i < vector->item_count && !run_ends(f, i > 1 ? &vector->items[i - 2].span : NULL,
                                                 vector->items[i - 1].span, vector->items[i].span));
    *end_out = i;
    return width;
}

static void put_item(weir_formatter *f, const weir_ast_item *item, unsigned width)

{
    switch (item->kind) {
    case WEIR_ITEM_LET:
    case WEIR_ITEM_NAMED:
        weir_buffer_printf(f->out, "%s%s%*s = ", item->kind == WEIR_ITEM_LET ? "let " : "",
                           item->name.name,
                           width > head_width(item) ? (int)(width - head_width(item)) : 0, "");
        weir_format_expr(f, item->expr);
        break;
    case WEIR_ITEM_STAR: weir_buffer_printf(f->out, "%s.*", item->name.name); break;
    case WEIR_ITEM_SET:
        weir_buffer_printf(f->out, "%s.{", item->name.name);
        put_names(f, &item->set);
        weir_buffer_put_u8(f->out, '}');
        break;
    case WEIR_ITEM_PATH: weir_format_expr(f, item->expr); break;
    }
}

static void put_vector(weir_formatter *f, const weir_ast_decl *decl)
{
    const weir_ast_vector *vector = &decl->as.vector;
    weir_buffer_printf(f->out, "vector %s on %s", decl->name.name, vector->stream.name);
    if (vector->candidates.name != NULL)
        weir_buffer_printf(f->out, " for candidates %s up to %lld", vector->candidates.name,
                           (long long)vector->candidates_max);
    weir_buffer_put_text(f->out, " {");
    uint32_t first = vector->item_count > 0 ? vector->items[0].span.start : 0;
    bool one_line =
        vector->item_count > 0 && same_line(f, head_end(f, first) - 1, decl->span.end - 1);
    if (!one_line) end_head(f, vector->item_count, first, decl->span.end);
    unsigned width = 0;
    uint32_t run_end = 0;
    for (uint32_t i = 0; i < vector->item_count; i++) {
        const weir_ast_item *item = &vector->items[i];
        if (i == run_end) width = measure_items(f, vector, i, &run_end);
        bool continues = i > 0 && same_line(f, vector->items[i - 1].span.end - 1, item->span.start);
        bool goes_on = i + 1 < vector->item_count &&
                       same_line(f, item->span.end - 1, vector->items[i + 1].span.start);
        if (one_line) {
            weir_buffer_put_text(f->out, i == 0 ? " " : "  ");
        } else if (continues) {
            weir_buffer_put_text(f->out, "  ");
        } else {
            put_lead(f, item->span.start, item->span, 1);
            put_indent(f, 1);
        }
        put_item(f, item, continues || goes_on || one_line ? 0 : width);
        if (!goes_on && !one_line) end_line(f, item->span.end);
    }
    if (one_line)
        weir_buffer_put_u8(f->out, ' ');
    else
        put_comments(f, decl->span.end, 1);
    weir_buffer_put_u8(f->out, '}');
}

/* ---- Scores ---- */

static void put_decide(weir_formatter *f, const weir_ast_score *score)
{
    bool one_line = is_one_line(f, score->decide_span);
    weir_buffer_put_text(f->out, "decide {");
    if (!one_line) {
        end_line(f, open_end(f, score->decide_span.start));
    }
    for (uint32_t i = 0; i < score->decision_count; i++) {
        const weir_ast_decision *decision = &score->decisions[i];
        uint32_t end = decision->when != NULL ? decision->when->span.end : decision->name.span.end;
        if (one_line) {
            weir_buffer_put_text(f->out, i == 0 ? " " : "  ");
        } else {
            weir_span span = {decision->name.span.source, decision->name.span.start, end};
            put_lead(f, line_start(f, span.start), span, 2);
            put_indent(f, 2);
        }
        weir_buffer_printf(f->out, "%s%s", decision->is_else ? "else " : "", decision->name.name);
        if (decision->when != NULL) {
            weir_buffer_put_text(f->out, " when ");
            weir_format_expr(f, decision->when);
        }
        if (!one_line) end_line(f, end);
    }
    if (one_line) {
        weir_buffer_put_text(f->out, " }");
        return;
    }
    put_comments(f, score->decide_span.end, 2);
    put_indent(f, 1);
    weir_buffer_put_u8(f->out, '}');
}

static void put_to(weir_formatter *f, const weir_ast_score *score)
{
    weir_buffer_printf(f->out, "to %s(", score->to.name);
    weir_format_string(f, score->topic);
    weir_buffer_put_u8(f->out, ')');
    if (score->schema == NULL) return;
    weir_buffer_put_text(f->out, " avro(");
    weir_format_string(f, score->schema);
    weir_buffer_put_u8(f->out, ')');
}

static weir_span put_score_clause(weir_formatter *f, const weir_ast_score *score, char which)
{
    switch (which) {
    case 'i': weir_buffer_printf(f->out, "input %s", score->input.name); return score->input.span;
    case 't': put_to(f, score); return score->to.span;
    case 'o':
        weir_buffer_put_text(f->out, "output ");
        weir_format_string(f, score->output);
        return score->output_span;
    case 'r':
        weir_buffer_printf(f->out, "reasons %lld", (long long)score->reasons);
        return score->reasons_span;
    case 'p': weir_buffer_printf(f->out, "top %lld", (long long)score->top); return score->top_span;
    case 'd': put_decide(f, score); return score->decide_span;
    default:
        weir_buffer_put_text(f->out, "fallback ");
        weir_format_expr(f, score->fallback);
        return score->fallback->span;
    }
}

static weir_span score_clause_span(const weir_ast_score *score, char which)
{
    switch (which) {
    case 'i': return score->input.span;
    case 't': return score->to.span;
    case 'o': return score->output_span;
    case 'r': return score->reasons_span;
    case 'p': return score->top_span;
    case 'd': return score->decide_span;
    default: return score->fallback->span;
    }
}

static void put_score(weir_formatter *f, const weir_ast_decl *decl)
{
    const weir_ast_score *score = &decl->as.score;
    weir_buffer_printf(f->out, "score %s on %s using model ", decl->name.name, score->stream.name);
    weir_format_string(f, score->model);
    weir_buffer_put_text(f->out, " {");
    end_line(f, open_end(f, decl->span.start));
    for (uint32_t i = 0; i < score->clause_count; i++) {
        char which = (char)score->clause_order[i];
        weir_span span = score_clause_span(score, which);
        uint32_t start = line_start(f, span.start);
        if (which == 'd') span.end = span.start; /* its comments are printed inside */
        put_lead(f, start, span, 1);
        put_indent(f, 1);
        span = put_score_clause(f, score, which);
        end_line(f, span.end);
    }
    put_comments(f, decl->span.end, 1);
    weir_buffer_put_u8(f->out, '}');
}

/* ---- Labels and tests ---- */

static void put_label(weir_formatter *f, const weir_ast_decl *decl)
{
    const weir_ast_label *label = &decl->as.label;
    weir_buffer_put_text(f->out, "label ");
    for (uint32_t i = 0; i < label->path.count; i++)
        weir_buffer_printf(f->out, "%s%s", i == 0 ? "" : ".", label->path.items[i].name);
    weir_buffer_printf(f->out, " = %s(%s", label->aggregate.name, label->stream.name);
    if (label->where != NULL) {
        weir_buffer_put_text(f->out, " where ");
        weir_format_expr(f, label->where);
    }
    put_duration(f, ") within ", &label->within);
}

static void put_step(weir_formatter *f, const weir_ast_step *step)
{
    if (step->kind == WEIR_STEP_EXPECT) {
        weir_buffer_put_text(f->out, "expect ");
        weir_format_expr(f, step->path);
        weir_buffer_put_text(f->out, " = ");
        weir_format_expr(f, step->value);
        return;
    }
    weir_buffer_printf(f->out, "%s %s {", step->kind == WEIR_STEP_AT ? "at   " : "given",
                       step->stream.name);
    for (uint32_t i = 0; i < step->field_count; i++) {
        weir_buffer_put_text(f->out, i == 0 ? " " : ", ");
        weir_format_expr(f, step->paths[i]);
        weir_buffer_put_text(f->out, ": ");
        weir_format_expr(f, step->values[i]);
    }
    weir_buffer_put_text(f->out, step->field_count == 0 ? "}" : " }");
}

static void put_test(weir_formatter *f, const weir_ast_decl *decl)
{
    const weir_ast_test *test = &decl->as.test;
    weir_buffer_put_text(f->out, "test ");
    weir_format_string(f, test->title);
    weir_buffer_put_text(f->out, " {");
    end_head(f, test->step_count, test->step_count > 0 ? test->steps[0].span.start : 0,
             decl->span.end);
    for (uint32_t i = 0; i < test->step_count; i++) {
        put_lead(f, test->steps[i].span.start, test->steps[i].span, 1);
        put_indent(f, 1);
        put_step(f, &test->steps[i]);
        end_line(f, test->steps[i].span.end);
    }
    put_comments(f, decl->span.end, 1);
    weir_buffer_put_u8(f->out, '}');
}

/* ---- The unit ---- */

static void put_enum(weir_formatter *f, const weir_ast_decl *decl)
{
    weir_buffer_printf(f->out, "enum %s { ", decl->name.name);
    put_names(f, &decl->as.symbols);
    weir_buffer_put_text(f->out, decl->as.symbols.count == 0 ? "}" : " }");
}

static void put_declaration(weir_formatter *f, const weir_ast_decl *decl)
{
    switch (decl->kind) {
    case WEIR_DECL_ENUM: put_enum(f, decl); break;
    case WEIR_DECL_STREAM: put_stream(f, decl); break;
    case WEIR_DECL_FEATURES: put_features(f, decl); break;
    case WEIR_DECL_VECTOR: put_vector(f, decl); break;
    case WEIR_DECL_SCORE: put_score(f, decl); break;
    case WEIR_DECL_LABEL: put_label(f, decl); break;
    case WEIR_DECL_TEST: put_test(f, decl); break;
    case WEIR_DECL_UNKNOWN: WEIR_UNREACHABLE();
    }
}

static void put_unit(weir_formatter *f, const weir_ast_unit *unit)
{
    put_comments(f, unit->package_span.end, 0);
    put_blank_line(f, unit->package_span.start);
    weir_buffer_printf(f->out, "package %s", unit->package);
    end_line(f, unit->package_span.end);
    for (uint32_t i = 0; i < unit->decl_count; i++) {
        const weir_ast_decl *decl = &unit->decls[i];
        bool has_items = decl->kind != WEIR_DECL_ENUM && decl->kind != WEIR_DECL_LABEL;
        weir_span inner = decl->span;
        if (has_items) inner.end = inner.start; /* comments between items are theirs */
        put_lead(f, decl->span.start, inner, 0);
        put_declaration(f, decl);
        end_line(f, decl->span.end);
    }
    put_comments(f, UINT32_MAX, 0);
}

weir_compilation *weir_lang_format(const weir_source_text *source, weir_buffer *out)
{
    weir_arena arena = {0}, trees = {0};
    weir_compilation *result = weir_arena_new(&arena, weir_compilation);
    result->arena = arena;
    weir_diagnostics diagnostics = {.into = &result->arena, .sources = source};
    weir_intern intern;
    weir_intern_init(&intern, &trees);
    weir_ast_unit unit;
    weir_parse(&diagnostics, 0, &intern, &trees, &unit);
    if (diagnostics.error_count == 0) {
        weir_formatter f = {.out = out,
                            .text = source->text,
                            .text_size = (uint32_t)source->size,
                            .lexed = &unit.lexed,
                            .scratch = &trees};
        index_lines(&f);
        put_unit(&f, &unit);
    }
    weir_diagnostics_sort(&diagnostics);
    result->diagnostic_count = diagnostics.count;
    result->diagnostics = weir_arena_copy(&result->arena, diagnostics.items,
                                          diagnostics.count * sizeof diagnostics.items[0]);
    weir_arena_deinit(&trees);
    return result;
}
