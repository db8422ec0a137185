/* SPDX-License-Identifier: Apache-2.0 */
/* registry_live URL - what the client promises, asked of a real registry. Prints what differs; 0 if
 * nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "schemas/registry.h"

#define RECORD(fields)                                                                             \
    "{\"type\":\"record\",\"name\":\"Tx\",\"namespace\":\"pay\",\"fields\":[" fields "]}"
#define FIELD_A "{\"name\":\"a\",\"type\":\"int\"}"

static const char first[] = RECORD(FIELD_A);
static const char evolved[] =
    RECORD(FIELD_A ",{\"name\":\"b\",\"type\":[\"null\",\"string\"],\"default\":null}");
static const char broken[] = RECORD("{\"name\":\"a\",\"type\":\"string\"}");

static int failures;

static void expect(bool holds, const char *what)
{
    if (holds) return;
    failures++;
    (void)fprintf(stderr, "registry_live: not so: %s\n", what);
}

static void expect_no_error(weir_error *error, const char *what)
{
    if (error == NULL) return;
    failures++;
    (void)fprintf(stderr, "registry_live: %s: %s\n", what, weir_error_message(error));
    weir_error_free(error);
}

static void versions_evolve(weir_registry *registry, const char *subject)
{
    int32_t one = 0, two = 0, again = 0, latest = 0;
    const weir_schema *schema = NULL;
    expect_no_error(weir_registry_latest(registry, subject, &latest, &schema),
                    "a subject that is not there");
    expect(schema == NULL, "an unknown subject has no schema");
    expect_no_error(weir_registry_register(registry, subject, first, &one), "register");
    expect_no_error(weir_registry_by_id(registry, one, &schema), "by id");
    expect(schema != NULL && strcmp(schema->full_name, "pay.Tx") == 0,
           "the schema of the id is pay.Tx");
    expect_no_error(weir_registry_register(registry, subject, evolved, &two),
                    "register the next version");
    expect(one != two, "the next version has another id");
    expect_no_error(weir_registry_latest(registry, subject, &latest, &schema), "latest");
    expect(latest == two && schema != NULL && schema->field_count == 2,
           "the latest version is the second one");
    expect_no_error(weir_registry_register(registry, subject, first, &again),
                    "register the first again");
    expect(again == one, "the first version keeps its id");
}

static void rules_are_asked(weir_registry *registry, const char *subject)
{
    bool fits = false;
    const weir_schema *schema = NULL;
    expect_no_error(weir_registry_check(registry, subject, evolved, &fits), "check what fits");
    expect(fits, "the same schema fits");
    expect_no_error(weir_registry_check(registry, subject, broken, &fits),
                    "check what does not fit");
    expect_no_error(weir_registry_by_id(registry, 2000000000, &schema), "an id that is not there");
    expect(schema == NULL, "an unknown id has no schema");
    expect_no_error(weir_registry_find(registry, "pay.Tx", &schema), "find by name");
    expect(schema != NULL && schema->field_count == 2,
           "the newest schema of that name is found under any subject");
    expect_no_error(weir_registry_find(registry, "pay.Nothing", &schema),
                    "find a name that is not there");
    expect(schema == NULL, "a name that is not there is not found");
}

int main(int argc, char **argv)
{
    if (argc != 2) return 64;
    weir_registry *registry = NULL;
    char subject[64];
    (void)snprintf(subject, sizeof subject, "tx %ld/a-value", (long)getpid());
    weir_error *error = weir_registry_open(
        &(weir_registry_options){.url = argv[1], .timeout_ms = 30000}, &registry);
    if (error != NULL) {
        expect_no_error(error, "open");
        return 1;
    }
    versions_evolve(registry, subject);
    rules_are_asked(registry, subject);
    expect(weir_registry_state_of(registry).is_up, "the registry is up");
    weir_registry_close(registry);
    return failures == 0 ? 0 : 1;
}
