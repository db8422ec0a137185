/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_ml.c - what ai.onnx.ml does to features: Imputer, Scaler, Normalizer, Binarizer,
 * OneHotEncoder, LabelEncoder, CategoryMapper, ArrayFeatureExtractor, FeatureVectorizer, ZipMap.
 *
 * Their tensors are [rows, columns] or [columns]. ZipMap's maps are seen as one column a class.
 */
#include "compute/model/op.h"
#include <math.h>

static double number_at(const void *data, weir_tensor_kind kind, size_t i)
{
    switch (kind) {
    case WEIR_TENSOR_FLOAT32: return (double)((const float *)data)[i];
    case WEIR_TENSOR_FLOAT64: return ((const double *)data)[i];
    case WEIR_TENSOR_INT64: return (double)((const int64_t *)data)[i];
    case WEIR_TENSOR_BOOL: return (double)((const uint8_t *)data)[i];
    default: return (double)((const int32_t *)data)[i];
    }
}

static size_t columns_of(const weir_slot *slot)
{
    return slot->shape.rank == 0 ? 1 : (size_t)slot->shape.dims[slot->shape.rank - 1];
}

static weir_error *check_number(const weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0);
    return weir_kind_is_number(in->kind) ? NULL : weir_call_kind_wrong(call, in);
}

static bool same_text(weir_bytes a, weir_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* --- Imputer
 * ---------------------------------------------------------------------------------------- */

typedef struct imputer_params {
    const float *floats;
    const int64_t *integers;
    size_t count; /* 1, or one per column */
    float replaced;
    int64_t replaced_integer;
} imputer_params;

static weir_error *imputer_run(const weir_step *step, void *const *data)
{
    const imputer_params *p = step->params;
    const weir_slot *in = weir_step_in_slot(step, 0);
    const void *x = weir_step_in(step, data, 0);
    void *y = weir_step_out(step, data, 0);
    for (size_t i = 0; i < in->count; i++) {
        size_t column = p->count == 1 ? 0 : i % p->count;
        if (in->kind == WEIR_TENSOR_INT64) {
            int64_t v = ((const int64_t *)x)[i];
            ((int64_t *)y)[i] = v == p->replaced_integer ? p->integers[column] : v;
        } else if (in->kind == WEIR_TENSOR_FLOAT32) {
            float v = ((const float *)x)[i];
            bool gone = p->replaced != p->replaced ? v != v : v == p->replaced;
            ((float *)y)[i] = gone ? p->floats[column] : v;
        } else {
            double v = ((const double *)x)[i];
            bool gone = p->replaced != p->replaced ? v != v : v == (double)p->replaced;
            ((double *)y)[i] = gone ? (double)p->floats[column] : v;
        }
    }
    return NULL;
}

static weir_error *imputer_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0);
    bool whole = in->kind == WEIR_TENSOR_INT64;
    if (!whole && !weir_kind_is_float(in->kind)) return weir_call_kind_wrong(call, in);
    const weir_attribute *values =
        whole ? weir_call_attribute(call, "imputed_value_int64s", WEIR_ATTRIBUTE_INTS)
              : weir_call_attribute(call, "imputed_value_floats", WEIR_ATTRIBUTE_FLOATS);
    if (values == NULL || (values->count != 1 && values->count != columns_of(in)))
        return weir_call_fail(call, "its imputed values do not fit the input's %zu columns",
                              columns_of(in));
    imputer_params *p = weir_arena_new(call->into, imputer_params);
    *p = (imputer_params){values->floats, values->integers, values->count,
                          weir_call_float(call, "replaced_value_float", 0.0f),
                          weir_call_int(call, "replaced_value_int64", 0)};
    call->step->params = p;
    call->step->run = imputer_run;
    return weir_call_out(call, 0, in->kind, &in->shape);
}

/* --- Scaler
 * ----------------------------------------------------------------------------------------- */

typedef struct scaler_params {
    const float *offset, *scale;
    size_t offset_count, scale_count;
} scaler_params;

static weir_error *scaler_run(const weir_step *step, void *const *data)
{
    const scaler_params *p = step->params;
    const weir_slot *in = weir_step_in_slot(step, 0);
    float *y = weir_step_out(step, data, 0);
    const void *x = weir_step_in(step, data, 0);
    size_t columns = columns_of(in);
    for (size_t i = 0; i < in->count; i++) {
        size_t column = i % columns;
        float offset = p->offset[p->offset_count == 1 ? 0 : column];
        float scale = p->scale[p->scale_count == 1 ? 0 : column];
        y[i] = ((float)number_at(x, in->kind, i) - offset) * scale;
    }
    return NULL;
}

static weir_error *scaler_prepare(weir_op_call *call)
{
    WEIR_TRY(check_number(call));
    const weir_slot *in = weir_call_in(call, 0);
    static const float zero = 0.0f, one = 1.0f;
    scaler_params *p = weir_arena_new(call->into, scaler_params);
    *p = (scaler_params){&zero, &one, 1, 1};
    const weir_attribute *offset = weir_call_attribute(call, "offset", WEIR_ATTRIBUTE_FLOATS);
    const weir_attribute *scale = weir_call_attribute(call, "scale", WEIR_ATTRIBUTE_FLOATS);
    if (offset != NULL && offset->count > 0)
        p->offset = offset->floats, p->offset_count = offset->count;
    if (scale != NULL && scale->count > 0) p->scale = scale->floats, p->scale_count = scale->count;
    size_t columns = columns_of(in);
    if ((p->offset_count != 1 && p->offset_count != columns) ||
        (p->scale_count != 1 && p->scale_count != columns))
        return weir_call_fail(call, "its offset and scale do not fit the input's %zu columns",
                              columns);
    call->step->params = p;
    call->step->run = scaler_run;
    return weir_call_out(call, 0, WEIR_TENSOR_FLOAT32, &in->shape);
}

/* --- Normalizer, Binarizer
 * -------------------------------------------------------------------------- */

typedef enum norm { NORM_MAX, NORM_L1, NORM_L2 } norm;

static weir_error *normalizer_run(const weir_step *step, void *const *data)
{
    norm how = *(const norm *)step->params;
    const weir_slot *in = weir_step_in_slot(step, 0);
    const void *x = weir_step_in(step, data, 0);
    float *y = weir_step_out(step, data, 0);
    size_t columns = columns_of(in);
    for (size_t row = 0; columns > 0 && row < in->count / columns; row++) {
        double total = how == NORM_MAX ? -INFINITY : 0;
        for (size_t c = 0; c < columns; c++) {
            double v = number_at(x, in->kind, row * columns + c);
            if (how == NORM_MAX) total = v > total ? v : total;
            if (how == NORM_L1) total += fabs(v);
            if (how == NORM_L2) total += v * v;
        }
        if (how == NORM_L2) total = __builtin_sqrt(total);
        for (size_t c = 0; c < columns; c++) {
            double v = number_at(x, in->kind, row * columns + c);
            y[row * columns + c] = (float)(total == 0 ? v : v / total);
        }
    }
    return NULL;
}

static weir_error *normalizer_prepare(weir_op_call *call)
{
    WEIR_TRY(check_number(call));
    norm *how = weir_arena_new(call->into, norm);
    if (weir_call_string_is(call, "norm", "MAX", "MAX"))
        *how = NORM_MAX;
    else if (weir_call_string_is(call, "norm", "L1", ""))
        *how = NORM_L1;
    else if (weir_call_string_is(call, "norm", "L2", ""))
        *how = NORM_L2;
    else
        return weir_call_fail(call, "its norm is none of MAX, L1, L2");
    call->step->params = how;
    call->step->run = normalizer_run;
    return weir_call_out(call, 0, WEIR_TENSOR_FLOAT32, &weir_call_in(call, 0)->shape);
}

static weir_error *binarizer_run(const weir_step *step, void *const *data)
{
    double threshold = (double)*(const float *)step->params;
    const weir_slot *in = weir_step_in_slot(step, 0);
    const void *x = weir_step_in(step, data, 0);
    void *y = weir_step_out(step, data, 0);
    for (size_t i = 0; i < in->count; i++) {
        int one = number_at(x, in->kind, i) > threshold;
        switch (in->kind) {
        case WEIR_TENSOR_FLOAT32: ((float *)y)[i] = (float)one; break;
        case WEIR_TENSOR_FLOAT64: ((double *)y)[i] = one; break;
        case WEIR_TENSOR_INT64: ((int64_t *)y)[i] = one; break;
        default: ((int32_t *)y)[i] = one; break;
        }
    }
    return NULL;
}

static weir_error *binarizer_prepare(weir_op_call *call)
{
    WEIR_TRY(check_number(call));
    const weir_slot *in = weir_call_in(call, 0);
    float *threshold = weir_arena_new(call->into, float);
    *threshold = weir_call_float(call, "threshold", 0.0f);
    call->step->params = threshold;
    call->step->run = binarizer_run;
    return weir_call_out(call, 0, in->kind, &in->shape);
}

/* --- keys: OneHotEncoder, LabelEncoder, CategoryMapper
 * ---------------------------------------------- */

/* A list of keys to find a value in, hashed; numbers by value, text by bytes. */
typedef struct key_list {
    weir_tensor_kind kind; /* FLOAT64 (any number), INT64 or STRING */
    const double *numbers;
    const int64_t *integers;
    const weir_bytes *texts;
    size_t count;
    uint32_t *table;
    size_t table_size;
} key_list;

static uint64_t scramble(uint64_t x)
{
    x *= UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 29;
}

static uint64_t hash_number(double x)
{
    uint64_t bits;
    if (x != x) return 1;
    x += 0.0;
    memcpy(&bits, &x, 8);
    return scramble(bits);
}

static uint64_t hash_text(weir_bytes text)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < text.size; i++)
        hash = (hash ^ text.data[i]) * UINT64_C(1099511628211);
    return scramble(hash);
}

static uint64_t hash_key(const key_list *keys, size_t i)
{
    return keys->kind == WEIR_TENSOR_STRING  ? hash_text(keys->texts[i])
           : keys->kind == WEIR_TENSOR_INT64 ? scramble((uint64_t)keys->integers[i])
                                             : hash_number(keys->numbers[i]);
}

/* The first of equal keys is found first, since it was put first. */
static void index_keys(key_list *keys, weir_arena *into)
{
    keys->table_size = 16;
    while (keys->table_size < keys->count * 2)
        keys->table_size *= 2;
    keys->table = weir_arena_array(into, uint32_t, keys->table_size);
    for (size_t i = 0; i < keys->count; i++) {
        size_t at = hash_key(keys, i) & (keys->table_size - 1);
        while (keys->table[at] != 0)
            at = (at + 1) & (keys->table_size - 1);
        keys->table[at] = (uint32_t)i + 1;
    }
}

static bool key_equals(const key_list *keys, size_t i, const void *data, weir_tensor_kind kind,
                       size_t at)
{
    if (keys->kind == WEIR_TENSOR_STRING)
        return same_text(keys->texts[i], ((const weir_bytes *)data)[at]);
    if (keys->kind == WEIR_TENSOR_INT64 && kind == WEIR_TENSOR_INT64)
        return keys->integers[i] == ((const int64_t *)data)[at];
    double x = number_at(data, kind, at);
    double key = keys->kind == WEIR_TENSOR_INT64 ? (double)keys->integers[i] : keys->numbers[i];
    return key == x || (key != key && x != x);
}

/* The number of the key that equals data[at], or count. */
static size_t find_key(const key_list *keys, const void *data, weir_tensor_kind kind, size_t i)
{
    uint64_t hash;
    if (keys->kind == WEIR_TENSOR_STRING) {
        hash = hash_text(((const weir_bytes *)data)[i]);
    } else if (keys->kind == WEIR_TENSOR_INT64) {
        int64_t value;
        if (kind == WEIR_TENSOR_INT64) {
            value = ((const int64_t *)data)[i];
        } else {
            double x = number_at(data, kind, i);
            if (!(x > -0x1p63 && x < 0x1p63)) return keys->count;
            value = (int64_t)x;
            if ((double)value != x) return keys->count;
        }
        hash = scramble((uint64_t)value);
    } else {
        hash = hash_number(number_at(data, kind, i));
    }
    for (size_t at = hash & (keys->table_size - 1); keys->table[at] != 0;
         at = (at + 1) & (keys->table_size - 1))
        if (key_equals(keys, keys->table[at] - 1, data, kind, i)) return keys->table[at] - 1;
    return keys->count;
}

static void keys_from_attribute(key_list *keys, const weir_attribute *attribute, weir_arena *into)
{
    *keys = (key_list){
        .count = attribute->count, .integers = attribute->integers, .texts = attribute->strings};
    keys->kind = attribute->type == WEIR_ATTRIBUTE_STRINGS ? WEIR_TENSOR_STRING
                 : attribute->type == WEIR_ATTRIBUTE_INTS  ? WEIR_TENSOR_INT64
                                                           : WEIR_TENSOR_FLOAT64;
    if (keys->kind == WEIR_TENSOR_FLOAT64) {
        double *numbers = weir_arena_array(into, double, attribute->count);
        for (size_t i = 0; i < attribute->count; i++)
            numbers[i] = (double)attribute->floats[i];
        keys->numbers = numbers;
    }
    index_keys(keys, into);
}

static void keys_from_tensor(key_list *keys, const weir_array *array, weir_arena *into)
{
    *keys = (key_list){.count = array->count, .integers = array->data, .texts = array->data};
    keys->kind = array->kind == WEIR_TENSOR_STRING || array->kind == WEIR_TENSOR_INT64
                     ? array->kind
                     : WEIR_TENSOR_FLOAT64;
    if (keys->kind == WEIR_TENSOR_FLOAT64) {
        double *numbers = weir_arena_array(into, double, array->count);
        for (size_t i = 0; i < array->count; i++)
            numbers[i] = number_at(array->data, array->kind, i);
        keys->numbers = numbers;
    }
    index_keys(keys, into);
}

static bool keys_fit(const key_list *keys, const weir_slot *in)
{
    return (keys->kind == WEIR_TENSOR_STRING) == (in->kind == WEIR_TENSOR_STRING);
}

typedef struct one_hot_params {
    key_list keys;
    bool zeros;
} one_hot_params;

static weir_error *one_hot_run(const weir_step *step, void *const *data)
{
    const one_hot_params *p = step->params;
    const weir_slot *in = weir_step_in_slot(step, 0);
    float *y = weir_step_out(step, data, 0);
    memset(y, 0, in->count * p->keys.count * sizeof(float));
    for (size_t i = 0; i < in->count; i++) {
        size_t key = find_key(&p->keys, weir_step_in(step, data, 0), in->kind, i);
        if (key < p->keys.count)
            y[i * p->keys.count + key] = 1.0f;
        else if (!p->zeros)
            return weir_step_fail(step, "a category is none of the %zu known ones", p->keys.count);
    }
    return NULL;
}

static weir_error *one_hot_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0);
    const weir_attribute *numbers = weir_call_attribute(call, "cats_int64s", WEIR_ATTRIBUTE_INTS);
    const weir_attribute *texts = weir_call_attribute(call, "cats_strings", WEIR_ATTRIBUTE_STRINGS);
    const weir_attribute *cats = in->kind == WEIR_TENSOR_STRING ? texts : numbers;
    if (cats == NULL)
        return weir_call_fail(call, "it has no categories for %s", weir_kind_name(in->kind));
    one_hot_params *p = weir_arena_new(call->into, one_hot_params);
    keys_from_attribute(&p->keys, cats, call->into);
    p->zeros = weir_call_int(call, "zeros", 1) != 0;
    weir_shape shape = in->shape;
    if (shape.rank == WEIR_RANK_MAX)
        return weir_call_fail(call, "its input has too many dimensions");
    shape.dims[shape.rank++] = (int64_t)cats->count;
    call->step->params = p;
    call->step->run = one_hot_run;
    return weir_call_out(call, 0, WEIR_TENSOR_FLOAT32, &shape);
}

typedef struct label_params {
    key_list keys;
    weir_tensor_kind kind; /* of the values */
    const void *values;    /* keys.count + 1: the default is the last */
} label_params;

static weir_error *label_run(const weir_step *step, void *const *data)
{
    const label_params *p = step->params;
    const weir_slot *in = weir_step_in_slot(step, 0);
    size_t size = weir_kind_size(p->kind);
    char *y = weir_step_out(step, data, 0);
    for (size_t i = 0; i < in->count; i++) {
        size_t key = find_key(&p->keys, weir_step_in(step, data, 0), in->kind, i);
        memcpy(y + i * size, (const char *)p->values + key * size, size);
    }
    return NULL;
}

static weir_error *label_finish(weir_op_call *call, label_params *p)
{
    const weir_slot *in = weir_call_in(call, 0);
    if (!keys_fit(&p->keys, in)) return weir_call_kind_wrong(call, in);
    call->step->params = p;
    call->step->run = label_run;
    return weir_call_out(call, 0, p->kind, &in->shape);
}

static void *with_default(weir_arena *into, const void *values, size_t count, const void *otherwise,
                          size_t size)
{
    char *all = weir_arena_calloc(into, count + 1, size);
    if (count > 0) memcpy(all, values, count * size);
    memcpy(all + count * size, otherwise, size);
    return all;
}

/* Version 1 maps text to its number in classes_strings, or a number to its text. */
static weir_error *label_first_version(weir_op_call *call, label_params *p,
                                       const weir_attribute *classes)
{
    size_t count = classes->count;
    int64_t *numbers = weir_arena_array(call->into, int64_t, count + 1);
    for (size_t i = 0; i < count; i++)
        numbers[i] = (int64_t)i;
    if (weir_call_in(call, 0)->kind == WEIR_TENSOR_STRING) {
        keys_from_attribute(&p->keys, classes, call->into);
        numbers[count] = weir_call_int(call, "default_int64", -1);
        p->kind = WEIR_TENSOR_INT64;
        p->values = numbers;
        return label_finish(call, p);
    }
    const weir_attribute *text = weir_call_attribute(call, "default_string", WEIR_ATTRIBUTE_STRING);
    weir_bytes unused = {(const uint8_t *)"_Unused", 7};
    p->keys = (key_list){.kind = WEIR_TENSOR_INT64, .integers = numbers, .count = count};
    index_keys(&p->keys, call->into);
    p->kind = WEIR_TENSOR_STRING;
    p->values = with_default(call->into, classes->strings, count,
                             text == NULL ? &unused : &text->string, sizeof(weir_bytes));
    return label_finish(call, p);
}

static const weir_attribute *any_list(const weir_op_call *call, const char *prefix)
{
    static const char *const kinds[] = {"strings", "int64s", "floats"};
    char name[32];
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(prefix);
        memcpy(name, prefix, n);
        memcpy(name + n, kinds[i], strlen(kinds[i]) + 1);
        const weir_attribute *attribute = weir_call_attribute(call, name, WEIR_ATTRIBUTE_NONE);
        if (attribute != NULL && attribute->type >= WEIR_ATTRIBUTE_FLOATS) return attribute;
    }
    return NULL;
}

/* The value for keys that are not in the list. */
static const void *label_default(weir_op_call *call, weir_tensor_kind kind)
{
    const weir_attribute *tensor =
        weir_call_attribute(call, "default_tensor", WEIR_ATTRIBUTE_TENSOR);
    if (tensor != NULL && tensor->tensor != NULL && tensor->tensor->kind == kind &&
        tensor->tensor->count == 1)
        return tensor->tensor->data;
    static const weir_bytes unused = {(const uint8_t *)"_Unused", 7};
    double *wide = weir_arena_new(call->into, double);
    float *number = weir_arena_new(call->into, float);
    int64_t *integer = weir_arena_new(call->into, int64_t);
    int32_t *narrow = weir_arena_new(call->into, int32_t);
    *number = weir_call_float(call, "default_float", -0.0f);
    *integer = weir_call_int(call, "default_int64", -1);
    *narrow = (int32_t)*integer;
    *wide = (double)*number;
    const weir_attribute *text = weir_call_attribute(call, "default_string", WEIR_ATTRIBUTE_STRING);
    switch (kind) {
    case WEIR_TENSOR_FLOAT32: return number;
    case WEIR_TENSOR_FLOAT64: return wide;
    case WEIR_TENSOR_INT64: return integer;
    case WEIR_TENSOR_STRING: return text == NULL ? &unused : &text->string;
    default: return narrow;
    }
}

static weir_error *label_prepare(weir_op_call *call)
{
    label_params *p = weir_arena_new(call->into, label_params);
    const weir_attribute *classes =
        weir_call_attribute(call, "classes_strings", WEIR_ATTRIBUTE_STRINGS);
    const weir_attribute *key_tensor =
        weir_call_attribute(call, "keys_tensor", WEIR_ATTRIBUTE_TENSOR);
    const weir_attribute *value_tensor =
        weir_call_attribute(call, "values_tensor", WEIR_ATTRIBUTE_TENSOR);
    const weir_attribute *keys = any_list(call, "keys_"), *values = any_list(call, "values_");
    if (classes != NULL) return label_first_version(call, p, classes);
    const void *list;
    size_t count;
    if (key_tensor != NULL && key_tensor->tensor != NULL)
        keys_from_tensor(&p->keys, key_tensor->tensor, call->into);
    else if (keys != NULL)
        keys_from_attribute(&p->keys, keys, call->into);
    else
        return weir_call_fail(call, "it has no keys");
    if (value_tensor != NULL && value_tensor->tensor != NULL) {
        p->kind = value_tensor->tensor->kind;
        list = value_tensor->tensor->data;
        count = value_tensor->tensor->count;
    } else if (values != NULL) {
        p->kind = values->type == WEIR_ATTRIBUTE_STRINGS ? WEIR_TENSOR_STRING
                  : values->type == WEIR_ATTRIBUTE_INTS  ? WEIR_TENSOR_INT64
                                                         : WEIR_TENSOR_FLOAT32;
        list = values->type == WEIR_ATTRIBUTE_STRINGS ? (const void *)values->strings
               : values->type == WEIR_ATTRIBUTE_INTS  ? (const void *)values->integers
                                                      : (const void *)values->floats;
        count = values->count;
    } else {
        return weir_call_fail(call, "it has no values");
    }
    if (count != p->keys.count)
        return weir_call_fail(call, "it has %zu keys and %zu values", p->keys.count, count);
    p->values = with_default(call->into, list, count, label_default(call, p->kind),
                             weir_kind_size(p->kind));
    return label_finish(call, p);
}

static weir_error *mapper_prepare(weir_op_call *call)
{
    const weir_attribute *texts = weir_call_attribute(call, "cats_strings", WEIR_ATTRIBUTE_STRINGS);
    const weir_attribute *numbers = weir_call_attribute(call, "cats_int64s", WEIR_ATTRIBUTE_INTS);
    if (texts == NULL || numbers == NULL || texts->count != numbers->count)
        return weir_call_fail(call, "its two lists of categories differ in length");
    label_params *p = weir_arena_new(call->into, label_params);
    bool from_text = weir_call_in(call, 0)->kind == WEIR_TENSOR_STRING;
    keys_from_attribute(&p->keys, from_text ? texts : numbers, call->into);
    p->kind = from_text ? WEIR_TENSOR_INT64 : WEIR_TENSOR_STRING;
    const void *list = from_text ? (const void *)numbers->integers : (const void *)texts->strings;
    p->values = with_default(call->into, list, texts->count, label_default(call, p->kind),
                             weir_kind_size(p->kind));
    return label_finish(call, p);
}

/* --- ArrayFeatureExtractor, FeatureVectorizer, ZipMap
 * ----------------------------------------------- */

static weir_error *extractor_run(const weir_step *step, void *const *data)
{
    const weir_slot *in = weir_step_in_slot(step, 0), *indexes = weir_step_in_slot(step, 1);
    size_t columns = columns_of(in), size = weir_kind_size(in->kind);
    const char *x = weir_step_in(step, data, 0);
    const int64_t *wanted = weir_step_in(step, data, 1);
    char *y = weir_step_out(step, data, 0);
    for (size_t row = 0; columns > 0 && row < in->count / columns; row++)
        for (size_t i = 0; i < indexes->count; i++, y += size) {
            if (wanted[i] < 0 || (uint64_t)wanted[i] >= columns)
                return weir_step_fail(step, "index %lld is outside of %zu columns",
                                      (long long)wanted[i], columns);
            memcpy(y, x + (row * columns + (size_t)wanted[i]) * size, size);
        }
    return NULL;
}

static weir_error *extractor_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0), *indexes = weir_call_in(call, 1);
    if (indexes->kind != WEIR_TENSOR_INT64) return weir_call_kind_wrong(call, indexes);
    weir_shape shape = in->shape;
    if (shape.rank <= 1) shape = (weir_shape){2, {1, 0}};
    shape.dims[shape.rank - 1] = (int64_t)indexes->count;
    call->step->run = extractor_run;
    return weir_call_out(call, 0, in->kind, &shape);
}

static weir_error *vectorizer_run(const weir_step *step, void *const *data)
{
    const int64_t *widths = step->params;
    float *y = weir_step_out(step, data, 0);
    size_t rows = (size_t)weir_step_out_slot(step, 0)->shape.dims[0];
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < step->in_count; i++) {
            const weir_slot *in = weir_step_in_slot(step, i);
            size_t columns = in->count / rows;
            for (size_t c = 0; c < (size_t)widths[i];
                 c++) /* cut or filled to the width asked for */
                *y++ = c < columns ? (float)number_at(weir_step_in(step, data, i), in->kind,
                                                      row * columns + c)
                                   : 0.0f;
        }
    return NULL;
}

static weir_error *vectorizer_prepare(weir_op_call *call)
{
    const weir_attribute *given = weir_call_attribute(call, "inputdimensions", WEIR_ATTRIBUTE_INTS);
    size_t count = call->node->input_count;
    if (given != NULL && given->count != count)
        return weir_call_fail(call, "inputdimensions does not fit its inputs");
    int64_t *widths = weir_arena_array(call->into, int64_t, count);
    const weir_shape *first = &weir_call_in(call, 0)->shape;
    weir_shape shape = {2, {first->rank > 1 ? first->dims[0] : 1, 0}};
    for (size_t i = 0; i < count; i++) {
        const weir_slot *in = weir_call_in(call, i);
        if (in == NULL) return weir_call_fail(call, "input %zu is left out", i);
        if (!weir_kind_is_number(in->kind)) return weir_call_kind_wrong(call, in);
        int64_t rows = in->shape.rank > 1 ? in->shape.dims[0] : 1;
        if (rows != shape.dims[0] || rows == 0)
            return weir_call_fail(call, "its inputs differ in rows");
        widths[i] = given != NULL ? given->integers[i] : (int64_t)in->count / rows;
        if (widths[i] < 0 || widths[i] > WEIR_TENSOR_ELEMENTS_MAX)
            return weir_call_fail(call, "a width is wrong");
        shape.dims[1] += widths[i];
    }
    call->step->params = widths;
    call->step->run = vectorizer_run;
    return weir_call_out(call, 0, WEIR_TENSOR_FLOAT32, &shape);
}

static weir_error *zip_run(const weir_step *step, void *const *data)
{
    const weir_slot *out = weir_step_out_slot(step, 0);
    memcpy(weir_step_out(step, data, 0), weir_step_in(step, data, 0),
           out->count * weir_kind_size(out->kind));
    return NULL;
}

static weir_error *zip_prepare(weir_op_call *call)
{
    const weir_slot *in = weir_call_in(call, 0);
    if (!weir_kind_is_float(in->kind)) return weir_call_kind_wrong(call, in);
    const weir_attribute *labels = any_list(call, "classlabels_");
    if (labels == NULL || labels->count != columns_of(in))
        return weir_call_fail(call, "its class labels do not fit the input's %zu columns",
                              columns_of(in));
    call->step->run = zip_run;
    return weir_call_out(call, 0, in->kind, &in->shape);
}

#define ML .outputs_max = 1, .is_ml = true
// clang-format off
const weir_op weir_ops_ml[] = {
    {.name = "Imputer", .prepare = imputer_prepare, .inputs_min = 1, .inputs_max = 1, ML, .missing = WEIR_MISSING_TAKEN},
    {.name = "Scaler", .prepare = scaler_prepare, .inputs_min = 1, .inputs_max = 1, ML, .missing = WEIR_MISSING_PASSES},
    {.name = "Normalizer", .prepare = normalizer_prepare, .inputs_min = 1, .inputs_max = 1, ML},
    {.name = "Binarizer", .prepare = binarizer_prepare, .inputs_min = 1, .inputs_max = 1, ML},
    {.name = "OneHotEncoder", .prepare = one_hot_prepare, .inputs_min = 1, .inputs_max = 1, ML},
    {.name = "LabelEncoder", .prepare = label_prepare, .inputs_min = 1, .inputs_max = 1, ML, .missing = WEIR_MISSING_PASSES},
    {.name = "CategoryMapper", .prepare = mapper_prepare, .inputs_min = 1, .inputs_max = 1, ML},
    {.name = "ArrayFeatureExtractor", .prepare = extractor_prepare, .inputs_min = 2, .inputs_max = 2, ML, .missing = WEIR_MISSING_PASSES},
    {.name = "FeatureVectorizer", .prepare = vectorizer_prepare, .inputs_min = 1, .inputs_max = 255, ML, .missing = WEIR_MISSING_PASSES},
    {.name = "ZipMap", .prepare = zip_prepare, .inputs_min = 1, .inputs_max = 1, ML, .is_probability = true},
    {.name = NULL},
};
// clang-format on
