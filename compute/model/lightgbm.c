/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lightgbm.c - LightGBM's text model files, versions 2 to 4.
 *
 * Lines are key=value; a section of them describes the whole, then one section a tree ("Tree=0"),
 * until "end of trees". A child below 0 is leaf ~child. decision_type: bit 0 categorical, bit 1
 * default left, bits 2 and 3 what missing means (none, zero, NaN). Comparisons and sums are in
 * float64. Behind all that the Python package writes what the categories of a frame stand for:
 * "pandas_categorical:" and a list for each column of categories, in their order.
 */
#include "compute/model/categories.h"
#include "compute/model/tree_model.h"
#include "schemas/decimal.h"
#include <math.h>

typedef struct line {
    weir_bytes key, value;
} line;

typedef struct reader {
    const uint8_t *next, *end;
    weir_arena *into;
    weir_tree_model *model;
    weir_trees_builder builder;
    size_t per_iteration; /* trees */
    bool averages;
    const weir_doc **categories; /* what they stand for, by feature; NULL where for themselves */
    size_t category_words;       /* of the sets that were put into values */
} reader;

static bool is(weir_bytes text, const char *want)
{
    return text.size == strlen(want) && memcmp(text.data, want, text.size) == 0;
}

/* The next line, split at '='; false at the end of the file. */
static bool next_line(reader *r, line *out)
{
    if (r->next == r->end) return false;
    const uint8_t *stop = memchr(r->next, '\n', (size_t)(r->end - r->next));
    const uint8_t *end = stop == NULL ? r->end : stop, *begin = r->next;
    r->next = stop == NULL ? r->end : stop + 1;
    if (end > begin && end[-1] == '\r') end--;
    const uint8_t *equals = begin == end ? NULL : memchr(begin, '=', (size_t)(end - begin));
    out->key = (weir_bytes){begin, (size_t)((equals == NULL ? end : equals) - begin)};
    out->value = equals == NULL ? (weir_bytes){end, 0}
                                : (weir_bytes){equals + 1, (size_t)(end - equals - 1)};
    return true;
}

/* The next word of a value; false where there is none left. */
static bool next_word(weir_bytes *text, weir_bytes *word)
{
    while (text->size > 0 && (text->data[0] == ' ' || text->data[0] == '\t'))
        text->data++, text->size--;
    size_t n = 0;
    while (n < text->size && text->data[n] != ' ' && text->data[n] != '\t')
        n++;
    *word = (weir_bytes){text->data, n};
    text->data += n;
    text->size -= n;
    return n > 0;
}

static bool parse_number(weir_bytes word, double *out)
{
    if (weir_double_parse((const char *)word.data, word.size, out)) return true;
    bool minus = word.size > 0 && word.data[0] == '-';
    weir_bytes rest = {word.data + minus, word.size - minus};
    if (is(rest, "inf")) return *out = minus ? -INFINITY : INFINITY, true;
    if (is(rest, "nan")) return *out = NAN, true;
    return false;
}

static weir_error *bad_number(weir_bytes key)
{
    size_t shown = key.size < 40 ? key.size : 40;
    return weir_error_new(WEIR_E_MODEL, "'%.*s' holds something that is no number", (int)shown,
                          (const char *)key.data);
}

static weir_error *whole_number(const line *l, double most, uint32_t *out)
{
    double value;
    if (!parse_number(l->value, &value)) return bad_number(l->key);
    if (!(value >= 0 && value <= most) || value != (double)(uint32_t)value)
        return bad_number(l->key);
    *out = (uint32_t)value;
    return NULL;
}

/* --- the header
 * ------------------------------------------------------------------------------------- */

typedef struct link_row {
    const char *name;
    weir_link link;
    bool is_classifier;
} link_row;

static const link_row links[] = {
    {"regression", WEIR_LINK_IDENTITY, false},
    {"regression_l1", WEIR_LINK_IDENTITY, false},
    {"huber", WEIR_LINK_IDENTITY, false},
    {"fair", WEIR_LINK_IDENTITY, false},
    {"quantile", WEIR_LINK_IDENTITY, false},
    {"mape", WEIR_LINK_IDENTITY, false},
    {"lambdarank", WEIR_LINK_IDENTITY, false},
    {"rank_xendcg", WEIR_LINK_IDENTITY, false},
    {"custom", WEIR_LINK_IDENTITY, false},
    {"none", WEIR_LINK_IDENTITY, false},
    {"poisson", WEIR_LINK_EXP, false},
    {"gamma", WEIR_LINK_EXP, false},
    {"tweedie", WEIR_LINK_EXP, false},
    {"binary", WEIR_LINK_SIGMOID, true},
    {"cross_entropy", WEIR_LINK_SIGMOID, true},
    {"xentropy", WEIR_LINK_SIGMOID, true},
    {"cross_entropy_lambda", WEIR_LINK_LOG1P_EXP, false},
    {"xentlambda", WEIR_LINK_LOG1P_EXP, false},
    {"multiclass", WEIR_LINK_SOFTMAX, false},
    {"multiclassova", WEIR_LINK_SIGMOID, false},
};

static weir_error *read_objective(reader *r, weir_bytes value)
{
    weir_bytes word;
    weir_tree_model *m = r->model;
    const link_row *found = NULL;
    if (!next_word(&value, &word)) return NULL;
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
        if (is(word, links[i].name)) found = &links[i];
    if (found == NULL)
        return weir_error_new(WEIR_E_MODEL, "objective '%.*s' is not supported",
                              (int)(word.size < 60 ? word.size : 60), (const char *)word.data);
    m->objective = found->name;
    m->link = found->link;
    m->is_classifier = found->is_classifier;
    while (next_word(&value, &word)) {
        if (is(word, "sqrt")) m->link = WEIR_LINK_SQUARE;
        if (word.size > 8 && memcmp(word.data, "sigmoid:", 8) == 0 &&
            !parse_number((weir_bytes){word.data + 8, word.size - 8}, &m->link_scale))
            return bad_number(word);
    }
    return NULL;
}

static weir_error *read_names(reader *r, weir_bytes value)
{
    if (r->model->features == 0) return NULL;
    const char **names = weir_arena_array(r->into, const char *, r->model->features);
    weir_bytes word;
    size_t count = 0;
    while (next_word(&value, &word)) {
        if (count == r->model->features)
            return weir_error_new(WEIR_E_MODEL, "it names more features than it has");
        names[count++] = weir_arena_string(r->into, (const char *)word.data, word.size);
    }
    if (count == r->model->features) r->model->feature_names = names;
    return NULL;
}

/* The last line of a frame's model: [[10, 20], ["a", "b"]], or null. */
static weir_error *find_categories(const reader *r, weir_arena *into, weir_doc *lists_out)
{
    static const char start[] = "\npandas_categorical:";
    *lists_out = (weir_doc){0};
    const uint8_t *found = NULL, *next = r->next;
    while ((next = memmem(next, (size_t)(r->end - next), start, sizeof start - 1)) != NULL)
        found = next = next + sizeof start - 1;
    if (found == NULL) return NULL;
    weir_error *error =
        weir_doc_parse_json((weir_bytes){found, (size_t)(r->end - found)}, into, lists_out);
    return weir_error_while(error, "pandas_categorical");
}

/* How many categories a feature of feature_infos has at least, "2:0:-1:1" (-1: missing); 0: it has a
 * range or "none". */
static uint32_t info_categories(weir_bytes info)
{
    uint32_t number = 0, most = 0;
    bool is_below = false;
    if (info.size == 0 || info.data[0] == '[' || is(info, "none")) return 0;
    for (size_t i = 0; i <= info.size; i++) {
        if (i < info.size && info.data[i] == '-') {
            is_below = true;
        } else if (i < info.size && info.data[i] >= '0' && info.data[i] <= '9') {
            if (number < WEIR_CATEGORIES_MAX) number = number * 10 + (uint32_t)(info.data[i] - '0');
        } else {
            if (!is_below && number > most) most = number;
            number = 0;
            is_below = false;
        }
    }
    return most + 1;
}

/* Which feature has which list, its place tells; only where all of them are features of categories
 * (an ordered category is compared as a number, a constant one is no feature). */
static weir_error *read_categories(reader *r, weir_bytes infos)
{
    weir_doc lists;
    weir_bytes info;
    size_t feature = 0, found = 0;
    bool differ = false, fit = true;
    WEIR_TRY(find_categories(r, r->into, &lists));
    if (lists.kind != WEIR_DOC_LIST) return NULL;
    for (size_t i = 0; i < lists.count; i++)
        differ = differ || weir_categories_differ(&lists.items[i]);
    if (!differ) return NULL;
    r->categories = weir_arena_array(r->into, const weir_doc *, r->model->features);
    for (; feature < r->model->features && next_word(&infos, &info); feature++) {
        uint32_t count = info_categories(info);
        if (count == 0) continue;
        fit = fit && found < lists.count && lists.items[found].count >= count;
        if (fit) r->categories[feature] = &lists.items[found];
        found++;
    }
    if (fit && found == lists.count) return NULL;
    return weir_error_new(
        WEIR_E_MODEL,
        "pandas_categorical has %zu lists for %zu features of categories, so that it is not known "
        "what the categories stand for; train on their numbers, or on text",
        lists.count, found);
}

static weir_error *read_header(reader *r, bool *has_tree)
{
    line l;
    uint32_t classes = 1, per_iteration = 1, last_feature = 0;
    bool has_features = false;
    weir_bytes names = {0}, infos = {0};
    *has_tree = false;
    r->model->link_scale = 1.0;
    while (!*has_tree && next_line(r, &l)) {
        if (is(l.key, "num_class")) WEIR_TRY(whole_number(&l, 1 << 16, &classes));
        if (is(l.key, "num_tree_per_iteration"))
            WEIR_TRY(whole_number(&l, 1 << 16, &per_iteration));
        if (is(l.key, "max_feature_idx")) {
            WEIR_TRY(whole_number(&l, (1 << 20) - 1, &last_feature));
            has_features = true;
        }
        if (is(l.key, "objective")) WEIR_TRY(read_objective(r, l.value));
        if (is(l.key, "average_output")) r->averages = true;
        if (is(l.key, "feature_names")) names = l.value;
        if (is(l.key, "feature_infos")) infos = l.value;
        if (is(l.key, "end of trees")) break;
        *has_tree = is(l.key, "Tree");
    }
    if (!has_features)
        return weir_error_new(WEIR_E_MODEL,
                              "max_feature_idx is missing; is the file a LightGBM model?");
    if (per_iteration == 0) return weir_error_new(WEIR_E_MODEL, "num_tree_per_iteration is 0");
    (void)classes;
    weir_tree_model *m = r->model;
    m->features = last_feature + 1;
    m->targets = m->outputs = per_iteration;
    m->is_classifier &= m->targets == 1;
    if (m->link == WEIR_LINK_SOFTMAX && m->targets == 2) m->is_classifier = true;
    r->per_iteration = per_iteration;
    WEIR_TRY(read_names(r, names));
    return read_categories(r, infos);
}

/* --- trees
 * ------------------------------------------------------------------------------------------ */

typedef enum list_name {
    SPLIT_FEATURE,
    THRESHOLD,
    DECISION_TYPE,
    LEFT_CHILD,
    RIGHT_CHILD,
    LEAF_VALUE,
    LEAF_COUNT,
    INTERNAL_COUNT,
    CAT_BOUNDARIES,
    CAT_THRESHOLD,
    LIST_COUNT,
} list_name;

static const char *const list_names[LIST_COUNT] = {
    "split_feature", "threshold",  "decision_type",  "left_child",     "right_child",
    "leaf_value",    "leaf_count", "internal_count", "cat_boundaries", "cat_threshold"};

typedef struct tree_lists {
    uint32_t leaves;
    weir_buffer lists[LIST_COUNT]; /* doubles */
} tree_lists;

static size_t count_of(const tree_lists *t, list_name name)
{
    return t->lists[name].size / sizeof(double);
}
static double at(const tree_lists *t, list_name name, size_t i)
{
    return ((const double *)t->lists[name].data)[i];
}

static weir_error *read_list(const line *l, weir_buffer *list)
{
    weir_bytes rest = l->value, word;
    weir_buffer_clear(list);
    while (next_word(&rest, &word)) {
        double value;
        if (!parse_number(word, &value)) return bad_number(l->key);
        weir_buffer_put(list, &value, sizeof(value));
    }
    return NULL;
}

/* The lines of one tree, up to the next one's or the end. */
static weir_error *read_section(reader *r, tree_lists *t, bool *more)
{
    line l;
    *more = false;
    t->leaves = 0;
    for (int i = 0; i < LIST_COUNT; i++)
        weir_buffer_clear(&t->lists[i]);
    while (next_line(r, &l)) {
        if (is(l.key, "Tree")) return *more = true, NULL;
        if (is(l.key, "end of trees")) return NULL;
        if (is(l.key, "num_leaves")) WEIR_TRY(whole_number(&l, 1 << 26, &t->leaves));
        if (is(l.key, "is_linear") && !is(l.value, "0"))
            return weir_error_new(
                WEIR_E_MODEL,
                "its leaves hold linear models (linear_tree), which is not supported");
        for (int i = 0; i < LIST_COUNT; i++)
            if (is(l.key, list_names[i])) WEIR_TRY(read_list(&l, &t->lists[i]));
    }
    return weir_error_new(WEIR_E_MODEL, "the file ends before 'end of trees'");
}

static weir_error *check_lists(const tree_lists *t)
{
    size_t splits = t->leaves - 1;
    if (t->leaves == 0) return weir_error_new(WEIR_E_MODEL, "num_leaves is missing");
    if (count_of(t, LEAF_VALUE) != t->leaves)
        return weir_error_new(WEIR_E_MODEL, "it has %zu leaf values for %u leaves",
                              count_of(t, LEAF_VALUE), t->leaves);
    for (int i = SPLIT_FEATURE; i <= RIGHT_CHILD; i++)
        if (splits > 0 && count_of(t, (list_name)i) != splits)
            return weir_error_new(WEIR_E_MODEL, "%s has %zu entries for %zu splits", list_names[i],
                                  count_of(t, (list_name)i), splits);
    return NULL;
}

/* Nodes are the splits, then the leaves. */
static weir_error *child_of(const tree_lists *t, list_name name, size_t i, uint32_t *out)
{
    double child = at(t, name, i), splits = t->leaves - 1;
    if (child != floor(child) || child >= splits || child < -(double)t->leaves)
        return weir_error_new(WEIR_E_MODEL, "split %zu has a child that does not exist", i);
    *out = child >= 0 ? (uint32_t)child : (uint32_t)(splits + (-child - 1));
    return NULL;
}

/* threshold names a run of cat_threshold: 32 categories a word. */
static weir_error *category_bits(reader *r, const tree_lists *t, weir_tree_node *node)
{
    double index = node->threshold;
    size_t bounds = count_of(t, CAT_BOUNDARIES), words = count_of(t, CAT_THRESHOLD);
    if (!(index >= 0) || index != floor(index) || index + 1 >= (double)bounds)
        return weir_error_new(WEIR_E_MODEL, "a categorical split has no categories");
    double begin = at(t, CAT_BOUNDARIES, (size_t)index),
           end = at(t, CAT_BOUNDARIES, (size_t)index + 1);
    if (!(begin >= 0 && end >= begin && end <= (double)words) || begin != floor(begin) ||
        end != floor(end))
        return weir_error_new(WEIR_E_MODEL, "cat_boundaries point outside of cat_threshold");
    node->bit_words = (uint32_t)(end - begin);
    uint32_t *bits = weir_arena_array(r->into, uint32_t, node->bit_words);
    for (uint32_t i = 0; i < node->bit_words; i++) {
        double word = at(t, CAT_THRESHOLD, (size_t)begin + i);
        if (!(word >= 0 && word <= 4294967295.0))
            return weir_error_new(WEIR_E_MODEL, "cat_threshold is out of range");
        bits[i] = (uint32_t)word;
    }
    node->bits = bits;
    node->threshold = 0;
    return r->categories == NULL ? NULL
                                 : weir_categories_recode(r->categories[node->feature], r->into,
                                                          node, &r->category_words);
}

static weir_error *read_split(reader *r, const tree_lists *t, size_t i, weir_tree_node *node)
{
    static const weir_tree_missing meanings[] = {WEIR_TREE_MISSING_NONE, WEIR_TREE_MISSING_ZERO,
                                                 WEIR_TREE_MISSING_NAN, WEIR_TREE_MISSING_NAN};
    double type = at(t, DECISION_TYPE, i), feature = at(t, SPLIT_FEATURE, i);
    if (!(type >= 0 && type < 16) || type != floor(type))
        return weir_error_new(WEIR_E_MODEL, "decision_type %g is unknown", type);
    if (!(feature >= 0 && feature < r->model->features) || feature != floor(feature))
        return weir_error_new(WEIR_E_MODEL, "split %zu asks feature %g of %u", i, feature,
                              r->model->features);
    unsigned bits = (unsigned)type;
    *node =
        (weir_tree_node){.split = bits & 1 ? WEIR_SPLIT_CATEGORY_LIGHTGBM : WEIR_SPLIT_LESS_EQUAL,
                         .missing = (uint8_t)meanings[bits >> 2 & 3],
                         .missing_left = (bits & 2) != 0,
                         .feature = (uint32_t)feature,
                         .threshold = at(t, THRESHOLD, i)};
    if (count_of(t, INTERNAL_COUNT) == t->leaves - 1) node->cover = at(t, INTERNAL_COUNT, i);
    if (bits & 1) {
        node->missing = WEIR_TREE_MISSING_NAN;
        node->missing_left = false;
        WEIR_TRY(category_bits(r, t, node));
    }
    WEIR_TRY(child_of(t, LEFT_CHILD, i, &node->left));
    return child_of(t, RIGHT_CHILD, i, &node->right);
}

static weir_error *add_tree(reader *r, const tree_lists *t)
{
    WEIR_TRY(check_lists(t));
    size_t number = r->builder.trees.size / sizeof(weir_tree);
    weir_tree tree = {(uint32_t)(r->builder.nodes.size / sizeof(weir_tree_node)),
                      t->leaves * 2 - 1};
    for (size_t i = 0; i + 1 < t->leaves; i++) {
        weir_tree_node node;
        WEIR_TRY(read_split(r, t, i, &node));
        weir_buffer_put(&r->builder.nodes, &node, sizeof(node));
    }
    for (size_t i = 0; i < t->leaves; i++) {
        weir_tree_weight weight = {(uint32_t)(number % r->per_iteration), at(t, LEAF_VALUE, i)};
        weir_tree_node node = {.split = WEIR_SPLIT_LEAF,
                               .weight_begin = (uint32_t)(r->builder.weights.size / sizeof(weight)),
                               .weight_count = 1};
        if (count_of(t, LEAF_COUNT) == t->leaves) node.cover = at(t, LEAF_COUNT, i);
        weir_buffer_put(&r->builder.weights, &weight, sizeof(weight));
        weir_buffer_put(&r->builder.nodes, &node, sizeof(node));
    }
    weir_buffer_put(&r->builder.trees, &tree, sizeof(tree));
    return NULL;
}

static weir_error *read_trees(reader *r)
{
    tree_lists t = {0};
    bool more = true;
    weir_error *error = NULL;
    for (size_t number = 0; error == NULL && more; number++) {
        error = read_section(r, &t, &more);
        if (error == NULL) error = add_tree(r, &t);
        if (error != NULL) error = weir_error_while(error, "tree %zu", number);
    }
    for (int i = 0; i < LIST_COUNT; i++)
        weir_buffer_deinit(&t.lists[i]);
    return error;
}

static weir_error *read_all(reader *r)
{
    bool has_tree;
    WEIR_TRY(read_header(r, &has_tree));
    weir_tree_model *m = r->model;
    r->builder.feature_count = m->features;
    r->builder.target_count = m->targets;
    r->builder.in_float64 = r->builder.snaps_zero = r->builder.base_first = true;
    r->builder.explain_target = m->targets == 2 && m->is_classifier;
    if (has_tree) WEIR_TRY(read_trees(r));
    size_t trees = r->builder.trees.size / sizeof(weir_tree);
    m->iterations = trees / r->per_iteration;
    m->averages = r->averages && m->iterations > 0;
    return weir_trees_build(&r->builder, r->into, &m->trees);
}

weir_error *weir_lightgbm_read(weir_bytes file, weir_arena *into, weir_tree_model *model_out)
{
    *model_out = (weir_tree_model){
        .format = "lightgbm", .producer = "LightGBM", .objective = "none", .in_float64 = true};
    reader r = {.next = file.data, .end = file.data + file.size, .into = into, .model = model_out};
    weir_error *error = read_all(&r);
    weir_trees_builder_deinit(&r.builder);
    return error;
}
