/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans, identities (R15), layout and `test` blocks. Messages are in lang_golden_test.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/file.h"
#include "tests/unit/lang_fixture.h"

#define TX                                                                                         \
    "stream tx from kafka(\"tx\") avro(\"pay.Tx\") { time ts  id tx_id  observed by card, "        \
    "merchant }\n"
#define IN(group, body) "package t\n" TX "features " group " per card from tx {\n" body "\n}\n"

static weir_arena arena;

static int set_up(void **state)
{
    (void)state;
    weir_fixture_examples();
    weir_fixture_schema("pay.Lookup", "card string, other string, ts time, n int64");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    weir_fixture_reset();
    weir_arena_deinit(&arena);
    return 0;
}

/* The plan of a text that must be good. The compilation is freed; unref the plan. */
static const weir_plan *plan_of(const char *text)
{
    weir_compilation *result = weir_fixture_compile(text);
    if (result->plan == NULL) {
        print_error("%s\n%s", text, weir_fixture_print(result, text));
        fail();
    }
    const weir_plan *plan = weir_plan_ref(result->plan);
    weir_compilation_destroy(result);
    return plan;
}

static const weir_plan_member *member_of(const weir_plan *plan, const char *column)
{
    for (uint32_t i = 0; i < plan->member_count; i++) {
        if (strcmp(plan->members[i].column, column) == 0) return &plan->members[i];
    }
    print_error("no member %s\n", column);
    fail();
    return NULL;
}

/* ---- Identity (R15) ---- */

static void digest_of(const char *text, const char *column, uint8_t digest[WEIR_DIGEST_BYTES])
{
    const weir_plan *plan = plan_of(text);
    memcpy(digest, member_of(plan, column)->digest, WEIR_DIGEST_BYTES);
    weir_plan_unref(plan);
}

static void expect_same(const char *a, const char *column_a, const char *b, const char *column_b,
                        bool same)
{
    uint8_t left[WEIR_DIGEST_BYTES], right[WEIR_DIGEST_BYTES];
    digest_of(a, column_a, left);
    digest_of(b, column_b, right);
    bool equal = memcmp(left, right, sizeof left) == 0;
    if (equal != same)
        print_error("%s\n%s\nhave %s digests\n", a, b, equal ? "equal" : "different");
    assert_int_equal(equal, same);
}

static void a_rename_keeps_the_identity(void **state)
{
    (void)state;
    const char *base = IN(
        "g",
        "let ok = status == approved\n a = sum(amount) where ok over 1h, 24h\n b = a[1h] / a[24h]");
    expect_same(base, "g_a_1h",
                IN("h", "let ok = status == approved\n a = sum(amount) where ok over 1h, 24h"),
                "h_a_1h", true);
    expect_same(base, "g_a_1h",
                IN("g", "let good = status == approved\n z = sum(amount) where good over 1h, 24h"),
                "g_z_1h", true);
    expect_same(base, "g_b",
                IN("h", "let k = status == approved\n z = sum(amount) where k over 1h, 24h\n y = "
                        "z[1h] / z[24h]"),
                "h_y", true);
    expect_same(base, "g_a_1h", IN("g", "a = sum(amount) where status == approved over 1h"), "g_a",
                true);
    expect_same(base, "g_b",
                IN("g", "// a comment\n let ok = (status == approved)\n/// doc\n a=sum( amount "
                        ")where ok over 60m,1d\n b=(a[60m])/a[1d]"),
                "g_b", true);
    expect_same(IN("g", "a = count() over 1h delayed 1d step 60m"), "g_a",
                IN("g", "a = count() step 1h over 3600s delayed 24h"), "g_a", true);
    expect_same(
        IN("g",
           "a = count() where mcc == 1 and status == approved over 1h\n zz = sum(mcc) over last 3"),
        "g_a",
        IN("g",
           "x = last(geo) over ever\n a = count() where mcc == 1 and status == approved over 1h"),
        "g_a", true);
    expect_same(IN("g", "a = sum(amount) over 1h\n b = a + 0.50"), "g_b",
                IN("g", "c = sum(amount) over 1h\n d = c + 0.50"), "g_d", true);
}

static void anything_else_changes_the_identity(void **state)
{
    (void)state;
    const char *base = IN("g", "a = sum(amount) where status == approved over 1h");
    static const char *const others[] = {
        "a = sum(amount) where status == approved over 2h",
        "a = sum(amount) where status == declined over 1h",
        "a = sum(amount) where status != approved over 1h",
        "a = sum(amount) over 1h",
        "a = mean(amount) where status == approved over 1h",
        "a = sum(fee) where status == approved over 1h",
        "a = sum(amount) where status == approved over ever",
        "a = sum(amount) where status == approved over last 1",
        "a = sum(amount) where status == approved over 1h delayed 1s",
        "a = sum(amount) where status == approved over 1h step 1m",
        "a = sum(amount) where status == approved over 1h including this",
        "a = sum(amount) where status == approved and merchant == this.merchant over 1h",
        "a = sum(amount) where status == approved and amount > this.amount over 1h",
        "a = sum(amount + 1.00) where status == approved over 1h",
        "b = sum(amount) where status == approved over 1h\n a = b + 1",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        const char *text = weir_arena_printf(
            &arena, "package t\n" TX "features g per card from tx {\n%s\n}\n", others[i]);
        expect_same(base, "g_a", text, "g_a", false);
        for (size_t k = 0; k < i; k++) {
            const char *other = weir_arena_printf(
                &arena, "package t\n" TX "features g per card from tx {\n%s\n}\n", others[k]);
            expect_same(other, "g_a", text, "g_a", false);
        }
    }
    expect_same(base, "g_a",
                "package t\n" TX "features g per card from tx where mcc > 0 {\n a = sum(amount) "
                "where status == approved over 1h\n}\n",
                "g_a", false);
    expect_same(
        base, "g_a",
        "package t\n" TX
        "features g per merchant from tx {\n a = sum(amount) where status == approved over 1h\n}\n",
        "g_a", false);
    expect_same(
        base, "g_a",
        "package t\nstream tx from kafka(\"tx\") avro(\"pay.Tx\") { time ts  id tx_id  observed by "
        "card, merchant  late 2d }\n"
        "features g per card from tx {\n a = sum(amount) where status == approved over 1h\n}\n",
        "g_a", false);
    expect_same(IN("g", "a = count() where hour(ts, \"UTC\") > 3 over 1h"), "g_a",
                IN("g", "a = count() where hour(ts, \"Test/East\") > 3 over 1h"), "g_a", false);
    expect_same(IN("g", "a = hour(this.ts, \"UTC\")"), "g_a",
                IN("g", "a = hour(this.ts, \"Test/East\")"), "g_a", false);
}

static void the_order_of_a_text_does_not_matter(void **state)
{
    (void)state;
    const weir_plan *a =
        plan_of("package t\n" TX "features g per card from tx {\n a = count() over 1h, 2h\n b = "
                "sum(amount) where mcc > 3 over 1h\n}\n"
                "features h per merchant from tx { c = count() where g.a[1h] > 2 over 1d }\nvector "
                "v on tx { g.*  h.* }\n");
    const weir_plan *b = plan_of("package t\nvector v on tx { g.{a, b}  h.c }\nfeatures h per "
                                 "merchant from tx { c = count() where g.a[1h] > 2 over 1d }\n"
                                 "features g per card from tx {\n b = sum(amount) where mcc > 3 "
                                 "over 1h\n a = count() over 1h, 2h\n}\n" TX);
    assert_memory_equal(a->digest, b->digest, WEIR_DIGEST_BYTES);
    assert_memory_equal(a->fold_digest, b->fold_digest, WEIR_DIGEST_BYTES);
    assert_string_equal(a->canonical, b->canonical);
    assert_int_equal(a->cell_count, b->cell_count);
    for (uint32_t i = 0; i < a->view_count; i++)
        assert_memory_equal(a->views[i].digest, b->views[i].digest, WEIR_DIGEST_BYTES);
    weir_plan_unref(a);
    weir_plan_unref(b);
}

static void a_rename_keeps_the_state(void **state)
{
    (void)state;
    const weir_plan *a = plan_of(IN("g", "let ok = mcc > 3\n a = sum(amount) where ok over 1h\n b "
                                         "= count() where ok over 2h\n c = last(fee) over ever"));
    const weir_plan *b = plan_of(IN("h", "x = last(fee) over ever\n y = count() where mcc > 3 over "
                                         "2h\n z = sum(amount) where mcc > 3 over 1h"));
    assert_int_equal(a->view_count, 1);
    assert_memory_equal(a->views[0].digest, b->views[0].digest, WEIR_DIGEST_BYTES);
    for (uint32_t i = 0; i < a->views[0].column_count; i++)
        assert_true(weir_type_equal(a->views[0].column_types[i], b->views[0].column_types[i]));
    weir_plan_unref(a);
    weir_plan_unref(b);
}

#define CARRIED                                                                                    \
    "package t\n" TX "features g per card from tx {\n a = count() over 1h, 2h\n b = sum(amount) "  \
    "over 1h\n}\nfeatures h per merchant from tx { c = count() where g.a[1h] > 2 over 1d }\n"
#define SCORED(decide)                                                                             \
    CARRIED "vector v on tx { g.*  h.* }\nscore s on tx using model \"m\" { input v to "           \
            "kafka(\"o\") decide { " decide " } fallback 0.5 }\n"

/* Whether two texts keep and carry the same. */
static void expect_fold(const char *left, const char *right, bool same)
{
    const weir_plan *a = plan_of(left), *b = plan_of(right);
    bool equal = memcmp(a->fold_digest, b->fold_digest, WEIR_DIGEST_BYTES) == 0;
    if (equal != same)
        print_error("%s\n%s\nhave %s folds\n", left, right, equal ? "equal" : "different");
    assert_true(equal == same);
    weir_plan_unref(a);
    weir_plan_unref(b);
}

static void what_is_kept_and_carried_has_a_digest_of_its_own(void **state)
{
    (void)state;
    static const char shown[] = CARRIED "vector v on tx { g.*  h.* }\n";
    expect_fold(shown, SCORED("x when score >= 0.5 else y"), true);
    expect_fold(SCORED("x when score >= 0.5 else y"), SCORED("x when g.b > 3.00 else y"), true);
    expect_fold(shown, CARRIED "vector w on tx { h.*  g.*  d = g.b * 2 }\n", true);
    expect_fold(shown, CARRIED "vector v on tx { h.*  g.b }\n", false); /* carries less */
    expect_fold(shown, CARRIED, false);
    expect_fold(shown,
                "package t\n" TX "features k per card from tx {\n y = sum(amount) over 1h\n z = "
                "count() over 2h, 1h\n}\nfeatures h per merchant from tx { c = count() where "
                "k.z[1h] > 2 over 1d }\nvector v on tx { k.*  h.* }\n",
                true); /* other names, in another order */
    expect_fold(shown,
                "package t\n" TX "features g per card from tx {\n a = count() over 1h, 3h\n b = "
                "sum(amount) over 1h\n}\nfeatures h per merchant from tx { c = count() where "
                "g.a[1h] > 2 over 1d }\nvector v on tx { g.*  h.* }\n",
                false);
}

/* ---- Plans ---- */

static void equal_aggregates_share_a_cell(void **state)
{
    (void)state;
    const weir_plan *plan =
        plan_of(IN("g", "let ok = mcc > 3\n a = sum(amount) where ok over 1h\n b = sum(amount) / "
                        "count() where mcc > 3 over 60m\n c = a + 1\n"
                        "d = count() over 1h, 2h"));
    assert_int_equal(plan->cell_count, 4); /* sum, count where, count 1h, count 2h */
    assert_int_equal(plan->view_count, 1);
    assert_int_equal(plan->views[0].column_count, 2); /* amount, mcc > 3 */
    weir_plan_unref(plan);
}

static void an_equality_with_this_keys_a_view_of_its_own(void **state)
{
    (void)state;
    const weir_plan *plan = plan_of(IN("g", "a = count() where merchant == this.merchant over 1h\n"
                                            "b = count() where this.mcc == mcc and merchant == "
                                            "this.merchant and amount > 3.00 over ever\n"
                                            "c = any(status == this.status) over 1h"));
    assert_int_equal(plan->view_count, 3);
    uint32_t keys = 0;
    for (uint32_t i = 0; i < 3; i++) {
        keys += plan->views[i].extra_key_count;
        assert_false(plan->views[i].extra_key_types[0].optional);
    }
    assert_int_equal(keys, 4);
    assert_int_equal(plan->view_key_count, 3);
    assert_true(member_of(plan, "g_a")->uses_this);
    assert_string_equal(member_of(plan, "g_a")->this_names[0], "merchant");
    weir_plan_unref(plan);
}

static void last_n_chooses_before_the_filter_and_keeps_the_entitys_key(void **state)
{
    (void)state;
    const weir_plan *plan =
        plan_of(IN("g", "a = count() where merchant == this.merchant over last 20"));
    assert_int_equal(plan->view_count, 1);
    assert_int_equal(plan->views[0].extra_key_count, 0);
    assert_non_null(plan->cells[0].read_filter);
    assert_int_equal(plan->views[0].keep_last, 20);
    weir_plan_unref(plan);
}

static void other_comparisons_with_this_read_stored_columns(void **state)
{
    (void)state;
    const weir_plan *plan = plan_of(IN("g", "a = count() where amount * 2 > this.amount and mcc == "
                                            "3 or merchant == this.merchant over 1h"));
    assert_int_equal(plan->view_count, 1);
    assert_int_equal(plan->views[0].column_count, 3); /* amount * 2, mcc == 3, merchant */
    assert_int_equal(plan->cells[0].filter, WEIR_NONE);
    weir_plan_unref(plan);
}

static void a_nested_feature_is_carried_from_an_earlier_hop(void **state)
{
    (void)state;
    const weir_plan *plan =
        plan_of("package t\nstream tx from kafka(\"tx\") avro(\"pay.Tx\") { time ts  observed by "
                "card, merchant, currency }\n"
                "features m per merchant from tx { hot = count() where c.n > 5 over 1h }\n"
                "features c per currency from tx { n = count() over 1h }\n");
    const weir_plan_stream *tx = &plan->streams[0];
    assert_string_equal(plan->entities[tx->hops[0].entity].name, "card"); /* the first stays */
    assert_string_equal(plan->entities[tx->hops[1].entity].name, "currency");
    assert_string_equal(plan->entities[tx->hops[2].entity].name, "merchant");
    assert_int_equal(tx->carried_count, 1);
    assert_int_equal(tx->carried[0].hop, 1);
    assert_int_equal(tx->hops[1].read_count, 1);
    weir_plan_unref(plan);
}

static void families_have_a_member_a_window(void **state)
{
    (void)state;
    const weir_plan *plan =
        plan_of("package t\n" TX "features g per card from tx {\n n = count() over 1m, ever, last "
                "5\n one = sum(mcc) over 1h\n}\n"
                "vector v on tx {\n g.*  fast = g.n  quick = g.one  this.device.id  x = g.n[60s] + "
                "1  let y = x * 2  z = y + x\n}\n");
    static const char *const names[] = {
        "g_n_1m",      "g_n_ever", "g_n_last_5", "g_one", "fast_1m", "fast_ever",
        "fast_last_5", "quick",    "device_id",  "x",     "z"};
    const weir_plan_vector *vector = &plan->vectors[0];
    assert_int_equal(vector->column_count, 11);
    for (uint32_t i = 0; i < 11; i++)
        assert_string_equal(vector->columns[i].name, names[i]);
    assert_int_equal(vector->columns[0].member, member_of(plan, "g_n_1m") - plan->members);
    assert_int_equal(vector->columns[4].member, vector->columns[0].member);
    assert_int_equal(vector->columns[9].member, WEIR_NONE);
    weir_plan_unref(plan);
}

static void joined_streams_give_null_where_a_field_is_missing(void **state)
{
    (void)state;
    const weir_plan *plan =
        plan_of("package t\nstream view from kafka(\"v\") avro(\"web.View\") { time ts  observed "
                "by item }\n"
                "stream buy from kafka(\"b\") avro(\"web.Buy\") { time ts  observed by item }\n"
                "features p per item from view join buy {\n seen = count(view) over 1h\n sold = "
                "count(buy) over 1h\n"
                " spent = sum(price * qty) over 1h\n dwell = mean(dwell_ms) over 1h\n}\n");
    assert_int_equal(plan->view_count, 1);
    assert_int_equal(plan->views[0].source_count, 2);
    for (uint32_t i = 0; i < plan->views[0].column_count; i++)
        assert_true(plan->views[0].column_types[i].optional);
    assert_int_equal(member_of(plan, "p_spent")->type.kind, WEIR_DECIMAL);
    weir_plan_unref(plan);
}

static void this_is_bound_for_each_stream_that_asks(void **state)
{
    (void)state;
    const weir_plan *plan = plan_of(
        "package t\n" TX
        "stream ask from kafka(\"ask\") avro(\"pay.Lookup\") { time ts  observed by card }\n"
        "features g per card from tx {\n idle = this.ts - last(ts) over ever\n k = count() where "
        "mcc > this.n over 1h\n}\n"
        "vector v on tx { g.idle }\nvector w on ask { g.idle  g.k }\n");
    assert_int_equal(plan->stream_count, 2);
    assert_int_equal(plan->streams[1].carried_count, 2);
    assert_int_equal(member_of(plan, "g_k")->this_stream, 1);
    assert_int_equal(member_of(plan, "g_idle")->this_stream, 0);
    weir_plan_unref(plan);
}

static void files_of_two_packages_are_refused(void **state)
{
    (void)state;
    weir_source_text sources[2] = {{"a.weir", "package a\n", 10}, {"b.weir", "package b\n", 10}};
    weir_compilation *result = weir_lang_compile(sources, 2, weir_fixture_host());
    assert_null(result->plan);
    assert_int_equal(result->diagnostic_count, 1);
    assert_string_equal(result->diagnostics[0].code, "E0209");
    weir_compilation_destroy(result);
}

static void a_text_that_is_too_large_is_refused(void **state)
{
    (void)state;
    size_t size = WEIR_LANG_TEXT_BYTES_MAX + 1;
    char *text = weir_arena_alloc(&arena, size);
    memset(text, ' ', size);
    weir_source_text source = {"a.weir", text, size};
    weir_compilation *result = weir_lang_compile(&source, 1, weir_fixture_host());
    assert_null(result->plan);
    assert_string_equal(result->diagnostics[0].code, "E0111");
    weir_compilation_destroy(result);
}

static void names_resolve_across_files(void **state)
{
    (void)state;
    const char *a = "package t\nvector v on tx { g.* }\n",
               *b = "package t\n" TX "features g per card from tx { n = count() over 1h }\n";
    weir_source_text sources[2] = {{"a.weir", a, strlen(a)}, {"b.weir", b, strlen(b)}};
    weir_compilation *result = weir_lang_compile(sources, 2, weir_fixture_host());
    assert_non_null(result->plan);
    weir_compilation_destroy(result);
}

static void a_thousand_features_compile(void **state)
{
    (void)state;
    weir_buffer text = {0};
    weir_buffer_put_text(&text, "package t\n" TX "features g per card from tx {\n");
    for (int i = 0; i < 1000; i++)
        weir_buffer_printf(&text,
                           " f%d = sum(amount) where mcc == %d and status == approved over %dm\n",
                           i, i % 40, i + 1);
    weir_buffer_put_text(&text, "}\nvector v on tx { g.* }\n");
    weir_buffer_put_u8(&text, 0);
    const weir_plan *plan = plan_of((const char *)text.data);
    assert_int_equal(plan->cell_count, 1000);
    weir_plan_unref(plan);
    weir_buffer_deinit(&text);
}

/* ---- Layout ---- */

static void expect_layout(const char *text, const char *expected)
{
    weir_source_text source = {"t.weir", text, strlen(text)};
    weir_buffer out = {0}, again = {0};
    weir_compilation *result = weir_lang_format(&source, &out);
    if (result->diagnostic_count > 0) print_error("%s", weir_fixture_print(result, text));
    assert_int_equal(result->diagnostic_count, 0);
    weir_compilation_destroy(result);
    weir_buffer_put_u8(&out, 0);
    out.size -= 1;
    if (expected != NULL) assert_string_equal((const char *)out.data, expected);
    weir_source_text formatted = {"t.weir", (const char *)out.data, out.size};
    weir_compilation_destroy(weir_lang_format(&formatted, &again));
    weir_buffer_put_u8(&again, 0);
    assert_string_equal((const char *)again.data, (const char *)out.data);
    weir_buffer_deinit(&out);
    weir_buffer_deinit(&again);
}

static void layout_adds_brackets_where_reading_surprises(void **state)
{
    (void)state;
    expect_layout(
        IN("g", "a=mean(amount)over 1h\nb=this.amount+a??0.0\nc=if b>1.0 then b else b+1.0"),
        "package t\n" TX "features g per card from tx {\n  a = mean(amount)   over 1h\n  b = "
        "(this.amount + a) ?? 0.0\n"
        "  c = if b > 1.0 then b else (b + 1.0)\n}\n");
}

static void layout_keeps_comments_and_blank_lines(void **state)
{
    (void)state;
    expect_layout(
        "// top\n\n\npackage t // the package\n// before\nenum A {a,b} // behind\n\n\n// inside "
        "next\nfeatures g per card from tx { // head\n// first\n\n"
        "n=count() // n\n   over 1h // window\n\n\n // last\n}\n// end",
        "// top\n\npackage t  // the package\n// before\nenum A { a, b }  // behind\n\n// inside "
        "next\nfeatures g per card from tx {  // head\n"
        "  // first\n\n  // n\n  n = count()   over 1h  // window\n\n  // last\n}\n// end\n");
}

static void layout_keeps_what_shares_a_line(void **state)
{
    (void)state;
    expect_layout("package t\nfeatures g per a,b from x join y where k>1 { n=count() over 90d  "
                  "m=sum(p*q) over 90d }\n"
                  "vector v on x {\n g.*    g.{n,m}\n  q=g.n[1h] this.a.b }\n",
                  "package t\nfeatures g per a, b from x join y where k > 1 { n = count() over 90d "
                  "  m = sum(p * q) over 90d }\n"
                  "vector v on x {\n  g.*  g.{n, m}\n  q = g.n[1h]  this.a.b\n}\n");
}

/* fmt(parse(x)) means what x means. */
static void layout_keeps_the_identity(void **state)
{
    (void)state;
    const char *text =
        "package t\n" TX "features g per card from tx where mcc>0 {let ok=status==approved\n"
        "a=sum(amount)where ok and not(mcc==3 or mcc==4)over 1h,24h,last 3\nb=if a[1h]>3.00 then "
        "a[1h]??0.0 else a[24h]+1.0*2.0\n"
        "c=any(merchant==this.merchant)delayed 1h over 7d}\nvector v on tx{g.* d=g.b*2 this.mcc}\n"
        "score s on tx using model \"m\"{input v to kafka(\"o\") decide{x when score>=0.5 else y} "
        "fallback 0.5}\n";
    weir_source_text source = {"t.weir", text, strlen(text)};
    weir_buffer out = {0};
    weir_compilation_destroy(weir_lang_format(&source, &out));
    weir_buffer_put_u8(&out, 0);
    const weir_plan *a = plan_of(text), *b = plan_of((const char *)out.data);
    assert_memory_equal(a->digest, b->digest, WEIR_DIGEST_BYTES);
    weir_plan_unref(a);
    weir_plan_unref(b);
    weir_buffer_deinit(&out);
}

/* ---- Tests run ---- */

static void expect_tests(const char *text, bool passed, const char *message)
{
    const weir_plan *plan = plan_of(text);
    const weir_test_result *results = NULL;
    size_t count = 0;
    assert_null(weir_lang_run_tests(plan, &arena, &results, &count));
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        if (results[i].passed != passed) print_error("%s: %s", results[i].name, results[i].message);
        assert_int_equal(results[i].passed, passed);
        if (message != NULL) assert_string_equal(results[i].message, message);
    }
    weir_plan_unref(plan);
}

static void a_test_tells_what_came(void **state)
{
    (void)state;
    expect_tests(
        IN("g", "n = count() over 1m") "test \"x\" {\n  given tx { card: \"a\", ts: 12:00:00 }\n  "
                                       "at tx { card: \"a\", ts: 12:00:01 }\n"
                                       "  expect g.n = 2\n}\n",
        false, "line 9: g.n: expected 2, got 1\n");
}

#define STRICT                                                                                     \
    "package t\nstream tx from kafka(\"tx\") avro(\"pay.Tx\") { time ts  id tx_id  observed by "   \
    "card  expect amount > 0.00 }\nfeatures g per card from tx { n = count() over 1m }\n"          \
    "test \"x\" {\n"

/* R9 and `expect` can be tested: what a worker would drop changes nothing, and is named. */
static void an_event_that_is_dropped_changes_nothing(void **state)
{
    (void)state;
    expect_tests(STRICT "  given tx { card: \"a\", amount: 0 }\n"
                        "  given tx { card: \"a\", amount: 1, tx_id: \"1\" }\n"
                        "  given tx { card: \"a\", amount: 2, tx_id: \"1\" }\n"
                        "  at tx { card: \"a\", amount: 1 }\n  expect g.n = 1\n}\n",
                 true,
                 "line 5: the event is refused by `expect amount > 0.00`\n"
                 "line 7: the event is a duplicate and changes nothing\n");
}

static void nothing_is_read_at_an_event_that_is_dropped(void **state)
{
    (void)state;
    expect_tests(STRICT "  at tx { card: \"a\", amount: 0 }\n  expect g.n = 0\n}\n", false,
                 "line 5: the event is refused by `expect amount > 0.00`\n");
    expect_tests(STRICT "  given tx { card: \"a\", amount: 1, tx_id: \"1\" }\n"
                        "  at tx { card: \"a\", amount: 1, tx_id: \"1\" }\n  expect g.n = 1\n}\n",
                 false, "line 6: the event is a duplicate and changes nothing\n");
}

/* What is given behind an `at` is not known there. */
static void expectations_are_read_at_the_last_at(void **state)
{
    (void)state;
    expect_tests(STRICT "  at tx { card: \"a\", amount: 1 }\n"
                        "  given tx { card: \"a\", amount: 1 }\n"
                        "  given tx { card: \"b\", amount: 0 }\n  expect g.n = 0\n"
                        "  at tx { card: \"a\", amount: 1 }\n  expect g.n = 2\n}\n",
                 true, "line 7: the event is refused by `expect amount > 0.00`\n");
}

static void ids_that_a_test_does_not_name_are_none_that_it_names(void **state)
{
    (void)state;
    expect_tests(STRICT "  given tx { card: \"a\", amount: 1 }\n"
                        "  given tx { card: \"a\", amount: 1, tx_id: \"test-0\" }\n"
                        "  given tx { card: \"a\", amount: 1, tx_id: \"test-3\" }\n"
                        "  given tx { card: \"a\", amount: 1 }\n"
                        "  at tx { card: \"a\", amount: 1 }\n  expect g.n = 4\n}\n",
                 true, "");
    weir_fixture_schema("pay.Numbered", "id int64, card string, ts time");
    expect_tests("package t\nstream n from kafka(\"n\") avro(\"pay.Numbered\") { time ts  id id  "
                 "observed by card }\nfeatures g per card from n { n = count() over 1m }\n"
                 "test \"x\" {\n  given n { id: 1 }\n  given n { id: 2 }\n  given n {}\n"
                 "  given n { id: 9223372036854775807 }\n  at n {}\n  expect g.n = 4\n}\n",
                 true, "");
}

/* Each file of tests/golden/tests holds definitions whose own `test` blocks all pass. */
static void test_blocks_of_the_golden_folder_pass(void **state)
{
    (void)state;
    const char *root = getenv("WEIR_TEST_ROOT");
    const char *folder =
        weir_arena_printf(&arena, "%s/tests/golden/tests", root == NULL ? "." : root);
    const char *const *names = NULL;
    size_t count = 0;
    weir_error_free(weir_dir_list(folder, ".weir", 1000, &arena, &names, &count));
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        weir_bytes bytes;
        assert_null(weir_file_read(weir_arena_printf(&arena, "%s/%s", folder, names[i]), 1 << 20,
                                   &arena, &bytes));
        const char *text = weir_arena_string(&arena, (const char *)bytes.data, bytes.size);
        expect_tests(text, true, NULL);
        expect_layout(text, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rename_keeps_the_identity),
        cmocka_unit_test(anything_else_changes_the_identity),
        cmocka_unit_test(the_order_of_a_text_does_not_matter),
        cmocka_unit_test(a_rename_keeps_the_state),
        cmocka_unit_test(what_is_kept_and_carried_has_a_digest_of_its_own),
        cmocka_unit_test(equal_aggregates_share_a_cell),
        cmocka_unit_test(an_equality_with_this_keys_a_view_of_its_own),
        cmocka_unit_test(last_n_chooses_before_the_filter_and_keeps_the_entitys_key),
        cmocka_unit_test(other_comparisons_with_this_read_stored_columns),
        cmocka_unit_test(a_nested_feature_is_carried_from_an_earlier_hop),
        cmocka_unit_test(families_have_a_member_a_window),
        cmocka_unit_test(joined_streams_give_null_where_a_field_is_missing),
        cmocka_unit_test(this_is_bound_for_each_stream_that_asks),
        cmocka_unit_test(files_of_two_packages_are_refused),
        cmocka_unit_test(a_text_that_is_too_large_is_refused),
        cmocka_unit_test(names_resolve_across_files),
        cmocka_unit_test(a_thousand_features_compile),
        cmocka_unit_test(layout_adds_brackets_where_reading_surprises),
        cmocka_unit_test(layout_keeps_comments_and_blank_lines),
        cmocka_unit_test(layout_keeps_what_shares_a_line),
        cmocka_unit_test(layout_keeps_the_identity),
        cmocka_unit_test(a_test_tells_what_came),
        cmocka_unit_test(an_event_that_is_dropped_changes_nothing),
        cmocka_unit_test(nothing_is_read_at_an_event_that_is_dropped),
        cmocka_unit_test(expectations_are_read_at_the_last_at),
        cmocka_unit_test(ids_that_a_test_does_not_name_are_none_that_it_names),
        cmocka_unit_test(test_blocks_of_the_golden_folder_pass),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
