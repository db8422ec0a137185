/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups, features and their members: names, windows, families, and instances for each `this`.
 */
#include "compute/lang/check_internal.h"

#include <string.h>

#include "ops/runtime/assert.h"

#define REPORT(c, id, at, help, ...)                                                               \
    weir_diagnostics_add((c)->diagnostics, WEIR_D_##id, at, help, __VA_ARGS__)
#define HELP(c, ...) weir_arena_printf((c)->diagnostics->into, __VA_ARGS__)

/* ---- What a feature is made of, from its text ---- */

static void scan(weir_checker *c, weir_feature_info *feature, const weir_ast_expr *node,
                 bool in_row, unsigned depth);

static void add_this(weir_checker *c, weir_feature_info *feature, const char *path)
{
    for (uint32_t i = 0; i < feature->this_paths.count; i++) {
        if (feature->this_paths.items[i] == path) return;
    }
    weir_pointers_push(c, &feature->this_paths, (void *)(uintptr_t)path);
}

/* A name outside of aggregates may be another feature; what that takes from `this`, this one does.
 */
static void scan_reference(weir_checker *c, weir_feature_info *feature, weir_feature_info *other)
{
    if (other == NULL || other == feature) return;
    weir_feature_scan(c, other);
    for (uint32_t i = 0; i < other->this_paths.count; i++)
        add_this(c, feature, other->this_paths.items[i]);
}

static void scan_path(weir_checker *c, weir_feature_info *feature, const weir_ast_expr *node,
                      bool in_row, unsigned depth)
{
    const weir_ast_expr *root = NULL;
    const char *path = weir_path_of(c, node, &root);
    if (path == NULL) {
        scan(c, feature, root, in_row, depth + 1);
        return;
    }
    if (root->kind == WEIR_AST_THIS) {
        const char *plain = node->kind == WEIR_AST_THIS ? NULL : path;
        if (plain != NULL) add_this(c, feature, plain);
        return;
    }
    const weir_ast_feature *let =
        node == root ? weir_let_find(c, feature->group, root->name) : NULL;
    bool is_new = let != NULL && weir_map_get(&c->interned, feature, let) == NULL;
    if (is_new) weir_map_put(&c->interned, feature, let, feature);
    if (is_new && let->expr != NULL) scan(c, feature, let->expr, in_row, depth + 1);
    if (in_row || let != NULL) return;
    if (node == root) {
        scan_reference(c, feature, weir_feature_find(c, feature->group, root->name));
        return;
    }
    const weir_symbol *symbol = weir_symbol_find(c, root->name);
    if (symbol != NULL && symbol->kind == WEIR_SYMBOL_GROUP && !symbol->as.group->is_broken)
        scan_reference(c, feature,
                       weir_feature_find(c, symbol->as.group,
                                         weir_intern_text(c, path + strlen(root->name) + 1)));
}

static void scan(weir_checker *c, weir_feature_info *feature, const weir_ast_expr *node,
                 bool in_row, unsigned depth)
{
    if (node == NULL || depth > WEIR_CHECK_NESTING_MAX * 4) return;
    if (node->kind == WEIR_AST_NAME || node->kind == WEIR_AST_FIELD) {
        scan_path(c, feature, node, in_row, depth);
        return;
    }
    bool aggregate = weir_is_aggregate_call(node);
    if (aggregate && !in_row) feature->has_aggregate = true;
    for (uint32_t i = 0; i < node->arg_count; i++)
        scan(c, feature, node->args[i], in_row || aggregate, depth + 1);
}

void weir_feature_scan(weir_checker *c, weir_feature_info *feature)
{
    if (feature->is_scanned || feature->is_scanning) return;
    if (c->nesting > WEIR_CHECK_NESTING_MAX * 8) return; /* reported when it is instantiated */
    feature->is_scanning = true;
    c->nesting += 1;
    scan(c, feature, feature->ast->expr, false, 0);
    scan(c, feature, feature->ast->where, true, 0);
    c->nesting -= 1;
    feature->is_scanning = false;
    feature->is_scanned = true;
}

/* Only its own text: whether it needs a window. */
static bool has_aggregate(const weir_ast_expr *node)
{
    if (node == NULL) return false;
    if (weir_is_aggregate_call(node)) return true;
    for (uint32_t i = 0; i < node->arg_count; i++) {
        if (has_aggregate(node->args[i])) return true;
    }
    return false;
}

static const weir_ast_expr *unknown_call(const weir_ast_expr *node)
{
    if (node == NULL) return NULL;
    if (node->kind == WEIR_AST_CALL && !weir_expr_is_function(node->name)) return node;
    for (uint32_t i = 0; i < node->arg_count; i++) {
        const weir_ast_expr *found = unknown_call(node->args[i]);
        if (found != NULL) return found;
    }
    return NULL;
}

/* ---- Windows ---- */

static const char *window_suffix(weir_checker *c, const weir_ast_window *window)
{
    const char *text = c->diagnostics->sources[window->span.source].text;
    int width = (int)(window->width.span.end - window->width.span.start);
    const char *written = text + window->width.span.start;
    switch (window->kind) {
    case WEIR_WINDOW_TIME: return weir_arena_printf(c->into, "%.*s", width, written);
    case WEIR_WINDOW_EVER: return "ever";
    case WEIR_WINDOW_LAST: return weir_arena_printf(c->into, "last_%lld", (long long)window->count);
    case WEIR_WINDOW_SESSION: return weir_arena_printf(c->into, "session_%.*s", width, written);
    case WEIR_WINDOW_SINCE: return "since_last";
    case WEIR_WINDOW_CALENDAR:
        return window->unit == 'h'   ? "hour"
               : window->unit == 'd' ? "day"
               : window->unit == 'w' ? "week"
                                     : "month";
    case WEIR_WINDOW_SERIES:
        return weir_arena_printf(c->into, "%lldx%.*s", (long long)window->count, width, written);
    }
    WEIR_UNREACHABLE();
}

static bool duration_fits(weir_checker *c, weir_ast_duration duration, const char *what)
{
    if (duration.span.end == 0) return true;
    if (duration.us > 0 && duration.us <= WEIR_DURATION_MAX_US) return true;
    REPORT(c, BAD_WINDOW, duration.span, "longer than zero, at most 36500d", "%s is out of range",
           what);
    return false;
}

static bool check_window(weir_checker *c, const weir_ast_window *window)
{
    switch (window->kind) {
    case WEIR_WINDOW_TIME: return duration_fits(c, window->width, "the window");
    case WEIR_WINDOW_EVER: return true;
    case WEIR_WINDOW_LAST:
        if (window->count >= 1 && window->count <= WEIR_LAST_COUNT_MAX) return true;
        REPORT(c, BAD_WINDOW, window->span, "1 to 100000 events",
               "the number of events is out of range");
        return false;
    default: break;
    }
    static const char *const names[] = {"", "", "", "session", "since last", "calendar", "n x w"};
    REPORT(c, NOT_SUPPORTED, window->span, "use a duration, `ever` or `last n`",
           "windows `%s` are not supported yet", names[window->kind]);
    return false;
}

static bool check_equal_windows(weir_checker *c, const weir_ast_feature *ast)
{
    bool good = true;
    for (uint32_t i = 0; i < ast->window_count; i++) {
        uint32_t k = 0;
        while (k < i && !weir_window_equal(&ast->windows[i], &ast->windows[k]))
            k += 1;
        if (k == i) continue;
        REPORT(c, EQUAL_WINDOWS, ast->windows[i].span, "drop one of them",
               "this window equals another of the family");
        good = false;
    }
    return good;
}

/* ---- Collecting members ---- */

static weir_member_info *member_new(weir_checker *c, weir_feature_info *feature,
                                    const weir_ast_window *window, bool is_family)
{
    weir_member_info *member = weir_arena_new(c->scratch, weir_member_info);
    const char *group = feature->group->name, *name = feature->ast->name;
    const char *suffix = is_family ? window_suffix(c, window) : "";
    *member = (weir_member_info){
        .feature = feature, .window = window, .suffix = suffix, .index = c->all_members.count};
    member->column = is_family ? weir_arena_printf(c->into, "%s_%s_%s", group, name, suffix)
                               : weir_arena_printf(c->into, "%s_%s", group, name);
    weir_pointers_push(c, &c->all_members, member);
    return member;
}

/* The clauses of a feature, as far as they need no types. False: it has no members. */
static bool check_clauses(weir_checker *c, const weir_ast_feature *ast, bool aggregates)
{
    bool has_clause = ast->clause_span.end != 0;
    const weir_ast_expr *unknown = aggregates || !has_clause ? NULL : unknown_call(ast->expr);
    if (unknown != NULL) { /* a misspelt aggregate */
        (void)weir_report_function(c, unknown);
        return false;
    }
    if (!aggregates && has_clause) {
        REPORT(c, NO_USE, ast->clause_span,
               "drop the clause, or put it behind the feature that has the aggregate",
               "`%s` has no aggregate that this clause could apply to", ast->name);
        return false;
    }
    if (!aggregates) return true;
    if (!ast->has_over) {
        REPORT(c, MISSING_OVER, ast->expr->span,
               "add a window: `over 24h`, `over last 20` or `over ever`",
               "`%s` has an aggregate without a window", ast->name);
        return false;
    }
    bool good = true;
    for (uint32_t i = 0; i < ast->window_count; i++)
        good = check_window(c, &ast->windows[i]) && good;
    good = check_equal_windows(c, ast) && good;
    good = duration_fits(c, ast->delayed, "the delay") && good;
    good = duration_fits(c, ast->step, "the step") && good;
    if (ast->including_this && ast->delayed.span.end != 0) {
        REPORT(c, DELAYED_THIS, ast->including_span, "drop one of them",
               "`delayed` leaves the event being scored out, `including this` wants it in");
        good = false;
    }
    for (uint32_t i = 0; i < ast->window_count && ast->step.span.end != 0; i++) {
        if (ast->windows[i].kind == WEIR_WINDOW_TIME) continue;
        REPORT(c, STEP, ast->step.span, "give the feature a duration as its window",
               "`step` needs time windows");
        good = false;
        break;
    }
    if (ast->by != NULL) {
        REPORT(c, NOT_SUPPORTED, ast->by_span, "count one key with `where f == this.f`",
               "`by` is not supported yet");
        good = false;
    }
    return good;
}

static void collect_members(weir_checker *c, weir_feature_info *feature)
{
    const weir_ast_feature *ast = feature->ast;
    if (ast->is_broken) return;
    bool aggregates = has_aggregate(ast->expr);
    if (!check_clauses(c, ast, aggregates)) return;
    uint32_t count = aggregates && ast->window_count > 1 ? ast->window_count : 1;
    if (c->all_members.count + count > WEIR_PLAN_MEMBERS_MAX) {
        REPORT(c, TOO_LARGE, ast->name_span, "split the project",
               "a project has at most %d features", WEIR_PLAN_MEMBERS_MAX);
        return;
    }
    feature->members = weir_arena_array(c->scratch, weir_member_info *, count);
    for (uint32_t i = 0; i < count; i++)
        feature->members[i] =
            member_new(c, feature, aggregates ? &ast->windows[i] : NULL, count > 1);
    feature->member_count = count;
}

static void collect_feature(weir_checker *c, weir_group_info *group, const weir_ast_feature *ast)
{
    if (weir_let_find(c, group, ast->name) != NULL ||
        weir_feature_find(c, group, ast->name) != NULL) {
        REPORT(c, DUPLICATE_NAME, ast->name_span, "give one of them another name",
               "the group `%s` has `%s` already", group->name, ast->name);
        return;
    }
    if (ast->is_let) {
        weir_map_put(&c->members, group->decl, ast->name, (void *)(uintptr_t)ast);
        return;
    }
    weir_feature_info *feature = weir_arena_new(c->scratch, weir_feature_info);
    *feature = (weir_feature_info){.ast = ast, .group = group};
    weir_map_put(&c->members, group, ast->name, feature);
    weir_pointers_push(c, &group->features, feature);
    collect_members(c, feature);
}

void weir_group_collect(weir_checker *c, weir_group_info *group)
{
    const weir_ast_group *ast = &group->decl->as.group;
    for (uint32_t i = 0; i < ast->feature_count; i++)
        collect_feature(c, group, &ast->features[i]);
}

/* ---- Streams and entity of a group ---- */

static const char *entities_of(weir_checker *c, const weir_stream_info *stream)
{
    const char *all = "";
    for (uint32_t i = 0; i < stream->hop_count; i++)
        all = HELP(c, "%s%s%s", all, i == 0 ? "" : ", ", stream->entities[i]->name);
    return all;
}

/* Says that the entity does not observe the stream; the hop that was meant, by its spelling. */
static uint32_t report_entity(weir_checker *c, const weir_ast_names *per,
                              const weir_stream_info *stream)
{
    const char *names[WEIR_PLAN_HOPS_MAX];
    for (uint32_t i = 0; i < stream->hop_count; i++)
        names[i] = stream->entities[i]->name;
    const char *near =
        per->count == 1 ? weir_nearest_name(per->items[0].name, names, stream->hop_count) : NULL;
    const char *help = near != NULL
                           ? HELP(c, "did you mean `%s`?", near)
                           : HELP(c, "the stream `%s` is observed by %s; add the entity there",
                                  stream->name, entities_of(c, stream));
    REPORT(c, NOT_OBSERVED, per->items[0].span, help,
           "the stream `%s` is not observed by this entity", stream->name);
    for (uint32_t i = 0; near != NULL && i < stream->hop_count; i++) {
        if (stream->entities[i]->name == near) return i;
    }
    return WEIR_NONE;
}

static bool add_stream(weir_checker *c, weir_group_info *group, weir_ast_name name)
{
    weir_stream_info *stream = weir_stream_named(c, name);
    if (stream == NULL) return false;
    for (uint32_t i = 0; i < group->stream_count; i++) {
        if (group->streams[i] != stream) continue;
        if (stream->name != name.name) return false; /* misspelt: that is said */
        REPORT(c, DUPLICATE_NAME, name.span, "name it once", "the stream `%s` is joined twice",
               name.name);
        return false;
    }
    if (group->stream_count == WEIR_GROUP_STREAMS_MAX) {
        REPORT(c, TOO_LARGE, name.span, NULL, "a group joins at most %d streams",
               WEIR_GROUP_STREAMS_MAX);
        return false;
    }
    weir_entity_info *entity = weir_entity_of(c, &group->decl->as.group.per, false);
    uint32_t hop = entity == NULL ? WEIR_NONE : weir_stream_hop(stream, entity);
    if (hop == WEIR_NONE) hop = report_entity(c, &group->decl->as.group.per, stream);
    if (hop == WEIR_NONE) return false;
    group->entity = stream->entities[hop];
    group->hops[group->stream_count] = hop;
    group->streams[group->stream_count++] = stream;
    return true;
}

static void digest_group(weir_checker *c, weir_group_info *group)
{
    weir_digester sha;
    weir_digester_init(&sha);
    weir_digest_text(&sha, "rows");
    weir_digest_text(&sha, group->entity->name);
    weir_digest_int(&sha, group->stream_count);
    for (uint32_t i = 0; i < group->stream_count; i++) {
        weir_digester_put(&sha, group->streams[i]->digest, WEIR_DIGEST_BYTES);
        weir_digest_int(&sha, group->wheres[i] != NULL);
        if (group->wheres[i] != NULL)
            weir_digester_put(&sha, weir_digest_expr(c, group->streams[i], NULL, group->wheres[i]),
                              WEIR_DIGEST_BYTES);
    }
    weir_digester_finish(&sha, group->digest);
}

/* The condition, or that it gives no verdict. */
static const weir_expr *of_what_is_kept(weir_checker *c, const weir_scope *scope, weir_span at,
                                        const weir_expr *own)
{
    if (own == NULL) return NULL;
    const weir_expr_bind_context context = {.into = c->into};
    const weir_expr *parts[2] = {own,
                                 weir_expr_overflows(c->into, weir_expr_verdict(&context, own))};
    return parts[1] == NULL ? own : weir_bind(c, scope, at, "or", parts, 2);
}

static void check_where(weir_checker *c, weir_group_info *group)
{
    const weir_ast_expr *where = group->decl->as.group.where;
    uint32_t steps = c->steps;
    c->steps = 0;
    for (uint32_t i = 0; where != NULL && i < group->stream_count; i++) {
        weir_scope scope = {.phase = WEIR_PHASE_ROW,
                            .group = group,
                            .source = group->streams[i],
                            .source_index = i,
                            .no_this_here = true};
        group->own_wheres[i] = weir_check_condition(c, &scope, where);
        group->wheres[i] = of_what_is_kept(c, &scope, where->span, group->own_wheres[i]);
    }
    c->steps = steps;
}

void weir_group_resolve(weir_checker *c, weir_group_info *group)
{
    if (group->is_resolved || group->is_broken) return;
    const weir_ast_group *ast = &group->decl->as.group;
    if (group->is_resolving) {
        REPORT(c, CIRCLE, ast->where->span, "break the circle",
               "the `where` of `%s` depends on its own features", group->name);
        group->is_broken = true;
        return;
    }
    group->is_resolving = true;
    bool good = true;
    for (uint32_t i = 0; i < ast->streams.count; i++)
        good = add_stream(c, group, ast->streams.items[i]) && good;
    if (good) check_where(c, group);
    if (good && !group->is_broken) digest_group(c, group);
    group->is_broken |= !good;
    group->is_resolving = false;
    group->is_resolved = true;
}

/* ---- Instances ---- */

static weir_instance *find_instance(const weir_member_info *member, const weir_stream_info *self)
{
    for (uint32_t i = 0; i < member->instances.count; i++) {
        weir_instance *instance = member->instances.items[i];
        if (instance->self == self) return instance;
    }
    return NULL;
}

/* The stream whose events can be this feature's `this`: the first that has all fields. */
static weir_stream_info *home_of(weir_checker *c, const weir_feature_info *feature)
{
    const weir_group_info *group = feature->group;
    for (uint32_t i = 0; i < group->stream_count + c->streams.count; i++) {
        weir_stream_info *stream =
            i < group->stream_count ? group->streams[i] : c->streams.items[i - group->stream_count];
        bool has_all = !stream->is_broken && weir_stream_hop(stream, group->entity) != WEIR_NONE;
        for (uint32_t k = 0; has_all && k < feature->this_paths.count; k++)
            has_all = weir_stream_field(stream, feature->this_paths.items[k]) != NULL;
        if (has_all) return stream;
    }
    return group->streams[0];
}

static const weir_expr *instantiate(weir_checker *c, weir_member_info *member,
                                    weir_stream_info *self)
{
    const weir_feature_info *feature = member->feature;
    weir_scope scope = {.phase = WEIR_PHASE_READ,
                        .group = feature->group,
                        .self = self,
                        .feature = feature->ast,
                        .window = member->window};
    uint32_t steps = c->steps;
    c->steps = 0;
    weir_pointers open = c->open; /* circles through lets end at a feature: another set of names */
    c->open = (weir_pointers){0};
    const weir_expr *expr = weir_check_expr(c, &scope, feature->ast->expr, NULL);
    c->open = open;
    c->steps = steps;
    if (expr != NULL && expr->type.kind == WEIR_NULL) {
        REPORT(c, TYPE, feature->ast->expr->span, NULL, "`null` alone has no type");
        return NULL;
    }
    return expr;
}

static void digest_member(weir_checker *c, weir_member_info *member, const weir_stream_info *self,
                          const weir_expr *expr)
{
    weir_digester sha;
    weir_digester_init(&sha);
    weir_digest_text(&sha, "feature");
    weir_digest_text(&sha, member->feature->group->entity->name);
    weir_digester_put(&sha, weir_digest_expr(c, NULL, self, expr), WEIR_DIGEST_BYTES);
    weir_digester_finish(&sha, member->digest);
    member->has_digest = true;
}

static const char *full_name(weir_checker *c, const weir_feature_info *feature)
{
    return weir_arena_printf(c->scratch, "%s.%s", feature->group->name, feature->ast->name);
}

const weir_expr *weir_member_instance(weir_checker *c, weir_member_info *member,
                                      weir_stream_info *self, weir_span at)
{
    weir_feature_info *feature = member->feature;
    weir_group_resolve(c, feature->group);
    if (feature->group->is_broken || feature->ast->is_broken) return NULL;
    weir_feature_scan(c, feature);
    if (feature->this_paths.count == 0)
        self = NULL;
    else if (self == NULL)
        self = home_of(c, feature);
    weir_instance *instance = find_instance(member, self);
    if (instance != NULL && instance->is_visiting) {
        weir_report_circle(c, full_name(c, feature), at);
        return NULL;
    }
    if (instance != NULL) return instance->expr;
    if (c->nesting > WEIR_CHECK_NESTING_MAX * 6) {
        REPORT(c, TOO_LARGE, at, "shorten the chain of features",
               "features refer to features too deep here");
        return NULL;
    }
    instance = weir_arena_new(c->scratch, weir_instance);
    *instance = (weir_instance){.self = self, .is_visiting = true};
    weir_pointers_push(c, &member->instances, instance);
    c->nesting += 3;
    weir_pointers_push(c, &c->way, (void *)(uintptr_t)full_name(c, feature));
    instance->expr = instantiate(c, member, self);
    c->way.count -= 1;
    c->nesting -= 3;
    instance->is_visiting = false;
    if (instance->expr != NULL && !member->has_digest) {
        member->home = self;
        digest_member(c, member, self, instance->expr);
    }
    return instance->expr;
}

/* The default instance comes first, so that a member has one type and one digest whoever asks. */
static const weir_expr *default_instance(weir_checker *c, weir_member_info *member, weir_span at)
{
    return weir_member_instance(c, member, NULL, at);
}

const weir_expr *weir_member_carried(weir_checker *c, weir_member_info *member,
                                     weir_stream_info *stream, weir_span at)
{
    weir_group_info *group = member->feature->group;
    weir_group_resolve(c, group);
    if (group->is_broken || stream == NULL) return NULL;
    uint32_t hop = weir_stream_hop(stream, group->entity);
    if (hop == WEIR_NONE) {
        REPORT(c, NOT_OBSERVED, at, HELP(c, "add it: observed by ..., %s", group->entity->name),
               "`%s` is per %s, but the stream `%s` is not observed by it", group->name,
               group->entity->name, stream->name);
        return NULL;
    }
    if (default_instance(c, member, at) == NULL) return NULL;
    const weir_expr *expr = weir_member_instance(c, member, stream, at);
    if (expr == NULL) return NULL;
    for (uint32_t i = 0; i < stream->carried.count; i++) {
        const weir_carried_info *carried = stream->carried.items[i];
        if (carried->member == member)
            return weir_expr_leaf(c->into, WEIR_EXPR_CARRIED, expr->type, i);
    }
    weir_carried_info *carried = weir_arena_new(c->scratch, weir_carried_info);
    *carried = (weir_carried_info){.member = member, .expr = expr, .hop = hop, .at = at};
    weir_pointers_push(c, &stream->carried, carried);
    return weir_expr_leaf(c->into, WEIR_EXPR_CARRIED, expr->type, stream->carried.count - 1);
}

/* A let is looked at where it is used; here only so that an unused one does not rot. */
static void check_let(weir_checker *c, weir_group_info *group, const weir_ast_feature *let)
{
    if (let->expr == NULL || has_aggregate(let->expr)) {
        if (let->expr != NULL)
            REPORT(c, NO_AGGREGATE, let->expr->span, "make it a feature",
                   "a `let` says something about one past event; it has no aggregates");
        return;
    }
    unsigned uses = weir_ast_uses(c, group, let->expr);
    if ((uses & WEIR_USES_THIS) != 0) return;
    for (uint32_t i = 0; i < group->stream_count; i++) {
        weir_scope scope = {.phase = WEIR_PHASE_ROW,
                            .group = group,
                            .source = group->streams[i],
                            .source_index = i};
        c->steps = 0;
        if (weir_is_bad(c, let)) return;
        weir_pointers_push(c, &c->open, (void *)(uintptr_t)let);
        weir_pointers_push(c, &c->way, (void *)(uintptr_t)let->name);
        if (weir_check_expr(c, &scope, let->expr, NULL) == NULL) weir_mark_bad(c, let);
        c->way.count -= 1;
        c->open.count -= 1;
    }
}

void weir_group_check(weir_checker *c, weir_group_info *group)
{
    weir_group_resolve(c, group);
    if (group->is_broken) return;
    const weir_ast_group *ast = &group->decl->as.group;
    for (uint32_t i = 0; i < ast->feature_count; i++) {
        if (ast->features[i].is_let) check_let(c, group, &ast->features[i]);
    }
    for (uint32_t i = 0; i < group->features.count; i++) {
        weir_feature_info *feature = group->features.items[i];
        for (uint32_t k = 0; k < feature->member_count; k++)
            (void)default_instance(c, feature->members[k], feature->ast->name_span);
    }
}
