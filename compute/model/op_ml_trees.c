/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_ml_trees.c - TreeEnsembleClassifier, TreeEnsembleRegressor and TreeEnsemble (ai.onnx.ml 5).
 *
 * The file lists nodes flat, with ids. They become weir_tree_nodes: "true" is left; >, >= and !=
 * swap their children, so that only <, <=, == and membership remain. float64 inputs are compared
 * and added in float64, all others in float32. A classifier with two classes and weights for one of
 * them has its own rules for labels and the second column, which follow onnxruntime.
 */
#include "compute/model/linear.h"
#include "compute/model/ml_scores.h"
#include <math.h>
#include <stdlib.h>

typedef struct tree_params {
    const weir_trees *trees;
    size_t rows, columns, targets;
    weir_post post;
    weir_labels labels; /* classifiers */
    bool is_classifier, is_wide;
    bool one_class;    /* two labels, weights for one class only */
    bool all_positive; /* no weight is negative */
    bool is_v5;
    double base[2];
    size_t base_count;
} tree_params;

/* --- running
 * ---------------------------------------------------------------------------------------- */

/*
 * onnxruntime's binary rules, found by asking it. `scores` has two entries; returns the label's
 * number, or 2 + its truth where labels are not looked up (weights for both classes).
 */
static size_t finish_binary(const tree_params *p, double *scores, const bool *has)
{
    if (p->base_count == 2 && has[1]) {
        scores[1] = p->base[1] + scores[0];
        scores[0] = has[0] ? -scores[1] : 0.0;
    } else if (p->base_count >= 1 && (has[0] || !has[1])) {
        scores[0] += p->base[0];
    }
    double positive = has[1] ? scores[1] : scores[0];
    size_t label = positive > (p->one_class && p->all_positive ? 0.5 : 0.0);
    if (!p->one_class) label += 2;
    if (has[1] || p->base_count == 2) {
        weir_post_apply(p->post, scores, 2);
        return label;
    }
    double s = scores[0];
    scores[0] = -s;
    scores[1] = s;
    if (p->post == WEIR_POST_LOGISTIC) {
        weir_post_apply(p->post, scores, 2);
    } else if (p->post == WEIR_POST_PROBIT) {
        weir_post_apply(p->post, &s, 1);
        scores[0] = scores[1] = s;
    } else if (p->all_positive) {
        scores[0] = (double)(1.0f - (float)s);
    }
    return label;
}

/* A label by its number; two classes with weights for both give 0 or 1, whatever the labels are. */
static void put_label(const tree_params *p, void *out, size_t row, size_t label)
{
    if (label < 2 || p->targets != 2 || p->labels.kind == WEIR_TENSOR_STRING)
        weir_labels_put(&p->labels, out, row, p->targets == 2 ? label % 2 : label);
    else if (out != NULL)
        ((int64_t *)out)[row] = (int64_t)label - 2;
}

static size_t finish_many(const tree_params *p, double *scores)
{
    size_t best = 0;
    for (size_t t = 1; t < p->targets; t++)
        if (scores[t] > scores[best]) best = t;
    weir_post_apply(p->post, scores, p->targets);
    return best;
}

typedef struct tree_room {
    float *narrow; /* features as float32; then scores */
    double *wide;
    float *raw;
    double *raw_wide, *scores;
    bool *has;
    void *scratch;
} tree_room;

static size_t room_bytes(const tree_params *p)
{
    return weir_trees_scratch_bytes(p->trees) + (p->columns + p->targets * 3 + 8) * sizeof(double) +
           p->targets + 256;
}

static tree_room room_in(const tree_params *p, void *memory)
{
    tree_room room;
    double *at = memory;
    room.wide = at;
    room.narrow = (float *)at;
    room.raw_wide = at + p->columns;
    room.raw = (float *)room.raw_wide;
    room.scores = room.raw_wide + p->targets + 1;
    room.has = (bool *)(room.scores + p->targets + 2);
    uintptr_t end = (uintptr_t)(room.has + p->targets + 2);
    room.scratch = (void *)((end + 63) / 64 * 64);
    return room;
}

static void raw_scores(const tree_params *p, const void *x, weir_tensor_kind kind, size_t row,
                       const tree_room *room)
{
    if (p->is_wide) {
        weir_trees_run_f64(p->trees, (const double *)x + row * p->columns, 1, room->raw_wide,
                           room->has, room->scratch);
        for (size_t t = 0; t < p->targets; t++)
            room->scores[t] = room->raw_wide[t];
        return;
    }
    const float *features = (const float *)x + row * p->columns;
    if (kind != WEIR_TENSOR_FLOAT32) {
        for (size_t c = 0; c < p->columns; c++)
            room->narrow[c] = (float)weir_number_at(x, kind, row * p->columns + c);
        features = room->narrow;
    }
    weir_trees_run_f32(p->trees, features, 1, room->raw, room->has, room->scratch);
    for (size_t t = 0; t < p->targets; t++)
        room->scores[t] = (double)room->raw[t];
}

static weir_error *classifier_run(const weir_step *step, void *const *data)
{
    const tree_params *p = step->params;
    tree_room room = room_in(p, data[step->scratch]);
    float *out = weir_step_out(step, data, 1);
    for (size_t row = 0; row < p->rows; row++) {
        raw_scores(p, weir_step_in(step, data, 0), weir_step_in_slot(step, 0)->kind, row, &room);
        size_t label =
            p->targets == 2 ? finish_binary(p, room.scores, room.has) : finish_many(p, room.scores);
        put_label(p, weir_step_out(step, data, 0), row, label);
        for (size_t t = 0; out != NULL && t < p->targets; t++)
            *out++ = (float)room.scores[t];
    }
    return NULL;
}

static weir_error *regressor_run(const weir_step *step, void *const *data)
{
    const tree_params *p = step->params;
    weir_tensor_kind kind = weir_step_out_slot(step, 0)->kind;
    void *out = weir_step_out(step, data, 0);
    tree_room room = room_in(p, data[step->scratch]);
    bool is_plain = !p->is_wide && p->post == WEIR_POST_NONE &&
                    weir_step_in_slot(step, 0)->kind == WEIR_TENSOR_FLOAT32;
    if (is_plain) {
        weir_trees_run_f32(p->trees, weir_step_in(step, data, 0), p->rows, out, NULL, room.scratch);
        return NULL;
    }
    for (size_t row = 0; row < p->rows; row++) {
        raw_scores(p, weir_step_in(step, data, 0), weir_step_in_slot(step, 0)->kind, row, &room);
        if (p->targets > 1 || p->is_v5 ||
            p->post == WEIR_POST_PROBIT) /* one target of old: as it is */
            weir_post_apply(p->post, room.scores, p->targets);
        for (size_t t = 0; t < p->targets; t++) {
            if (kind == WEIR_TENSOR_FLOAT64)
                ((double *)out)[row * p->targets + t] = room.scores[t];
            else
                ((float *)out)[row * p->targets + t] = (float)room.scores[t];
        }
    }
    return NULL;
}

const weir_trees *weir_trees_of(const weir_step *step)
{
    if (step->run != classifier_run && step->run != regressor_run) return NULL;
    return ((const tree_params *)step->params)->trees;
}

/* --- reading: versions 1 and 3
 * ----------------------------------------------------------------------- */

/* Numbers from a list attribute or its tensor form. */
typedef struct number_list {
    const float *floats;
    const weir_array *tensor;
    size_t count;
} number_list;

static double number_of(const number_list *list, size_t i)
{
    return list->tensor != NULL ? weir_number_at(list->tensor->data, list->tensor->kind, i)
                                : (double)list->floats[i];
}

static number_list numbers(const weir_op_call *call, const char *name, const char *tensor_name)
{
    const weir_attribute *list = weir_call_attribute(call, name, WEIR_ATTRIBUTE_FLOATS);
    const weir_attribute *tensor = weir_call_attribute(call, tensor_name, WEIR_ATTRIBUTE_TENSOR);
    number_list made = {0};
    if (tensor != NULL && tensor->tensor != NULL && weir_kind_is_number(tensor->tensor->kind))
        made = (number_list){NULL, tensor->tensor, tensor->tensor->count};
    else if (list != NULL)
        made = (number_list){list->floats, NULL, list->count};
    return made;
}

static const weir_attribute *ints(const weir_op_call *call, const char *name)
{
    return weir_call_attribute(call, name, WEIR_ATTRIBUTE_INTS);
}

typedef struct node_key {
    int64_t tree, node;
    uint32_t at; /* in the file's lists */
} node_key;

static int by_key(const void *left, const void *right)
{
    const node_key *a = left, *b = right;
    if (a->tree != b->tree) return a->tree < b->tree ? -1 : 1;
    if (a->node != b->node) return a->node < b->node ? -1 : 1;
    return 0;
}

typedef struct flat {
    weir_op_call *call;
    const weir_attribute *trees, *ids, *features, *modes, *yes, *no, *tracks;
    number_list values, hits;
    size_t count;
    node_key *keys;        /* sorted */
    uint32_t *tree_of;     /* per node: number of its tree, in order of appearance */
    uint32_t *local;       /* per node: its number within the tree */
    weir_tree_node *nodes; /* tree after tree */
    uint32_t *begin, *size;
    uint32_t tree_count;
} flat;

static weir_error *flat_lists(flat *f)
{
    weir_op_call *call = f->call;
    f->trees = ints(call, "nodes_treeids");
    f->ids = ints(call, "nodes_nodeids");
    f->features = ints(call, "nodes_featureids");
    f->modes = weir_call_attribute(call, "nodes_modes", WEIR_ATTRIBUTE_STRINGS);
    f->yes = ints(call, "nodes_truenodeids");
    f->no = ints(call, "nodes_falsenodeids");
    f->tracks = ints(call, "nodes_missing_value_tracks_true");
    f->values = numbers(call, "nodes_values", "nodes_values_as_tensor");
    f->hits = numbers(call, "nodes_hitrates", "nodes_hitrates_as_tensor");
    if (f->ids == NULL || f->trees == NULL || f->features == NULL || f->modes == NULL ||
        f->yes == NULL || f->no == NULL)
        return weir_call_fail(call, "a list of its nodes is missing");
    size_t n = f->count = f->ids->count;
    if (n == 0 || n > UINT32_MAX / 2) return weir_call_fail(call, "it has %zu nodes", n);
    if (f->trees->count != n || f->features->count != n || f->modes->count != n ||
        f->yes->count != n || f->no->count != n || f->values.count != n ||
        (f->tracks != NULL && f->tracks->count != n && f->tracks->count != 0))
        return weir_call_fail(call, "the lists of its nodes differ in length");
    if (f->tracks != NULL && f->tracks->count == 0) f->tracks = NULL;
    if (f->hits.count != n) f->hits.count = 0;
    return NULL;
}

/* Numbers the trees in order of appearance and their nodes likewise. */
static weir_error *flat_number(flat *f, weir_arena *scratch)
{
    size_t n = f->count;
    f->keys = weir_arena_array(scratch, node_key, n);
    f->tree_of = weir_arena_array(scratch, uint32_t, n);
    f->local = weir_arena_array(scratch, uint32_t, n);
    for (size_t i = 0; i < n; i++)
        f->keys[i] = (node_key){f->trees->integers[i], f->ids->integers[i], (uint32_t)i};
    qsort(f->keys, n, sizeof(node_key), by_key);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && by_key(&f->keys[i - 1], &f->keys[i]) == 0)
            return weir_call_fail(f->call, "node %lld of tree %lld stands twice",
                                  (long long)f->keys[i].node, (long long)f->keys[i].tree);
        /* The least position among the tree's nodes names it for now. */
        bool starts = i == 0 || f->keys[i - 1].tree != f->keys[i].tree;
        if (!starts) continue;
        uint32_t least = f->keys[i].at;
        for (size_t j = i; j < n && f->keys[j].tree == f->keys[i].tree; j++)
            if (f->keys[j].at < least) least = f->keys[j].at;
        for (size_t j = i; j < n && f->keys[j].tree == f->keys[i].tree; j++)
            f->tree_of[f->keys[j].at] = least;
    }
    uint32_t *number = weir_arena_array(scratch, uint32_t, n);
    f->size = weir_arena_array(scratch, uint32_t, n);
    f->begin = weir_arena_array(scratch, uint32_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        if (f->tree_of[i] == i) number[i] = f->tree_count++;
        f->tree_of[i] = number[f->tree_of[i]];
        f->local[i] = f->size[f->tree_of[i]]++;
    }
    for (uint32_t t = 0, at = 0; t < f->tree_count; at += f->size[t++])
        f->begin[t] = at;
    return NULL;
}

static bool flat_find(const flat *f, int64_t tree, int64_t node, uint32_t *at_out)
{
    node_key wanted = {.tree = tree, .node = node};
    const node_key *found = bsearch(&wanted, f->keys, f->count, sizeof(node_key), by_key);
    if (found == NULL) return false;
    *at_out = found->at;
    return true;
}

typedef struct mode {
    const char *name;
    weir_tree_split split;
    bool swaps;
} mode;

static const mode modes[] = {
    {"BRANCH_LEQ", WEIR_SPLIT_LESS_EQUAL, false}, {"BRANCH_LT", WEIR_SPLIT_LESS, false},
    {"BRANCH_GTE", WEIR_SPLIT_LESS, true},        {"BRANCH_GT", WEIR_SPLIT_LESS_EQUAL, true},
    {"BRANCH_EQ", WEIR_SPLIT_EQUAL, false},       {"BRANCH_NEQ", WEIR_SPLIT_EQUAL, true},
    {"BRANCH_MEMBER", WEIR_SPLIT_MEMBER, false},  {"LEAF", WEIR_SPLIT_LEAF, false},
};
enum { MODE_NEQ = 5, MODE_MEMBER = 6, MODE_LEAF = 7, MODE_COUNT = 8 };

static size_t mode_of(weir_bytes text)
{
    for (size_t i = 0; i < MODE_COUNT; i++)
        if (i != MODE_MEMBER && text.size == strlen(modes[i].name) &&
            memcmp(text.data, modes[i].name, text.size) == 0)
            return i;
    return MODE_COUNT;
}

/* Children by mode: "true" is left unless the mode swaps. NaN goes to false, but tracked or with
 * !=. */
static void set_split(weir_tree_node *node, size_t m, uint32_t yes, uint32_t no, bool tracks)
{
    bool nan_is_true = tracks || m == MODE_NEQ;
    node->split = (uint8_t)modes[m].split;
    node->left = modes[m].swaps ? no : yes;
    node->right = modes[m].swaps ? yes : no;
    node->missing_left = nan_is_true != modes[m].swaps;
}

static weir_error *flat_node(flat *f, size_t i, uint8_t *is_child)
{
    weir_tree_node *node = &f->nodes[f->begin[f->tree_of[i]] + f->local[i]];
    size_t m = mode_of(f->modes->strings[i]);
    if (m == MODE_COUNT) return weir_call_fail(f->call, "node %zu has an unknown mode", i);
    *node = (weir_tree_node){.split = WEIR_SPLIT_LEAF};
    if (f->hits.count > 0) node->cover = number_of(&f->hits, i);
    if (m == MODE_LEAF) return NULL;
    uint32_t yes, no;
    int64_t tree = f->trees->integers[i];
    if (!flat_find(f, tree, f->yes->integers[i], &yes) ||
        !flat_find(f, tree, f->no->integers[i], &no))
        return weir_call_fail(f->call, "node %lld of tree %lld has a child that does not exist",
                              (long long)f->ids->integers[i], (long long)tree);
    if (f->features->integers[i] < 0 || f->features->integers[i] > INT32_MAX)
        return weir_call_fail(f->call, "node %zu asks feature %lld", i,
                              (long long)f->features->integers[i]);
    node->feature = (uint32_t)f->features->integers[i];
    node->threshold = number_of(&f->values, i);
    set_split(node, m, f->local[yes], f->local[no],
              f->tracks != NULL && f->tracks->integers[i] != 0);
    is_child[yes] = is_child[no] = 1;
    return NULL;
}

/* The root of a tree is the node that is nobody's child; the builder wants it first. */
static weir_error *flat_roots(flat *f, const uint8_t *is_child, weir_arena *scratch)
{
    bool *has_root = weir_arena_array(scratch, bool, f->tree_count);
    uint32_t *first = weir_arena_array(scratch, uint32_t, f->tree_count); /* the node numbered 0 */
    for (size_t i = 0; i < f->count; i++)
        if (f->local[i] == 0) first[f->tree_of[i]] = (uint32_t)i;
    for (size_t i = 0; i < f->count; i++) {
        uint32_t t = f->tree_of[i], at = f->local[i];
        if (is_child[i] || has_root[t]) continue;
        has_root[t] = true;
        if (at == 0) continue;
        weir_tree_node *nodes = f->nodes + f->begin[t], kept = nodes[0];
        nodes[0] = nodes[at];
        nodes[at] = kept;
        for (uint32_t n = 0; n < f->size[t]; n++) {
            if (nodes[n].split == WEIR_SPLIT_LEAF) continue;
            nodes[n].left = nodes[n].left == 0 ? at : nodes[n].left == at ? 0 : nodes[n].left;
            nodes[n].right = nodes[n].right == 0 ? at : nodes[n].right == at ? 0 : nodes[n].right;
        }
        f->local[first[t]] = at; /* leaves are found by local number later */
        f->local[i] = 0;
    }
    for (uint32_t t = 0; t < f->tree_count; t++)
        if (!has_root[t]) return weir_call_fail(f->call, "tree %u is a circle: it has no root", t);
    return NULL;
}

typedef struct leaf_entry {
    uint32_t node; /* in f->nodes */
    uint32_t order;
    weir_tree_weight weight;
} leaf_entry;

static int by_node(const void *left, const void *right)
{
    const leaf_entry *a = left, *b = right;
    if (a->node != b->node) return a->node < b->node ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static weir_error *flat_weights(flat *f, const char *prefix, weir_trees_builder *builder,
                                weir_arena *scratch)
{
    char name[4][40];
    static const char *const endings[] = {"treeids", "nodeids", "ids", "weights"};
    for (size_t i = 0; i < 4; i++) {
        size_t n = strlen(prefix);
        memcpy(name[i], prefix, n);
        memcpy(name[i] + n, endings[i], strlen(endings[i]) + 1);
    }
    char tensor_name[48];
    size_t n = strlen(name[3]);
    memcpy(tensor_name, name[3], n);
    memcpy(tensor_name + n, "_as_tensor", 11);
    const weir_attribute *trees = ints(f->call, name[0]), *ids = ints(f->call, name[1]),
                         *targets = ints(f->call, name[2]);
    number_list weights = numbers(f->call, name[3], tensor_name);
    if (trees == NULL || ids == NULL || targets == NULL || trees->count != ids->count ||
        ids->count != targets->count || targets->count != weights.count)
        return weir_call_fail(f->call,
                              "the lists of its leaves' weights are missing or differ in length");
    leaf_entry *entries = weir_arena_array(scratch, leaf_entry, weights.count);
    for (size_t i = 0; i < weights.count; i++) {
        uint32_t at;
        if (!flat_find(f, trees->integers[i], ids->integers[i], &at))
            return weir_call_fail(f->call, "weight %zu is for a node that does not exist", i);
        if (targets->integers[i] < 0 || targets->integers[i] >= (int64_t)builder->target_count)
            return weir_call_fail(f->call, "weight %zu is for output %lld of %u", i,
                                  (long long)targets->integers[i], builder->target_count);
        entries[i] = (leaf_entry){f->begin[f->tree_of[at]] + f->local[at],
                                  (uint32_t)i,
                                  {(uint32_t)targets->integers[i], number_of(&weights, i)}};
    }
    qsort(entries, weights.count, sizeof(leaf_entry), by_node);
    for (size_t i = 0; i < weights.count; i++) {
        weir_tree_node *node = &f->nodes[entries[i].node];
        if (node->weight_count == 0) node->weight_begin = (uint32_t)i;
        node->weight_count++;
        weir_buffer_put(&builder->weights, &entries[i].weight, sizeof(weir_tree_weight));
    }
    return NULL;
}

static weir_error *read_flat(weir_op_call *call, const char *prefix, weir_trees_builder *builder,
                             weir_arena *scratch)
{
    flat f = {.call = call};
    WEIR_TRY(flat_lists(&f));
    WEIR_TRY(flat_number(&f, scratch));
    f.nodes = weir_arena_array(scratch, weir_tree_node, f.count);
    uint8_t *is_child = weir_arena_array(scratch, uint8_t, f.count);
    for (size_t i = 0; i < f.count; i++)
        WEIR_TRY(flat_node(&f, i, is_child));
    WEIR_TRY(flat_roots(&f, is_child, scratch));
    WEIR_TRY(flat_weights(&f, prefix, builder, scratch));
    weir_buffer_put(&builder->nodes, f.nodes, f.count * sizeof(weir_tree_node));
    for (uint32_t t = 0; t < f.tree_count; t++) {
        weir_tree tree = {f.begin[t], f.size[t]};
        weir_buffer_put(&builder->trees, &tree, sizeof(tree));
    }
    return NULL;
}

/* --- reading: version 5
 * ------------------------------------------------------------------------------ */

typedef struct v5 {
    weir_op_call *call;
    const weir_attribute *roots, *features, *yes, *no, *yes_leaf, *no_leaf, *tracks, *leaf_targets;
    const weir_array *splits, *modes, *leaf_weights, *hits, *members;
    size_t count;
    uint8_t *seen;
    uint32_t *set_begin, *set_count; /* per node: its membership values */
    double *set_values;
} v5;

static const weir_array *tensor(const weir_op_call *call, const char *name)
{
    const weir_attribute *attribute = weir_call_attribute(call, name, WEIR_ATTRIBUTE_TENSOR);
    if (attribute == NULL || attribute->tensor == NULL ||
        !weir_kind_is_number(attribute->tensor->kind))
        return NULL;
    return attribute->tensor;
}

static weir_error *v5_lists(v5 *v)
{
    weir_op_call *call = v->call;
    v->roots = ints(call, "tree_roots");
    v->features = ints(call, "nodes_featureids");
    v->yes = ints(call, "nodes_truenodeids");
    v->no = ints(call, "nodes_falsenodeids");
    v->yes_leaf = ints(call, "nodes_trueleafs");
    v->no_leaf = ints(call, "nodes_falseleafs");
    v->tracks = ints(call, "nodes_missing_value_tracks_true");
    v->leaf_targets = ints(call, "leaf_targetids");
    v->splits = tensor(call, "nodes_splits");
    v->modes = tensor(call, "nodes_modes");
    v->leaf_weights = tensor(call, "leaf_weights");
    v->hits = tensor(call, "nodes_hitrates");
    v->members = tensor(call, "membership_values");
    if (v->roots == NULL || v->features == NULL || v->yes == NULL || v->no == NULL ||
        v->yes_leaf == NULL || v->no_leaf == NULL || v->leaf_targets == NULL || v->splits == NULL ||
        v->modes == NULL || v->leaf_weights == NULL)
        return weir_call_fail(call, "a list of its nodes or leaves is missing");
    size_t n = v->count = v->features->count;
    if (v->yes->count != n || v->no->count != n || v->yes_leaf->count != n ||
        v->no_leaf->count != n || v->splits->count != n || v->modes->count != n ||
        v->leaf_targets->count != v->leaf_weights->count ||
        (v->tracks != NULL && v->tracks->count != n) || n > UINT32_MAX / 4)
        return weir_call_fail(call, "the lists of its nodes or leaves differ in length");
    return NULL;
}

/* Sets of membership values stand one after the other, each ended by NaN, in the order of member
 * nodes. */
static void v5_sets(v5 *v, weir_arena *scratch)
{
    v->seen = weir_arena_array(scratch, uint8_t, v->count + 1);
    v->set_begin = weir_arena_array(scratch, uint32_t, v->count + 1);
    v->set_count = weir_arena_array(scratch, uint32_t, v->count + 1);
    size_t total = v->members == NULL ? 0 : v->members->count, at = 0;
    v->set_values = weir_arena_array(scratch, double, total + 1);
    for (size_t i = 0; i < total; i++)
        v->set_values[i] = weir_number_at(v->members->data, v->members->kind, i);
    for (size_t i = 0; i < v->count; i++) {
        if (weir_number_at(v->modes->data, v->modes->kind, i) != MODE_MEMBER) continue;
        v->set_begin[i] = (uint32_t)at;
        while (at < total && v->set_values[at] == v->set_values[at])
            at++;
        v->set_count[i] = (uint32_t)at - v->set_begin[i];
        if (at < total) at++;
    }
}

typedef struct v5_open { /* a child still to be made */
    int64_t target;
    bool is_leaf;
    uint32_t parent;
    bool is_true;
} v5_open;

static weir_error *v5_leaf(v5 *v, int64_t at, weir_trees_builder *builder, weir_tree_node *node)
{
    if (at < 0 || (uint64_t)at >= v->leaf_weights->count)
        return weir_call_fail(v->call, "a node points to leaf %lld of %zu", (long long)at,
                              v->leaf_weights->count);
    int64_t target = v->leaf_targets->integers[at];
    if (target < 0 || target >= (int64_t)builder->target_count)
        return weir_call_fail(v->call, "leaf %lld is for output %lld of %u", (long long)at,
                              (long long)target, builder->target_count);
    weir_tree_weight weight = {
        (uint32_t)target, weir_number_at(v->leaf_weights->data, v->leaf_weights->kind, (size_t)at)};
    *node = (weir_tree_node){.split = WEIR_SPLIT_LEAF,
                             .weight_begin = (uint32_t)(builder->weights.size / sizeof(weight)),
                             .weight_count = 1};
    weir_buffer_put(&builder->weights, &weight, sizeof(weight));
    return NULL;
}

static weir_error *v5_node(v5 *v, int64_t at, weir_tree_node *node)
{
    if (at < 0 || (uint64_t)at >= v->count)
        return weir_call_fail(v->call, "a node points to node %lld of %zu", (long long)at,
                              v->count);
    if (v->seen[at])
        return weir_call_fail(v->call, "node %lld is reached twice (a circle or a shared node)",
                              (long long)at);
    v->seen[at] = 1;
    double m = weir_number_at(v->modes->data, v->modes->kind, (size_t)at);
    if (!(m >= 0 && m <= MODE_MEMBER))
        return weir_call_fail(v->call, "node %lld has an unknown mode", (long long)at);
    int64_t feature = v->features->integers[at];
    if (feature < 0 || feature > INT32_MAX)
        return weir_call_fail(v->call, "node %lld asks feature %lld", (long long)at,
                              (long long)feature);
    *node =
        (weir_tree_node){.feature = (uint32_t)feature,
                         .threshold = weir_number_at(v->splits->data, v->splits->kind, (size_t)at),
                         .numbers = v->set_values + v->set_begin[at],
                         .number_count = v->set_count[at]};
    if ((size_t)m == MODE_MEMBER) node->threshold = 0;
    set_split(node, (size_t)m, 0, 0, v->tracks != NULL && v->tracks->integers[at] != 0);
    return NULL;
}

/* One tree, with a stack of our own. */
static weir_error *v5_tree(v5 *v, int64_t root, weir_trees_builder *builder, weir_buffer *stack)
{
    size_t begin = builder->nodes.size / sizeof(weir_tree_node);
    weir_buffer_clear(stack);
    v5_open first = {root, false, UINT32_MAX, false};
    weir_buffer_put(stack, &first, sizeof(first));
    while (stack->size > 0) {
        v5_open open;
        stack->size -= sizeof(open);
        memcpy(&open, stack->data + stack->size, sizeof(open));
        weir_tree_node node;
        if (open.is_leaf)
            WEIR_TRY(v5_leaf(v, open.target, builder, &node));
        else
            WEIR_TRY(v5_node(v, open.target, &node));
        uint32_t number = (uint32_t)(builder->nodes.size / sizeof(node) - begin);
        weir_buffer_put(&builder->nodes, &node, sizeof(node));
        if (open.parent != UINT32_MAX) {
            weir_tree_node *parent = (weir_tree_node *)builder->nodes.data + begin + open.parent;
            bool swaps = parent->weight_begin != 0; /* kept there until the children are known */
            if (open.is_true != swaps)
                parent->left = number;
            else
                parent->right = number;
        }
        if (open.is_leaf) continue;
        double m = weir_number_at(v->modes->data, v->modes->kind, (size_t)open.target);
        weir_tree_node *made = (weir_tree_node *)builder->nodes.data + begin + number;
        made->weight_begin = modes[(size_t)m].swaps;
        v5_open yes = {v->yes->integers[open.target], v->yes_leaf->integers[open.target] != 0,
                       number, true};
        v5_open no = {v->no->integers[open.target], v->no_leaf->integers[open.target] != 0, number,
                      false};
        weir_buffer_put(stack, &no, sizeof(no));
        weir_buffer_put(stack, &yes, sizeof(yes));
    }
    weir_tree tree = {(uint32_t)begin,
                      (uint32_t)(builder->nodes.size / sizeof(weir_tree_node) - begin)};
    weir_buffer_put(&builder->trees, &tree, sizeof(tree));
    return NULL;
}

static weir_error *read_v5(weir_op_call *call, weir_trees_builder *builder, weir_arena *scratch)
{
    v5 v = {.call = call};
    WEIR_TRY(v5_lists(&v));
    v5_sets(&v, scratch);
    weir_buffer stack = {0};
    weir_error *error = NULL;
    for (size_t t = 0; error == NULL && t < v.roots->count; t++)
        error = v5_tree(&v, v.roots->integers[t], builder, &stack);
    weir_buffer_deinit(&stack);
    return error;
}

/* --- prepare
 * ---------------------------------------------------------------------------------------- */

static weir_error *read_sum(const weir_op_call *call, weir_tree_sum *sum)
{
    static const char *const names[] = {"SUM", "AVERAGE", "MIN", "MAX"};
    static const weir_tree_sum by_number[] = {WEIR_TREE_AVERAGE, WEIR_TREE_SUM, WEIR_TREE_MIN,
                                              WEIR_TREE_MAX};
    const weir_attribute *number =
        weir_call_attribute(call, "aggregate_function", WEIR_ATTRIBUTE_INT);
    if (number != NULL && number->integer >= 0 && number->integer < 4) {
        *sum = by_number[number->integer];
        return NULL;
    }
    for (size_t i = 0; number == NULL && i < 4; i++)
        if (weir_call_string_is(call, "aggregate_function", names[i], "SUM")) {
            *sum = (weir_tree_sum)i;
            return NULL;
        }
    return weir_call_fail(call, "its aggregate_function is not one of ONNX's");
}

static weir_error *read_base(weir_op_call *call, tree_params *p, weir_trees_builder *builder)
{
    number_list base = numbers(call, "base_values", "base_values_as_tensor");
    if (base.count == 0) return NULL;
    if (p->is_classifier && p->targets == 2 && base.count <= 2) {
        p->base_count = base.count;
        for (size_t i = 0; i < base.count; i++)
            p->base[i] = number_of(&base, i);
        return NULL;
    }
    if (base.count != 1 && base.count != p->targets)
        return weir_call_fail(call, "it has %zu base values for %zu outputs", base.count,
                              p->targets);
    double *all = weir_arena_array(call->into, double, p->targets);
    for (size_t i = 0; i < p->targets; i++)
        all[i] = number_of(&base, base.count == 1 ? 0 : i);
    builder->base = all;
    return NULL;
}

static void look_at_weights(tree_params *p, const weir_trees_builder *builder)
{
    const weir_tree_weight *weights = (const weir_tree_weight *)builder->weights.data;
    size_t count = builder->weights.size / sizeof(*weights);
    p->one_class = p->all_positive = true;
    for (size_t i = 0; i < count; i++) {
        p->one_class &= weights[i].target == weights[0].target;
        p->all_positive &= weights[i].value >= 0;
    }
    p->one_class &= p->targets == 2;
}

static weir_error *check_input(weir_op_call *call, tree_params *p)
{
    const weir_slot *in = weir_call_in(call, 0);
    if (!weir_kind_is_number(in->kind)) return weir_call_kind_wrong(call, in);
    if (in->shape.rank == 0 || in->shape.rank > 2)
        return weir_call_fail(call, "its input is no matrix");
    p->columns = (size_t)in->shape.dims[in->shape.rank - 1];
    p->rows = in->shape.rank == 2 ? (size_t)in->shape.dims[0] : 1;
    p->is_wide = in->kind == WEIR_TENSOR_FLOAT64;
    return NULL;
}

static weir_error *build(weir_op_call *call, tree_params *p, weir_trees_builder *builder,
                         weir_arena *scratch)
{
    builder->feature_count = (uint32_t)p->columns;
    builder->target_count = (uint32_t)p->targets;
    builder->in_float64 = p->is_wide;
    WEIR_TRY(read_sum(call, &builder->sum));
    if (p->is_v5)
        WEIR_TRY(read_v5(call, builder, scratch));
    else
        WEIR_TRY(read_flat(call, p->is_classifier ? "class_" : "target_", builder, scratch));
    WEIR_TRY(read_base(call, p, builder));
    look_at_weights(p, builder);
    const weir_tree_weight *weights = (const weir_tree_weight *)builder->weights.data;
    bool to_first = p->one_class && builder->weights.size > 0 && weights[0].target == 0;
    builder->explain_target = p->is_classifier && p->targets == 2 && !to_first;
    weir_trees *trees;
    weir_error *error = weir_trees_build(builder, call->into, &trees);
    p->trees = trees;
    return error == NULL
               ? NULL
               : weir_error_while(error, "node '%s' (%s)", call->node->name, call->op->name);
}

/* Ensembles are costly to build and the same for every number of rows: kept with the node. */
static weir_error *make(weir_op_call *call, tree_params *p)
{
    WEIR_TRY(check_input(call, p));
    WEIR_TRY(weir_post_read(call, &p->post));
    uint32_t value = call->node->outputs[0] != WEIR_NO_VALUE
                         ? call->node->outputs[0]
                         : call->node->outputs[call->node->output_count - 1];
    const tree_params *known = call->shared->ensembles[value];
    if (known != NULL) {
        size_t rows = p->rows;
        *p = *known;
        p->rows = rows;
    } else {
        weir_trees_builder builder = {0};
        weir_arena scratch = {0};
        weir_error *error = build(call, p, &builder, &scratch);
        weir_trees_builder_deinit(&builder);
        weir_arena_deinit(&scratch);
        WEIR_TRY(error);
        call->shared->ensembles[value] = p;
    }
    weir_call_scratch(call, room_bytes(p));
    call->step->params = p;
    return NULL;
}

static weir_error *classifier_prepare(weir_op_call *call)
{
    tree_params *p = weir_arena_new(call->into, tree_params);
    p->is_classifier = true;
    WEIR_TRY(weir_labels_read(call, &p->labels));
    p->targets = p->labels.count;
    if (call->node->output_count == 0) return weir_call_fail(call, "it has no outputs");
    WEIR_TRY(make(call, p));
    call->step->run = classifier_run;
    WEIR_TRY(weir_call_out(call, 0, p->labels.kind, &(weir_shape){1, {(int64_t)p->rows}}));
    return weir_call_out(call, 1, WEIR_TENSOR_FLOAT32,
                         &(weir_shape){2, {(int64_t)p->rows, (int64_t)p->targets}});
}

static weir_error *regressor_prepare(weir_op_call *call)
{
    tree_params *p = weir_arena_new(call->into, tree_params);
    p->is_v5 = strcmp(call->op->name, "TreeEnsemble") == 0;
    int64_t targets = weir_call_int(call, "n_targets", 1);
    if (targets < 1 || targets > 1 << 20)
        return weir_call_fail(call, "it has %lld targets", (long long)targets);
    if (call->node->output_count == 0) return weir_call_fail(call, "it has no outputs");
    p->targets = (size_t)targets;
    WEIR_TRY(make(call, p));
    call->step->run = regressor_run;
    weir_tensor_kind kind = p->is_v5 && p->is_wide ? WEIR_TENSOR_FLOAT64 : WEIR_TENSOR_FLOAT32;
    return weir_call_out(call, 0, kind, &(weir_shape){2, {(int64_t)p->rows, targets}});
}

// clang-format off
const weir_op weir_ops_ml_trees[] = {
    {.name = "TreeEnsembleClassifier", .prepare = classifier_prepare, .inputs_min = 1, .inputs_max = 1, .outputs_max = 2, .is_ml = true, .is_probability = true, .missing = WEIR_MISSING_TAKEN},
    {.name = "TreeEnsembleRegressor", .prepare = regressor_prepare, .inputs_min = 1, .inputs_max = 1, .outputs_max = 1, .is_ml = true, .missing = WEIR_MISSING_TAKEN},
    {.name = "TreeEnsemble", .prepare = regressor_prepare, .inputs_min = 1, .inputs_max = 1, .outputs_max = 1, .is_ml = true, .since = 5, .missing = WEIR_MISSING_TAKEN},
    {.name = NULL},
};
// clang-format on
