/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Declarations: one function a form of the grammar, one a clause where there are several.
 */
#include <string.h>

#include "compute/lang/parser_internal.h"
#include "ops/runtime/assert.h"

/* ---- Enums, streams and tables ---- */

static bool parse_enum(weir_parser *parser, weir_ast_decl *decl)
{
    if (!weir_parser_want_name(parser, "the enum's name", &decl->name) ||
        !weir_parser_want_sign(parser, '{'))
        return false;
    weir_list list = {0};
    while (!weir_parser_is_sign(parser, 0, '}')) {
        if (!weir_parser_want_name(parser, "a value's name",
                                   weir_list_push(parser, &list, sizeof(weir_ast_name))))
            return false;
        if (!weir_parser_take_sign(parser, ',')) break;
    }
    decl->as.symbols = (weir_ast_names){(uint32_t)list.count, weir_list_finish(parser, &list)};
    if (!weir_parser_is_sign(parser, 0, '}')) return weir_parser_complain(parser, "`,` or `}`");
    (void)weir_parser_take(parser);
    return true;
}

static bool parse_entities(weir_parser *parser, weir_ast_stream *stream)
{
    weir_list list = {0};
    do {
        weir_ast_names *entity = weir_list_push(parser, &list, sizeof *entity);
        if (weir_parser_take_sign(parser, '(')) {
            if (!weir_parse_names(parser, "a key field", entity) ||
                !weir_parser_want_sign(parser, ')'))
                return false;
        } else {
            entity->count = 1;
            entity->items = weir_arena_new(parser->into, weir_ast_name);
            if (!weir_parser_want_name(parser, "an entity", entity->items)) return false;
        }
    } while (weir_parser_take_sign(parser, ','));
    stream->entities = weir_list_finish(parser, &list);
    stream->entity_count = (uint32_t)list.count;
    return true;
}

typedef struct stream_block {
    weir_ast_stream *stream;
    weir_list expects;
} stream_block;

static bool parse_stream_clause(weir_parser *parser, weir_ast_stream *stream, stream_block *block)
{
    size_t first = parser->at;
    weir_span at = weir_parser_span_of(parser, weir_parser_peek(parser, 0));
    if (weir_parser_take_word(parser, "time")) {
        if (stream->time.name != NULL) weir_parser_complain_twice(parser, at, "time");
        return weir_parser_want_name(parser, "the field that is the event's time", &stream->time);
    }
    if (weir_parser_take_word(parser, "id")) {
        if (stream->id.name != NULL) weir_parser_complain_twice(parser, at, "id");
        return weir_parser_want_name(parser, "the field that is the event's id", &stream->id);
    }
    if (weir_parser_take_word(parser, "late")) {
        if (stream->late.span.end != 0) weir_parser_complain_twice(parser, at, "late");
        return weir_parser_want_duration(parser, "a duration such as 1d", &stream->late);
    }
    if (weir_parser_take_word(parser, "future")) {
        if (stream->future.span.end != 0) weir_parser_complain_twice(parser, at, "future");
        return weir_parser_want_duration(parser, "a duration such as 5m", &stream->future);
    }
    if (weir_parser_take_word(parser, "observed")) {
        if (stream->entity_count != 0) weir_parser_complain_twice(parser, at, "observed by");
        if (!weir_parser_want_word(parser, "by") || !parse_entities(parser, stream)) return false;
        stream->observed_span = weir_parser_span(parser, first);
        return true;
    }
    if (weir_parser_take_word(parser, "expect")) {
        const weir_ast_expr *expect = weir_parse_expr(parser);
        if (expect == NULL) return false;
        *(const weir_ast_expr **)weir_list_push(parser, &block->expects, sizeof expect) = expect;
        return true;
    }
    return weir_parser_complain(parser,
                                "`time`, `id`, `observed by`, `late`, `future` or `expect`");
}

static bool parse_stream_item(weir_parser *parser, void *context)
{
    stream_block *block = context;
    bool good = parse_stream_clause(parser, block->stream, block);
    block->stream->has_mistakes |= !good;
    return good;
}

static bool parse_format(weir_parser *parser, weir_ast_stream *stream)
{
    if (!weir_parser_is_word(parser, 0, "avro") && !weir_parser_is_word(parser, 0, "json"))
        return true;
    if (!weir_parser_is_sign(parser, 1, '(')) return true;
    (void)weir_parser_want_name(parser, "avro", &stream->format);
    (void)weir_parser_take(parser);
    stream->schema_span = weir_parser_span_of(parser, weir_parser_peek(parser, 0));
    return weir_parser_want_string(parser, "the schema's name", &stream->schema) &&
           weir_parser_want_sign(parser, ')');
}

static bool parse_stream_head(weir_parser *parser, weir_ast_decl *decl)
{
    weir_ast_stream *stream = &decl->as.stream;
    if (!weir_parser_want_name(parser, "the stream's name", &decl->name) ||
        !weir_parser_want_word(parser, "from") ||
        !weir_parser_want_name(parser, "`kafka`", &stream->source) ||
        !weir_parser_want_sign(parser, '(') ||
        !weir_parser_want_string(parser, "the topic", &stream->topic) ||
        !weir_parser_want_sign(parser, ')'))
        return false;
    if (!parse_format(parser, stream)) return false;
    if (weir_parser_take_word(parser, "key") &&
        !weir_parse_names(parser, "a key field", &stream->key))
        return false;
    if (weir_parser_take_word(parser, "refresh") &&
        !weir_parser_want_duration(parser, "a duration such as 5m", &stream->refresh))
        return false;
    return true;
}

static bool parse_stream(weir_parser *parser, weir_ast_decl *decl, bool is_table)
{
    weir_ast_stream *stream = &decl->as.stream;
    stream->is_table = is_table;
    if (!parse_stream_head(parser, decl)) return false;
    if (!weir_parser_is_sign(parser, 0, '{')) return true;
    size_t first = parser->at;
    stream_block block = {.stream = stream};
    stream->has_block = true;
    bool good = weir_parse_block(parser, parse_stream_item, &block);
    stream->block_span = weir_parser_span(parser, first);
    stream->expects = weir_list_finish(parser, &block.expects);
    stream->expect_count = (uint32_t)block.expects.count;
    return good;
}

/* ---- Features ---- */

static bool parse_by(weir_parser *parser, weir_ast_feature *feature)
{
    feature->by = weir_parse_path(parser, false);
    if (feature->by == NULL) return false;
    if (weir_parser_take_word(parser, "limit"))
        return weir_parser_want_int(parser, "a number of keys", &feature->by_limit);
    return true;
}

static bool parse_over(weir_parser *parser, weir_ast_feature *feature)
{
    weir_list list = {0};
    feature->has_over = true;
    do {
        if (!weir_parse_window(parser, weir_list_push(parser, &list, sizeof(weir_ast_window))))
            return false;
    } while (weir_parser_take_sign(parser, ','));
    feature->windows = weir_list_finish(parser, &list);
    feature->window_count = (uint32_t)list.count;
    return true;
}

/* A word begins a clause unless it is the name of the next feature: `over = ...`. */
static bool takes_clause(weir_parser *parser, const char *word)
{
    if (weir_parser_is_sign(parser, 1, '=')) return false;
    return weir_parser_take_word(parser, word);
}

static bool is_set(weir_span span) { return span.end != 0; }

/* One clause. *taken_out tells whether there was one. */
static bool parse_clause(weir_parser *parser, weir_ast_feature *feature, bool *taken_out)
{
    weir_span at = weir_parser_span_of(parser, weir_parser_peek(parser, 0));
    size_t first = parser->at;
    *taken_out = true;
    if (takes_clause(parser, "where")) {
        if (feature->where != NULL) weir_parser_complain_twice(parser, at, "where");
        feature->where = weir_parse_expr(parser);
        return feature->where != NULL;
    }
    if (takes_clause(parser, "by")) {
        if (feature->by != NULL) weir_parser_complain_twice(parser, at, "by");
        bool good = parse_by(parser, feature);
        feature->by_span = weir_parser_span(parser, first);
        return good;
    }
    if (takes_clause(parser, "over")) {
        if (feature->has_over) weir_parser_complain_twice(parser, at, "over");
        return parse_over(parser, feature);
    }
    if (takes_clause(parser, "delayed")) {
        if (is_set(feature->delayed.span)) weir_parser_complain_twice(parser, at, "delayed");
        return weir_parser_want_duration(parser, "a duration such as 7d", &feature->delayed);
    }
    if (takes_clause(parser, "step")) {
        if (is_set(feature->step.span)) weir_parser_complain_twice(parser, at, "step");
        return weir_parser_want_duration(parser, "a duration such as 1h", &feature->step);
    }
    if (takes_clause(parser, "including")) {
        if (feature->including_this) weir_parser_complain_twice(parser, at, "including this");
        feature->including_this = true;
        bool good = weir_parser_want_word(parser, "this");
        feature->including_span = weir_parser_span(parser, first);
        return good;
    }
    *taken_out = false;
    return true;
}

/* What stands on the feature's line must be the next feature: else a clause is misspelt. */
static bool ends_well(weir_parser *parser)
{
    static const char *const words[] = {"where", "by", "over", "delayed", "step", "including"};
    const weir_token *next = weir_parser_peek(parser, 0);
    if (next->kind == WEIR_TOKEN_ERROR) return false;
    bool is_clause = next->kind == WEIR_TOKEN_NAME && !next->is_first &&
                     !weir_parser_is_sign(parser, 1, '=') &&
                     !weir_parser_is_reserved(next->as.name);
    if (!is_clause) return true;
    const char *near = weir_nearest_name(next->as.name, words, 6);
    const char *help = weir_parser_habit(parser);
    if (help == NULL && near != NULL)
        help = weir_arena_printf(parser->diagnostics->into, "did you mean `%s`?", near);
    weir_diagnostics_add(parser->diagnostics, WEIR_D_UNEXPECTED, weir_parser_span_of(parser, next),
                         help, "expected a clause or the next feature, found `%s`", next->as.name);
    return false;
}

static bool parse_feature_rest(weir_parser *parser, weir_ast_feature *feature)
{
    if (!weir_parser_want_sign(parser, '=')) return false;
    feature->expr = weir_parse_expr(parser);
    if (feature->expr == NULL) return false;
    if (feature->is_let) return weir_parser_peek(parser, 0)->kind != WEIR_TOKEN_ERROR;
    for (;;) {
        bool taken = false;
        weir_span at = weir_parser_span_of(parser, weir_parser_peek(parser, 0));
        bool good = parse_clause(parser, feature, &taken);
        if (taken && !is_set(feature->clause_span)) feature->clause_span = at;
        if (!good) return false;
        if (!taken) return ends_well(parser);
    }
}

static bool parse_feature(weir_parser *parser, void *context)
{
    weir_list *list = context;
    size_t first = parser->at;
    const weir_token *start = weir_parser_peek(parser, 0);
    bool is_let = weir_parser_take_word(parser, "let");
    weir_ast_name name = {0};
    if (!weir_parser_want_name(parser, is_let ? "the let's name" : "a feature, `let` or `}`",
                               &name))
        return false;
    weir_ast_feature *feature = weir_list_push(parser, list, sizeof *feature);
    *feature = (weir_ast_feature){.is_let = is_let,
                                  .name = name.name,
                                  .name_span = name.span,
                                  .by_limit = -1,
                                  .doc = weir_parser_doc_before(parser, start)};
    feature->is_broken = !parse_feature_rest(parser, feature);
    feature->span = weir_parser_span(parser, first);
    return !feature->is_broken;
}

static bool parse_features(weir_parser *parser, weir_ast_decl *decl)
{
    weir_ast_group *group = &decl->as.group;
    if (!weir_parser_want_name(parser, "the group's name", &decl->name) ||
        !weir_parser_want_word(parser, "per"))
        return false;
    bool brackets = weir_parser_take_sign(parser, '(');
    if (!weir_parse_names(parser, "the entity", &group->per)) return false;
    if (brackets && !weir_parser_want_sign(parser, ')')) return false;
    weir_list streams = {0};
    if (!weir_parser_want_word(parser, "from")) return false;
    do {
        if (!weir_parser_want_name(parser, "a stream",
                                   weir_list_push(parser, &streams, sizeof(weir_ast_name))))
            return false;
    } while (weir_parser_take_word(parser, "join"));
    group->streams = (weir_ast_names){(uint32_t)streams.count, weir_list_finish(parser, &streams)};
    if (weir_parser_take_word(parser, "where")) {
        group->where = weir_parse_expr(parser);
        if (group->where == NULL) return false;
    }
    weir_list features = {0};
    bool good = weir_parse_block(parser, parse_feature, &features);
    group->features = weir_list_finish(parser, &features);
    group->feature_count = (uint32_t)features.count;
    return good;
}

/* ---- Vectors ---- */

static bool parse_set(weir_parser *parser, weir_ast_item *item)
{
    weir_list list = {0};
    while (!weir_parser_is_sign(parser, 0, '}')) {
        if (!weir_parser_want_name(parser, "a feature's name",
                                   weir_list_push(parser, &list, sizeof(weir_ast_name))))
            return false;
        if (!weir_parser_take_sign(parser, ',')) break;
    }
    item->set = (weir_ast_names){(uint32_t)list.count, weir_list_finish(parser, &list)};
    if (!weir_parser_is_sign(parser, 0, '}')) return weir_parser_complain(parser, "`,` or `}`");
    (void)weir_parser_take(parser);
    return true;
}

static const weir_ast_expr *index_of(weir_parser *parser, const weir_ast_expr *path, size_t first)
{
    if (path == NULL || !weir_parser_take_sign(parser, '[')) return path;
    weir_ast_window *window = weir_arena_new(parser->into, weir_ast_window);
    if (!weir_parse_window(parser, window) || !weir_parser_want_sign(parser, ']')) return NULL;
    weir_ast_expr *node = weir_arena_new(parser->into, weir_ast_expr);
    const weir_ast_expr **args = weir_arena_array(parser->into, const weir_ast_expr *, 1);
    args[0] = path;
    *node = (weir_ast_expr){.kind = WEIR_AST_INDEX,
                            .span = weir_parser_span(parser, first),
                            .name_span = window->span,
                            .window = window,
                            .args = args,
                            .arg_count = 1,
                            .depth = (uint16_t)(path->depth + 1)};
    return node;
}

static bool parse_item_kind(weir_parser *parser, weir_ast_item *item)
{
    if (weir_parser_is_word(parser, 0, "let") || weir_parser_is_sign(parser, 1, '=')) {
        item->kind = weir_parser_take_word(parser, "let") ? WEIR_ITEM_LET : WEIR_ITEM_NAMED;
        if (!weir_parser_want_name(parser, "a column's name", &item->name) ||
            !weir_parser_want_sign(parser, '='))
            return false;
        item->expr = weir_parse_expr(parser);
        return item->expr != NULL;
    }
    if (weir_parser_is_sign(parser, 1, '.') &&
        (weir_parser_is_sign(parser, 2, '*') || weir_parser_is_sign(parser, 2, '{'))) {
        if (!weir_parser_want_name(parser, "a group", &item->name)) return false;
        (void)weir_parser_take(parser);
        bool is_star = weir_parser_is_sign(parser, 0, '*');
        item->kind = is_star ? WEIR_ITEM_STAR : WEIR_ITEM_SET;
        (void)weir_parser_take(parser);
        return is_star || parse_set(parser, item);
    }
    size_t first = parser->at;
    item->kind = WEIR_ITEM_PATH;
    if (weir_parser_peek(parser, 0)->kind != WEIR_TOKEN_NAME)
        return weir_parser_complain(parser,
                                    "a column: group.feature, this.field or name = expression");
    item->expr = index_of(parser, weir_parse_path(parser, true), first);
    return item->expr != NULL;
}

static bool parse_vector_item(weir_parser *parser, void *context)
{
    weir_list *list = context;
    size_t first = parser->at;
    weir_ast_item item = {.doc = weir_parser_doc_before(parser, weir_parser_peek(parser, 0))};
    if (!parse_item_kind(parser, &item)) return false;
    item.span = weir_parser_span(parser, first);
    *(weir_ast_item *)weir_list_push(parser, list, sizeof item) = item;
    return true;
}

static bool parse_vector(weir_parser *parser, weir_ast_decl *decl)
{
    weir_ast_vector *vector = &decl->as.vector;
    if (!weir_parser_want_name(parser, "the vector's name", &decl->name) ||
        !weir_parser_want_word(parser, "on") ||
        !weir_parser_want_name(parser, "a stream", &vector->stream))
        return false;
    if (weir_parser_take_word(parser, "for")) {
        if (!weir_parser_want_word(parser, "candidates") ||
            !weir_parser_want_name(parser, "an entity", &vector->candidates) ||
            !weir_parser_want_word(parser, "up") || !weir_parser_want_word(parser, "to") ||
            !weir_parser_want_int(parser, "a number", &vector->candidates_max))
            return false;
    }
    weir_list items = {0};
    bool good = weir_parse_block(parser, parse_vector_item, &items);
    vector->items = weir_list_finish(parser, &items);
    vector->item_count = (uint32_t)items.count;
    return good;
}

/* ---- Scores ---- */

static bool parse_decision(weir_parser *parser, void *context)
{
    weir_list *list = context;
    weir_ast_decision decision = {0};
    decision.is_else = weir_parser_take_word(parser, "else");
    if (!weir_parser_want_name(parser, "a decision's name, `else` or `}`", &decision.name))
        return false;
    if (!decision.is_else) {
        if (!weir_parser_want_word(parser, "when")) return false;
        decision.when = weir_parse_expr(parser);
        if (decision.when == NULL) return false;
    }
    *(weir_ast_decision *)weir_list_push(parser, list, sizeof decision) = decision;
    return true;
}

static bool parse_to(weir_parser *parser, weir_ast_score *score)
{
    if (!weir_parser_want_name(parser, "`kafka`", &score->to) ||
        !weir_parser_want_sign(parser, '(') ||
        !weir_parser_want_string(parser, "the topic", &score->topic) ||
        !weir_parser_want_sign(parser, ')'))
        return false;
    if (!weir_parser_take_word(parser, "avro")) return true;
    return weir_parser_want_sign(parser, '(') &&
           weir_parser_want_string(parser, "the schema's name", &score->schema) &&
           weir_parser_want_sign(parser, ')');
}

static bool parse_decide(weir_parser *parser, weir_ast_score *score)
{
    weir_list list = {0};
    score->has_decide = true;
    bool good = weir_parse_block(parser, parse_decision, &list);
    score->decisions = weir_list_finish(parser, &list);
    score->decision_count = (uint32_t)list.count;
    return good;
}

static bool parse_score_clause(weir_parser *parser, weir_ast_score *score, char which)
{
    size_t first = parser->at - 1;
    bool good = false;
    switch (which) {
    case 'i': return weir_parser_want_name(parser, "a vector", &score->input);
    case 't': return parse_to(parser, score);
    case 'o':
        good = weir_parser_want_string(parser, "the output's name", &score->output);
        score->output_span = weir_parser_span(parser, first);
        return good;
    case 'r':
        good = weir_parser_want_int(parser, "a number of reasons", &score->reasons);
        score->reasons_span = weir_parser_span(parser, first);
        return good;
    case 'p':
        good = weir_parser_want_int(parser, "a number", &score->top);
        score->top_span = weir_parser_span(parser, first);
        return good;
    case 'd':
        good = parse_decide(parser, score);
        score->decide_span = weir_parser_span(parser, first);
        return good;
    default: score->fallback = weir_parse_expr(parser); return score->fallback != NULL;
    }
}

static bool parse_score_item(weir_parser *parser, void *context)
{
    static const char *const words[] = {"input", "to",     "output",  "reasons",
                                        "top",   "decide", "fallback"};
    static const char letters[] = "itorpdf";
    weir_ast_score *score = context;
    for (size_t i = 0; i < 7; i++) {
        weir_span at = weir_parser_span_of(parser, weir_parser_peek(parser, 0));
        if (!weir_parser_take_word(parser, words[i])) continue;
        bool known = memchr(score->clause_order, letters[i], score->clause_count) != NULL;
        if (known)
            weir_parser_complain_twice(parser, at, words[i]);
        else
            score->clause_order[score->clause_count++] = (uint8_t)letters[i];
        return parse_score_clause(parser, score, letters[i]);
    }
    return weir_parser_complain(parser,
                                "`input`, `to`, `output`, `reasons`, `decide` or `fallback`");
}

static bool parse_score(weir_parser *parser, weir_ast_decl *decl)
{
    weir_ast_score *score = &decl->as.score;
    score->reasons = score->top = -1;
    if (!weir_parser_want_name(parser, "the score's name", &decl->name) ||
        !weir_parser_want_word(parser, "on") ||
        !weir_parser_want_name(parser, "a stream", &score->stream) ||
        !weir_parser_want_word(parser, "using") || !weir_parser_want_word(parser, "model"))
        return false;
    score->model_span = weir_parser_span_of(parser, weir_parser_peek(parser, 0));
    if (!weir_parser_want_string(parser, "the model's name", &score->model)) return false;
    return weir_parse_block(parser, parse_score_item, score);
}

/* ---- Labels and tests ---- */

static bool parse_label(weir_parser *parser, weir_ast_decl *decl)
{
    weir_ast_label *label = &decl->as.label;
    weir_list path = {0};
    do {
        if (!weir_parser_want_name(parser, "vector.label",
                                   weir_list_push(parser, &path, sizeof(weir_ast_name))))
            return false;
    } while (weir_parser_take_sign(parser, '.'));
    label->path = (weir_ast_names){(uint32_t)path.count, weir_list_finish(parser, &path)};
    if (!weir_parser_want_sign(parser, '=') ||
        !weir_parser_want_name(parser, "an aggregate such as `any`", &label->aggregate) ||
        !weir_parser_want_sign(parser, '(') ||
        !weir_parser_want_name(parser, "a stream", &label->stream))
        return false;
    if (weir_parser_take_word(parser, "where")) {
        label->where = weir_parse_expr(parser);
        if (label->where == NULL) return false;
    }
    return weir_parser_want_sign(parser, ')') && weir_parser_want_word(parser, "within") &&
           weir_parser_want_duration(parser, "a duration such as 45d", &label->within);
}

static bool parse_event(weir_parser *parser, weir_ast_step *step)
{
    weir_list paths = {0}, values = {0};
    if (!weir_parser_want_name(parser, "a stream", &step->stream) ||
        !weir_parser_want_sign(parser, '{'))
        return false;
    while (!weir_parser_is_sign(parser, 0, '}')) {
        const weir_ast_expr *path = weir_parse_path(parser, false);
        if (path == NULL || !weir_parser_want_sign(parser, ':')) return false;
        const weir_ast_expr *value = weir_parse_value(parser);
        if (value == NULL) return false;
        *(const weir_ast_expr **)weir_list_push(parser, &paths, sizeof path) = path;
        *(const weir_ast_expr **)weir_list_push(parser, &values, sizeof value) = value;
        if (!weir_parser_take_sign(parser, ',')) break;
    }
    step->paths = weir_list_finish(parser, &paths);
    step->values = weir_list_finish(parser, &values);
    step->field_count = (uint32_t)paths.count;
    if (!weir_parser_is_sign(parser, 0, '}')) return weir_parser_complain(parser, "`,` or `}`");
    (void)weir_parser_take(parser);
    return true;
}

static bool parse_expectation(weir_parser *parser, weir_ast_step *step)
{
    size_t first = parser->at;
    step->path = index_of(parser, weir_parse_path(parser, false), first);
    if (step->path == NULL) return false;
    if (weir_parser_is_sign(parser, 0, WEIR_SIGN2('=', '=')))
        return weir_parser_complain(parser, "`=`");
    if (!weir_parser_want_sign(parser, '=')) return false;
    bool composite = weir_parser_is_sign(parser, 0, '{') || weir_parser_is_sign(parser, 0, '[');
    step->value = composite ? weir_parse_value(parser) : weir_parse_expr(parser);
    return step->value != NULL;
}

static bool parse_step(weir_parser *parser, void *context)
{
    weir_list *list = context;
    size_t first = parser->at;
    weir_ast_step step = {0};
    bool good = false;
    if (weir_parser_take_word(parser, "given")) {
        step.kind = WEIR_STEP_GIVEN;
        good = parse_event(parser, &step);
    } else if (weir_parser_take_word(parser, "at")) {
        step.kind = WEIR_STEP_AT;
        good = parse_event(parser, &step);
    } else if (weir_parser_take_word(parser, "expect")) {
        step.kind = WEIR_STEP_EXPECT;
        good = parse_expectation(parser, &step);
    } else {
        return weir_parser_complain(parser, "`given`, `at`, `expect` or `}`");
    }
    if (!good) return false;
    step.span = weir_parser_span(parser, first);
    *(weir_ast_step *)weir_list_push(parser, list, sizeof step) = step;
    return true;
}

static bool parse_test(weir_parser *parser, weir_ast_decl *decl)
{
    weir_ast_test *test = &decl->as.test;
    if (!weir_parser_want_string(parser, "the test's title", &test->title)) return false;
    weir_list steps = {0};
    bool good = weir_parse_block(parser, parse_step, &steps);
    test->steps = weir_list_finish(parser, &steps);
    test->step_count = (uint32_t)steps.count;
    return good;
}

bool weir_parse_declaration(weir_parser *parser, weir_ast_decl *decl)
{
    static const char *const words[] = {"enum",  "stream", "features", "vector",
                                        "score", "label",  "test",     "table"};
    for (size_t i = 0; i < 8; i++) {
        if (!weir_parser_take_word(parser, words[i])) continue;
        decl->kind = i == 7 ? WEIR_DECL_STREAM : (weir_ast_decl_kind)i;
        switch (decl->kind) {
        case WEIR_DECL_ENUM: return parse_enum(parser, decl);
        case WEIR_DECL_STREAM: return parse_stream(parser, decl, i == 7);
        case WEIR_DECL_FEATURES: return parse_features(parser, decl);
        case WEIR_DECL_VECTOR: return parse_vector(parser, decl);
        case WEIR_DECL_SCORE: return parse_score(parser, decl);
        case WEIR_DECL_LABEL: return parse_label(parser, decl);
        case WEIR_DECL_TEST: return parse_test(parser, decl);
        case WEIR_DECL_UNKNOWN: WEIR_UNREACHABLE();
        }
    }
    return false;
}
