/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir diff: what changes between two project folders, or between what is in force and a folder.
 *
 * Both sides are the canonical text of a package: a line "kind name digest" each (R15), and the
 * digests of the models that its scores use. A digest that stays under another name is a rename,
 * which keeps its state; a name with another digest is a new version. What a change costs is told of
 * the views that the new side has and the old has not: their rows are made by folding the journals
 * again, with all others, unless both sides have one fold digest.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ingest/applied.h"
#include "ops/cli/explain.h"
#include "ops/cli/listing.h"
#include "ops/cli/settings.h"
#include "ops/cli/stack.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/digest.h"
#include "ops/runtime/file.h"

static const weir_option options[] = {
    {"exit-code", 0, NULL, "leave with 1 if anything changes", false},
    {0},
};

static const char model_kind[] = "model";

typedef struct thing {
    const char *kind, *name, *digest;
    bool is_matched; /* the other side has it, perhaps under another name */
} thing;

typedef struct side {
    thing *things;
    size_t count;
    uint8_t fold_digest[WEIR_DIGEST_BYTES];
} side;

typedef struct comparison {
    weir_cli *cli;
    side from, to;
    const weir_plan *plan; /* of `to` */
    weir_listing list;
    bool is_text;
    size_t changes;
} comparison;

/* ---- the sides ---- */

/* A line "kind name digest"; the first, "package name", is none. model_count: that may come. */
static void read_side(weir_cli *cli, const char *text, const uint8_t *fold_digest,
                      size_t model_count, side *out)
{
    size_t lines = 1;
    memcpy(out->fold_digest, fold_digest, WEIR_DIGEST_BYTES);
    for (const char *at = text; *at != '\0'; at++)
        lines += *at == '\n';
    out->things = weir_arena_array(&cli->arena, thing, lines + model_count);
    for (const char *at = text; *at != '\0';) {
        size_t size = strcspn(at, "\n");
        char *line = weir_arena_copy(&cli->arena, at, size + 1);
        line[size] = '\0';
        at += size + (at[size] == '\n');
        char *name = strchr(line, ' '), *digest = name == NULL ? NULL : strrchr(line, ' ');
        if (name == NULL || digest == name) continue;
        *name = *digest = '\0';
        out->things[out->count++] = (thing){line, name + 1, digest + 1, false};
    }
}

static void add_model(weir_cli *cli, const char *name, const uint8_t *digest, side *out)
{
    char text[WEIR_SHA256_TEXT_SIZE];
    weir_sha256_print(digest, text);
    out->things[out->count++] =
        (thing){model_kind, weir_arena_string(&cli->arena, name, strlen(name)),
                weir_arena_string(&cli->arena, text, strlen(text)), false};
}

/* Several scores may use one model. */
static bool is_first_use(const weir_plan *plan, uint32_t score)
{
    for (uint32_t i = 0; i < score; i++)
        if (strcmp(plan->scores[i].model, plan->scores[score].model) == 0) return false;
    return true;
}

static weir_error *read_model(weir_cli *cli, const char *folder, const char *name, side *out)
{
    weir_arena scratch = {0};
    const char *path = NULL;
    weir_bytes bytes = {0};
    uint8_t digest[WEIR_DIGEST_BYTES];
    weir_error *error = weir_project_model_path(folder, name, &scratch, &path);
    if (error == NULL) error = weir_file_read(path, WEIR_MODEL_BYTES_MAX, &scratch, &bytes);
    if (error == NULL) {
        weir_sha256_of(bytes.data, bytes.size, digest);
        add_model(cli, name, digest, out);
    }
    weir_arena_deinit(&scratch);
    return error;
}

/* Those in the folder where we stand; whether they fit, `weir check` says. A missing one is none. */
static weir_error *read_models(weir_cli *cli, const weir_plan *plan, side *out)
{
    weir_config *config = NULL;
    WEIR_TRY(weir_cli_settings(cli, &config));
    weir_error *error = NULL;
    for (uint32_t i = 0; error == NULL && i < plan->score_count; i++) {
        if (!is_first_use(plan, i)) continue;
        error = read_model(cli, weir_config_text(config, WEIR_SETTING_MODELS_DIR),
                           plan->scores[i].model, out);
        if (error == NULL || weir_error_code_of(error) != WEIR_E_NO_INPUT) continue;
        weir_error_free(error);
        error = NULL;
    }
    weir_config_destroy(config);
    return error;
}

static weir_error *read_plan(weir_cli *cli, const weir_plan *plan, side *out)
{
    read_side(cli, plan->canonical, plan->fold_digest, plan->score_count, out);
    return read_models(cli, plan, out);
}

static weir_error *enter(const char *folder)
{
    return chdir(folder) == 0 ? NULL : weir_error_of_errno(errno, "going to", folder);
}

static weir_error *read_folder(weir_cli *cli, const char *folder, side *out)
{
    weir_project_options project_options = {.is_quiet = true};
    weir_project *project = NULL;
    WEIR_TRY(enter(folder));
    weir_error *error = weir_project_open(&project_options, &project);
    if (error == NULL) error = read_plan(cli, project->plan, out);
    weir_project_close(project);
    return weir_error_while(error, "%s", folder);
}

static weir_error *read_applied(weir_cli *cli, weir_stack *stack, side *out)
{
    const weir_applied *items = NULL;
    size_t count = 0;
    WEIR_TRY(weir_applied_read(&stack->kafka, stack->topics, &cli->arena, &items, &count));
    const weir_applied *found = weir_applied_find(
        items, count, weir_arena_printf(&cli->arena, "definition/%s", stack->plan->package));
    if (found == NULL) {
        weir_cli_note(cli, "nothing is in force yet");
        return NULL;
    }
    const weir_plan *plan = stack->plan;
    const char *text =
        weir_arena_string(&cli->arena, (const char *)found->text.data, found->text.size);
    read_side(cli, text, found->fold_digest, plan->score_count, out);
    /* Models of scores that are no more stay there; only ours are compared. */
    for (uint32_t i = 0; i < plan->score_count; i++) {
        const char *name = plan->scores[i].model;
        const weir_applied *model =
            weir_applied_find(items, count, weir_arena_printf(&cli->arena, "model/%s", name));
        if (model != NULL && is_first_use(plan, i)) add_model(cli, name, model->digest, out);
    }
    return NULL;
}

/* ---- changes ---- */

static const char *short_digest(comparison *c, const char *digest)
{
    return digest == NULL ? NULL : weir_arena_printf(&c->cli->arena, "%.16s", digest);
}

static bool is_model(const thing *one) { return strcmp(one->kind, model_kind) == 0; }

static void tell(comparison *c, const char *change, const thing *from, const thing *to)
{
    const thing *any = to != NULL ? to : from;
    bool is_renamed = from != NULL && to != NULL && strcmp(from->name, to->name) != 0;
    c->changes++;
    if (!c->is_text) {
        weir_listing_text(&c->list, change);
        weir_listing_text(&c->list, any->kind);
        weir_listing_text(&c->list, any->name);
        weir_listing_text(&c->list, is_renamed ? from->name : NULL);
        weir_listing_text(&c->list, from == NULL ? NULL : from->digest);
        weir_listing_text(&c->list, to == NULL ? NULL : to->digest);
        return;
    }
    const char *sign = from == NULL ? "+" : to == NULL ? "-" : is_renamed ? "=" : "~";
    (void)printf("%s %s %s", sign, any->kind, any->name);
    if (is_renamed)
        (void)printf(" (was %s; it means the same)", from->name);
    else if (from != NULL && to != NULL)
        (void)printf(" (%s, was %s)", short_digest(c, to->digest), short_digest(c, from->digest));
    else if (is_model(any))
        (void)printf(" (%s)", short_digest(c, any->digest));
    (void)putchar('\n');
}

static thing *find(const side *in, const thing *like, bool by_name)
{
    for (size_t i = 0; i < in->count; i++) {
        thing *one = &in->things[i];
        if (one->is_matched || strcmp(one->kind, like->kind) != 0) continue;
        if (by_name ? strcmp(one->name, like->name) == 0 : strcmp(one->digest, like->digest) == 0)
            return one;
    }
    return NULL;
}

static bool is_view(const thing *one) { return strcmp(one->kind, "view") == 0; }

/* Names that stay first, with the same digest or another; then digests under another name. Views
 * have no name of their own and are told with the costs. */
static void match_names(comparison *c)
{
    for (size_t i = 0; i < c->to.count; i++) {
        thing *to = &c->to.things[i], *from = is_view(to) ? NULL : find(&c->from, to, true);
        if (from == NULL) continue;
        from->is_matched = to->is_matched = true;
        if (strcmp(from->digest, to->digest) != 0) tell(c, "changed", from, to);
    }
}

static void match_digests(comparison *c)
{
    for (size_t i = 0; i < c->to.count; i++) {
        thing *to = &c->to.things[i];
        if (to->is_matched) continue;
        thing *from = find(&c->from, to, false);
        if (from != NULL) from->is_matched = true;
        to->is_matched = from != NULL;
        if (is_view(to)) continue;
        tell(c, from == NULL ? "added" : "renamed", from, to);
    }
    for (size_t i = 0; i < c->from.count; i++)
        if (!c->from.things[i].is_matched && !is_view(&c->from.things[i]))
            tell(c, "removed", &c->from.things[i], NULL);
}

/* ---- what it costs ---- */

static bool is_new_view(const comparison *c, const weir_plan_view *view)
{
    char digest[WEIR_SHA256_TEXT_SIZE];
    weir_sha256_print(view->digest, digest);
    for (size_t i = 0; i < c->to.count; i++) {
        const thing *one = &c->to.things[i];
        if (is_view(one) && !one->is_matched && strcmp(one->digest, digest) == 0) return true;
    }
    return false;
}

static size_t count_dropped(const comparison *c)
{
    size_t count = 0;
    for (size_t i = 0; i < c->from.count; i++)
        count += is_view(&c->from.things[i]) && !c->from.things[i].is_matched;
    return count;
}

static const thing *find_model(const side *in, const char *name)
{
    for (size_t i = 0; i < in->count; i++)
        if (is_model(&in->things[i]) && strcmp(in->things[i].name, name) == 0)
            return &in->things[i];
    return NULL;
}

/* A model comes into force with `weir apply`, as the definitions do, and nothing is folded again. */
static void tell_model(const comparison *c, const char *name)
{
    const thing *from = find_model(&c->from, name), *to = find_model(&c->to, name);
    if (from == to || (from != NULL && to != NULL && strcmp(from->digest, to->digest) == 0)) return;
    if (to == NULL)
        weir_cli_note(c->cli,
                      "model %s: its file is gone; `weir apply` takes no model out of force, "
                      "and workers do not start without the one that is: bring it back",
                      name);
    else
        weir_cli_note(c->cli,
                      "model %s: `weir apply` puts %s in force; workers score with it from their "
                      "next start on; what was scored stays",
                      name, from == NULL ? "it" : "the new file");
}

static void tell_costs(const comparison *c)
{
    size_t dropped = count_dropped(c);
    for (uint32_t v = 0; v < c->plan->view_count; v++) {
        const weir_plan_view *view = &c->plan->views[v];
        if (!is_new_view(c, view)) continue;
        weir_cli_note(
            c->cli,
            "view of %s, per %s: new; about %.1f bytes for each event that it keeps, made "
            "by folding the journals again",
            view->group, c->plan->entities[view->entity].name,
            weir_explain_view_bytes(c->plan, v).event_bytes);
    }
    if (dropped > 0)
        weir_cli_note(c->cli, "%zu view%s no longer needed", dropped,
                      dropped == 1 ? " is" : "s are");
    bool is_kept =
        c->from.count > 0 && memcmp(c->from.fold_digest, c->to.fold_digest, WEIR_DIGEST_BYTES) == 0;
    for (uint32_t i = 0; c->from.count > 0 && i < c->plan->score_count; i++)
        if (is_first_use(c->plan, i)) tell_model(c, c->plan->scores[i].model);
    if (c->changes == 0)
        weir_cli_note(c->cli, "nothing changes");
    else if (is_kept)
        weir_cli_note(c->cli, "what is kept of each key stays the same: workers go on from the "
                              "state that they have");
    else if (c->from.count > 0)
        weir_cli_note(c->cli, "what is kept or carried changes: once applied, `weir rebuild --all "
                              "--from-start` has the state made anew from the journals");
}

static void compare(comparison *c)
{
    static const char *const columns[] = {"change",   "kind",       "name",
                                          "old_name", "old_digest", "new_digest"};
    c->is_text = c->cli->format == WEIR_FORMAT_DEFAULT || c->cli->format == WEIR_FORMAT_TEXT;
    c->list = weir_listing_begin(c->cli, columns, sizeof columns / sizeof *columns);
    match_names(c);
    match_digests(c);
    if (!c->is_text) weir_listing_end(&c->list);
    tell_costs(c);
    if (c->changes > 0 && weir_cli_flag(c->cli, "exit-code")) c->cli->exit_code = 1;
}

static weir_error *compare_folders(weir_cli *cli)
{
    comparison c = {.cli = cli};
    weir_project_options project_options = {.is_quiet = true};
    weir_project *project = NULL;
    char *stand = getcwd(NULL, 0);
    WEIR_ASSERT(stand != NULL);
    const char *here = weir_arena_string(&cli->arena, stand, strlen(stand));
    free(stand);
    const char *from = weir_cli_path(cli, cli->arguments[0]);
    const char *to = cli->argument_count > 1 ? weir_cli_path(cli, cli->arguments[1]) : here;
    WEIR_TRY(read_folder(cli, from, &c.from));
    WEIR_TRY(enter(here));
    WEIR_TRY(enter(to));
    WEIR_TRY(weir_error_while(weir_project_open(&project_options, &project), "%s", to));
    c.plan = project->plan;
    weir_error *error = weir_error_while(read_plan(cli, project->plan, &c.to), "%s", to);
    if (error == NULL) compare(&c);
    weir_project_close(project);
    return error;
}

static weir_error *compare_applied(weir_cli *cli)
{
    weir_stack stack;
    WEIR_TRY(weir_stack_open(cli, &stack));
    comparison c = {.cli = cli, .plan = stack.plan};
    weir_error *error = read_applied(cli, &stack, &c.from);
    if (error == NULL) {
        error = read_plan(cli, stack.plan, &c.to);
        if (error == NULL) compare(&c);
    }
    weir_stack_close(&stack);
    return error;
}

static weir_error *run(weir_cli *cli)
{
    return cli->argument_count > 0 ? compare_folders(cli) : compare_applied(cli);
}

const weir_command weir_command_diff = {
    .name = "diff",
    .group = WEIR_GROUP_DEFINITIONS,
    .summary = "Tell what changes between two project folders, or from what is in force",
    .arguments = "[OLD [NEW]]",
    .help =
        "With a folder: from OLD to NEW, or to the folder we stand in; no broker is asked. "
        "Without: "
        "from the definitions\n"
        "that `weir apply` has put in force to this folder. Features, vectors, scores, streams "
        "and the scores' models are compared by digest:\n"
        "a comment or a new layout changes nothing, a rename keeps its state. What is made anew, "
        "and what that takes, is\n"
        "told on stderr.",
    .options = options,
    .formats = WEIR_FORMAT_TEXT | WEIR_FORMATS_OF_LISTINGS,
    .arguments_max = 2,
    .run = run,
};
