/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xgboost.c - XGBoost's model files, JSON and UBJSON, versions 1.0 to 3.x.
 *
 * A node's condition is float32 `x < split`; NaN follows default_left; a categorical split sends a
 * category of its set to the right, everything else left. A leaf's value stands in
 * split_conditions; where leaves are vectors (multi_output_tree) they stand in leaf_weights, found
 * by the leaf's right child, or before 3.2 in base_weights, found by the node. The margin starts
 * with the base score, taken through the link's inverse in float32, and leaves are added in tree
 * order in float32 (1.0 added the base last). dart: leaf times the tree's weight_drop. gblinear has
 * no trees: weights by feature and output, then biases.
 */
#include "compute/model/categories.h"
#include "compute/model/document.h"
#include "compute/model/exact_math.h"
#include "compute/model/tree_model.h"
#include "schemas/decimal.h"

typedef enum base_form { BASE_AS_IS, BASE_LOGIT, BASE_LOG } base_form;

typedef struct objective {
    const char *name;
    weir_link link;
    base_form base;
    bool is_classifier;
} objective;

// clang-format off
static const objective objectives[] = {
    {"binary:logistic",        WEIR_LINK_SIGMOID,  BASE_LOGIT, true},
    {"binary:logitraw",        WEIR_LINK_IDENTITY, BASE_AS_IS, true},
    {"binary:hinge",           WEIR_LINK_STEP,     BASE_AS_IS, true},
    {"reg:logistic",           WEIR_LINK_SIGMOID,  BASE_LOGIT, false},
    {"reg:squarederror",       WEIR_LINK_IDENTITY, BASE_AS_IS, false},
    {"reg:linear",             WEIR_LINK_IDENTITY, BASE_AS_IS, false},
    {"reg:squaredlogerror",    WEIR_LINK_IDENTITY, BASE_AS_IS, false},
    {"reg:absoluteerror",      WEIR_LINK_IDENTITY, BASE_AS_IS, false},
    {"reg:pseudohubererror",   WEIR_LINK_IDENTITY, BASE_AS_IS, false},
    {"reg:quantileerror",      WEIR_LINK_IDENTITY, BASE_AS_IS, false},
    {"reg:expectileerror",     WEIR_LINK_IDENTITY, BASE_AS_IS, false},
    {"reg:gamma",              WEIR_LINK_EXP,      BASE_LOG,   false},
    {"reg:tweedie",            WEIR_LINK_EXP,      BASE_LOG,   false},
    {"count:poisson",          WEIR_LINK_EXP,      BASE_LOG,   false},
    {"survival:cox",           WEIR_LINK_EXP,      BASE_LOG,   false},
    {"survival:aft",           WEIR_LINK_EXP,      BASE_LOG,   false},
    {"multi:softprob",         WEIR_LINK_SOFTMAX,  BASE_AS_IS, true},
    {"multi:softmax",          WEIR_LINK_CLASS,    BASE_AS_IS, false},
    {"rank:pairwise",          WEIR_LINK_IDENTITY, BASE_AS_IS, false},
    {"rank:ndcg",              WEIR_LINK_IDENTITY, BASE_AS_IS, false},
    {"rank:map",               WEIR_LINK_IDENTITY, BASE_AS_IS, false},
};
// clang-format on

typedef struct reader {
    weir_arena *into;
    weir_tree_model *model;
    weir_trees_builder builder;
    const objective *objective;
    double version;
    const weir_doc *encodings; /* what categories stand for, by feature; may be NULL */
    size_t category_words;     /* of all nodes so far */
} reader;

static weir_error *missing(const char *what)
{
    return weir_error_new(WEIR_E_MODEL,
                          "%s is missing or of another kind; is the file an XGBoost model?", what);
}

/* --- trees
 * ------------------------------------------------------------------------------------------ */

typedef struct tree_lists {
    const weir_doc *left, *right, *feature, *condition, *default_left, *hessian, *type;
    const weir_doc *cat_nodes, *cat_segments, *cat_sizes, *cats;
    const weir_doc *vectors; /* NULL: a leaf is one number */
    bool is_by_right;        /* vectors are numbered by the right child */
    size_t weight_begin;     /* the builder's weights before the tree */
    size_t count;
} tree_lists;

static const weir_doc *numbers(const weir_doc *tree, const char *key, size_t count)
{
    const weir_doc *list = weir_doc_get(tree, key);
    return list != NULL && list->kind == WEIR_DOC_NUMBERS && list->count == count ? list : NULL;
}

static const weir_doc *any_numbers(const weir_doc *tree, const char *key)
{
    const weir_doc *list = weir_doc_get(tree, key);
    return list != NULL && list->kind == WEIR_DOC_NUMBERS ? list : NULL;
}

/* Where the vectors of the leaves stand, if they are vectors: one number for each target. */
static weir_error *find_vectors(const weir_doc *tree, uint32_t targets, tree_lists *l)
{
    double size = 1;
    (void)weir_doc_number(weir_doc_get(tree, "tree_param"), "size_leaf_vector", &size);
    if (size <= 1) return NULL;
    if (size != targets)
        return weir_error_new(WEIR_E_MODEL, "its leaves are vectors of %g numbers for %u outputs",
                              size, targets);
    l->vectors = any_numbers(tree, "leaf_weights");
    l->is_by_right = l->vectors != NULL;
    if (l->vectors == NULL) l->vectors = numbers(tree, "base_weights", l->count * targets);
    return l->vectors == NULL ? missing("leaf_weights") : NULL;
}

static weir_error *lists_of(const weir_doc *tree, uint32_t targets, tree_lists *l)
{
    const weir_doc *left = any_numbers(tree, "left_children");
    if (left == NULL || left->count == 0) return missing("left_children");
    size_t n = l->count = left->count;
    l->left = left;
    l->right = numbers(tree, "right_children", n);
    l->feature = numbers(tree, "split_indices", n);
    l->condition = numbers(tree, "split_conditions", n);
    l->default_left = numbers(tree, "default_left", n);
    l->hessian = numbers(tree, "sum_hessian", n);
    l->type = numbers(tree, "split_type", n);
    l->cat_nodes = any_numbers(tree, "categories_nodes");
    l->cat_segments = any_numbers(tree, "categories_segments");
    l->cat_sizes = any_numbers(tree, "categories_sizes");
    l->cats = any_numbers(tree, "categories");
    if (l->right == NULL || l->feature == NULL || l->condition == NULL || l->default_left == NULL)
        return weir_error_new(WEIR_E_MODEL,
                              "the lists of its nodes are missing or differ in length");
    return find_vectors(tree, targets, l);
}

static bool whole(double x, double limit, uint32_t *out)
{
    if (!(x >= 0 && x < limit)) return false;
    *out = (uint32_t)x;
    return (double)*out == x;
}

/* Since 3.1: the values that a frame's category column had. Texts have offsets, too. */
static const weir_doc *values_of(const reader *r, uint32_t feature)
{
    if (r->encodings == NULL || r->encodings->kind != WEIR_DOC_LIST ||
        feature >= r->encodings->count)
        return NULL;
    const weir_doc *encoding = &r->encodings->items[feature];
    return weir_doc_get(encoding, "offsets") == NULL ? weir_doc_get(encoding, "values") : NULL;
}

/* The categories of a node: a run of `categories`, as a bit set. */
static weir_error *category_bits(reader *r, const tree_lists *l, size_t entry, weir_tree_node *node)
{
    uint32_t begin, size;
    if (l->cat_segments == NULL || l->cat_sizes == NULL || l->cats == NULL ||
        entry >= l->cat_segments->count || entry >= l->cat_sizes->count ||
        !whole(l->cat_segments->numbers[entry], 4294967296.0, &begin) ||
        !whole(l->cat_sizes->numbers[entry], 4294967296.0, &size) || begin > l->cats->count ||
        size > l->cats->count - begin)
        return weir_error_new(WEIR_E_MODEL,
                              "the categories of a node lie outside of the tree's list");
    uint32_t category, most = 0;
    for (uint32_t i = 0; i < size; i++) {
        if (!whole(l->cats->numbers[begin + i], WEIR_CATEGORIES_MAX, &category))
            return weir_error_new(WEIR_E_MODEL, "a category is no whole number below 2^24");
        most = category > most ? category : most;
    }
    node->bit_words = most / 32 + 1;
    r->category_words += node->bit_words;
    if (r->category_words > WEIR_CATEGORY_WORDS_MAX)
        return weir_error_new(WEIR_E_LIMIT, "its sets of categories need more than 2^30 bits");
    uint32_t *bits = weir_arena_array(r->into, uint32_t, node->bit_words);
    for (uint32_t i = 0; i < size; i++) {
        (void)whole(l->cats->numbers[begin + i], WEIR_CATEGORIES_MAX, &category);
        bits[category / 32] |= UINT32_C(1) << category % 32;
    }
    node->bits = bits;
    return weir_categories_recode(values_of(r, node->feature), r->into, node, &r->category_words);
}

/* Which entry of categories_nodes is the node's, by its number. */
static weir_error *category_entries(reader *r, const tree_lists *l, weir_tree_node *nodes)
{
    for (size_t e = 0; l->cat_nodes != NULL && e < l->cat_nodes->count; e++) {
        uint32_t node;
        if (!whole(l->cat_nodes->numbers[e], (double)l->count, &node))
            return weir_error_new(WEIR_E_MODEL,
                                  "categories are given for a node that does not exist");
        if (nodes[node].split != WEIR_SPLIT_CATEGORY_XGBOOST) continue;
        WEIR_TRY(category_bits(r, l, e, &nodes[node]));
    }
    return NULL;
}

static void put_leaf(reader *r, uint32_t target, double value, double drop)
{
    float narrow = (float)value;
    if (drop != 1.0) narrow = narrow * (float)drop;
    weir_tree_weight weight = {target, (double)narrow};
    weir_buffer_put(&r->builder.weights, &weight, sizeof(weight));
}

static weir_error *read_leaf(reader *r, const tree_lists *l, size_t i, uint32_t target, double drop,
                             weir_tree_node *node)
{
    uint32_t targets = r->builder.target_count, at = (uint32_t)i;
    node->weight_begin = (uint32_t)(r->builder.weights.size / sizeof(weir_tree_weight));
    node->weight_count = l->vectors == NULL ? 1 : targets;
    if (l->vectors == NULL) {
        put_leaf(r, target, l->condition->numbers[i], drop);
        return NULL;
    }
    /* Each vector is one leaf's, so that a file can not ask for more memory than it has numbers. */
    size_t count = l->vectors->count / targets;
    bool is_spent = (node->weight_begin - l->weight_begin) / targets >= count;
    if (is_spent || (l->is_by_right && !whole(l->right->numbers[i], (double)count, &at)))
        return weir_error_new(WEIR_E_MODEL, "leaf %zu has none of the %zu vectors", i, count);
    for (uint32_t t = 0; t < targets; t++)
        put_leaf(r, t, l->vectors->numbers[(size_t)at * targets + t], drop);
    return NULL;
}

static weir_error *read_node(reader *r, const tree_lists *l, size_t i, uint32_t target, double drop,
                             weir_tree_node *node)
{
    *node = (weir_tree_node){.split = WEIR_SPLIT_LEAF};
    if (l->hessian != NULL) node->cover = l->hessian->numbers[i];
    if (l->left->numbers[i] == -1) return read_leaf(r, l, i, target, drop, node);
    if (!whole(l->left->numbers[i], (double)l->count, &node->left) ||
        !whole(l->right->numbers[i], (double)l->count, &node->right))
        return weir_error_new(WEIR_E_MODEL, "node %zu has a child outside of the tree's %zu nodes",
                              i, l->count);
    if (!whole(l->feature->numbers[i], 2147483648.0, &node->feature))
        return weir_error_new(WEIR_E_MODEL, "node %zu asks no feature", i);
    node->missing_left = l->default_left->numbers[i] != 0;
    node->threshold = (double)(float)l->condition->numbers[i];
    bool is_category = l->type != NULL && l->type->numbers[i] == 1;
    node->split = is_category ? WEIR_SPLIT_CATEGORY_XGBOOST : WEIR_SPLIT_LESS;
    if (is_category) node->threshold = 0;
    return NULL;
}

static weir_error *read_tree(reader *r, const weir_doc *doc, uint32_t target, double drop)
{
    tree_lists l = {.weight_begin = r->builder.weights.size / sizeof(weir_tree_weight)};
    WEIR_TRY(lists_of(doc, r->builder.target_count, &l));
    weir_tree tree = {(uint32_t)(r->builder.nodes.size / sizeof(weir_tree_node)),
                      (uint32_t)l.count};
    if (l.count > 1 << 27) return weir_error_new(WEIR_E_LIMIT, "it has more than 2^27 nodes");
    for (size_t i = 0; i < l.count; i++) {
        weir_tree_node node;
        WEIR_TRY(read_node(r, &l, i, target, drop, &node));
        weir_buffer_put(&r->builder.nodes, &node, sizeof(node));
    }
    weir_buffer_put(&r->builder.trees, &tree, sizeof(tree));
    return category_entries(r, &l, (weir_tree_node *)r->builder.nodes.data + tree.begin);
}

static weir_error *read_trees(reader *r, const weir_doc *model, const weir_doc *drops)
{
    const weir_doc *trees = weir_doc_get(model, "trees"), *info = weir_doc_get(model, "tree_info");
    size_t count = trees == NULL ? 0 : trees->count;
    r->encodings = weir_doc_get(weir_doc_get(model, "cats"), "enc");
    if (trees == NULL || (trees->kind != WEIR_DOC_LIST && count > 0)) return missing("trees");
    if (info == NULL || info->kind != WEIR_DOC_NUMBERS || info->count != count)
        return missing("tree_info");
    if (drops != NULL && (drops->kind != WEIR_DOC_NUMBERS || drops->count != count))
        return missing("weight_drop");
    for (size_t t = 0; t < count; t++) {
        uint32_t target;
        if (!whole(info->numbers[t], r->builder.target_count, &target))
            return weir_error_new(WEIR_E_MODEL, "tree %zu is for output %g of %u", t,
                                  info->numbers[t], r->builder.target_count);
        weir_error *error =
            read_tree(r, &trees->items[t], target, drops == NULL ? 1.0 : drops->numbers[t]);
        if (error != NULL) return weir_error_while(error, "tree %zu", t);
    }
    return NULL;
}

/* --- the learner
 * ------------------------------------------------------------------------------------ */

static weir_error *find_objective(reader *r, const weir_doc *learner)
{
    const char *name = weir_doc_text(weir_doc_get(learner, "objective"), "name", NULL);
    if (name == NULL) return missing("the objective's name");
    for (size_t i = 0; i < sizeof(objectives) / sizeof(objectives[0]); i++)
        if (strcmp(objectives[i].name, name) == 0) r->objective = &objectives[i];
    if (r->objective == NULL)
        return weir_error_new(WEIR_E_MODEL, "objective '%s' is not supported", name);
    r->model->objective = r->objective->name;
    r->model->link = r->objective->link;
    r->model->link_scale = 1.0;
    return NULL;
}

/* "5E-1", or since 3.1 "[5E-1,2E-1]": as many numbers as there are, at most `count`. */
static size_t parse_base(const char *text, float *out, size_t count)
{
    size_t found = 0;
    while (*text != 0 && found < count) {
        while (*text == '[' || *text == ',' || *text == ' ')
            text++;
        size_t size = strcspn(text, ",] ");
        double value;
        if (size == 0 || !weir_double_parse(text, size, &value)) break;
        out[found++] = (float)value;
        text += size;
        if (*text == ']') break;
    }
    return found;
}

/* The margin that a base score stands for, in float32 as the library computes it. */
static float margin_of(base_form form, float p)
{
    const float least = 1e-6f;
    if (form == BASE_AS_IS) return p;
    if (form == BASE_LOG) return weir_logf(p);
    float clipped = p < least ? least : p > 1.0f - least ? 1.0f - least : p;
    return -weir_logf(1.0f / clipped - 1.0f);
}

static weir_error *read_base(reader *r, const weir_doc *params)
{
    uint32_t count = r->builder.target_count;
    float *scores = weir_arena_array(r->into, float, count);
    double *base = weir_arena_array(r->into, double, count), single;
    const weir_doc *member = weir_doc_get(params, "base_score");
    size_t found = 0;
    if (member != NULL && member->kind == WEIR_DOC_TEXT)
        found = parse_base(member->text, scores, count);
    if (member != NULL && member->kind == WEIR_DOC_NUMBERS)
        for (; found < count && found < member->count; found++)
            scores[found] = (float)member->numbers[found];
    if (found == 0 && weir_doc_number(params, "base_score", &single))
        scores[found++] = (float)single;
    if (found == 0) return missing("base_score");
    for (uint32_t i = 0; i < count; i++)
        base[i] = (double)margin_of(r->objective->base, scores[i < found ? i : found - 1]);
    r->builder.base = base;
    r->builder.base_first = r->version >= 1.05; /* 1.0 added it after the leaves */
    return NULL;
}

static weir_error *read_params(reader *r, const weir_doc *learner)
{
    const weir_doc *params = weir_doc_get(learner, "learner_model_param");
    double features = 0, classes = 0, targets = 1;
    if (params == NULL || !weir_doc_number(params, "num_feature", &features))
        return missing("num_feature");
    (void)weir_doc_number(params, "num_class", &classes);
    (void)weir_doc_number(params, "num_target", &targets);
    if (!whole(features, 1 << 20, &r->builder.feature_count) || features < 1)
        return weir_error_new(WEIR_E_LIMIT, "it has %g features; 1 to 2^20 are supported",
                              features);
    double outputs = classes > 1 ? classes : targets > 1 ? targets : 1;
    if (!whole(outputs, 1 << 16, &r->builder.target_count))
        return weir_error_new(WEIR_E_LIMIT, "it has %g outputs; 1 to 2^16 are supported", outputs);
    weir_tree_model *m = r->model;
    m->features = r->builder.feature_count;
    m->targets = r->builder.target_count;
    m->outputs = m->link == WEIR_LINK_CLASS ? 1 : m->targets;
    m->is_classifier = r->objective->is_classifier &&
                       (m->targets == 1 || (m->link == WEIR_LINK_SOFTMAX && m->targets == 2));
    r->builder.explain_target = m->targets == 2 && m->is_classifier;
    return read_base(r, params);
}

static void read_names(reader *r, const weir_doc *learner)
{
    const weir_doc *names = weir_doc_get(learner, "feature_names");
    if (names == NULL || names->kind != WEIR_DOC_LIST || names->count != r->model->features) return;
    const char **list = weir_arena_array(r->into, const char *, names->count);
    for (size_t i = 0; i < names->count; i++) {
        if (names->items[i].kind != WEIR_DOC_TEXT) return;
        size_t size = strlen(names->items[i].text);
        list[i] = weir_arena_string(r->into, names->items[i].text, size);
    }
    r->model->feature_names = list;
}

static weir_error *read_linear(reader *r, const weir_doc *booster)
{
    const weir_doc *weights = weir_doc_get(weir_doc_get(booster, "model"), "weights");
    size_t count = ((size_t)r->model->features + 1) * r->model->targets;
    if (weights == NULL || weights->kind != WEIR_DOC_NUMBERS) return missing("weights");
    if (weights->count != count)
        return weir_error_new(WEIR_E_MODEL,
                              "it has %zu weights; %u features and %u outputs want %zu",
                              weights->count, r->model->features, r->model->targets, count);
    float *kept = weir_arena_array(r->into, float, count);
    for (size_t i = 0; i < count; i++)
        kept[i] = (float)weights->numbers[i];
    r->model->weights = kept;
    double *base = weir_arena_array(r->into, double, r->model->targets);
    for (uint32_t t = 0; t < r->model->targets; t++)
        base[t] = r->builder.base[0]; /* the library starts every output from the first's */
    r->builder.base = base;
    return NULL;
}

static weir_error *read_booster(reader *r, const weir_doc *learner)
{
    const weir_doc *booster = weir_doc_get(learner, "gradient_booster");
    const char *name = weir_doc_text(booster, "name", "");
    if (strcmp(name, "gbtree") == 0) return read_trees(r, weir_doc_get(booster, "model"), NULL);
    if (strcmp(name, "dart") == 0) {
        const weir_doc *drops = weir_doc_get(booster, "weight_drop");
        if (drops == NULL) return missing("weight_drop");
        return read_trees(r, weir_doc_get(weir_doc_get(booster, "gbtree"), "model"), drops);
    }
    if (strcmp(name, "gblinear") == 0) return read_linear(r, booster);
    return missing("the booster's name");
}

static void read_version(reader *r, const weir_doc *root)
{
    const weir_doc *version = weir_doc_get(root, "version");
    r->version = 3.0;
    r->model->producer = "XGBoost";
    if (version == NULL || version->kind != WEIR_DOC_NUMBERS || version->count != 3) return;
    const double *v = version->numbers;
    for (int i = 0; i < 3; i++)
        if (!(v[i] >= 0 && v[i] < 1000)) return;
    r->version = v[0] + v[1] / 10.0;
    r->model->producer =
        weir_arena_printf(r->into, "XGBoost %d.%d.%d", (int)v[0], (int)v[1], (int)v[2]);
}

static weir_error *read_all(reader *r, const weir_doc *root)
{
    const weir_doc *learner = weir_doc_get(root, "learner");
    if (learner == NULL) return missing("learner");
    read_version(r, root);
    WEIR_TRY(find_objective(r, learner));
    WEIR_TRY(read_params(r, learner));
    read_names(r, learner);
    WEIR_TRY(read_booster(r, learner));
    return weir_trees_build(&r->builder, r->into, &r->model->trees);
}

weir_error *weir_xgboost_read(weir_bytes file, bool is_ubjson, weir_arena *into,
                              weir_tree_model *model_out)
{
    weir_arena scratch = {0};
    weir_doc root;
    *model_out = (weir_tree_model){.format = is_ubjson ? "xgboost-ubjson" : "xgboost-json"};
    weir_error *error = is_ubjson ? weir_doc_parse_ubjson(file, &scratch, &root)
                                  : weir_doc_parse_json(file, &scratch, &root);
    reader r = {.into = into, .model = model_out};
    if (error == NULL) error = read_all(&r, &root);
    weir_trees_builder_deinit(&r.builder);
    weir_arena_deinit(&scratch);
    return error;
}
