/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/admin.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

#include "ingest/kafka_internal.h"
#include "ops/runtime/assert.h"

struct weir_admin {
    rd_kafka_t *handle;
    rd_kafka_queue_t *queue; /* answers of the admin calls */
    weir_kafka_options options;
    int timeout_ms;
};

static const char *const admin_fixed[] = {"enable.auto.commit", "false", "group.id", "weir-admin",
                                          NULL};

weir_error *weir_admin_open(const weir_kafka_options *options, weir_admin **admin_out)
{
    rd_kafka_conf_t *conf = NULL;
    rd_kafka_t *handle = NULL;
    WEIR_TRY(weir_kafka_conf(options, NULL, admin_fixed, &conf));
    WEIR_TRY(weir_kafka_handle(conf, false, &handle));
    weir_admin *admin = calloc(1, sizeof *admin);
    WEIR_ASSERT(admin != NULL);
    *admin = (weir_admin){.handle = handle,
                          .queue = rd_kafka_queue_new(handle),
                          .options = *options,
                          .timeout_ms = weir_kafka_timeout(options)};
    *admin_out = admin;
    return NULL;
}

void weir_admin_close(weir_admin *admin)
{
    if (admin == NULL) return;
    rd_kafka_queue_destroy(admin->queue);
    weir_kafka_destroy(admin->handle);
    free(admin);
}

/* Metadata of all topics, or of those named by nobody: brokers only. Serves callbacks first. */
static weir_error *metadata_get(weir_admin *admin, bool all_topics, const rd_kafka_metadata_t **out)
{
    (void)rd_kafka_poll(admin->handle, 0);
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(admin->handle, all_topics, NULL, out, admin->timeout_ms);
    if (code == 0) return NULL;
    return weir_kafka_failed(code, "asking the brokers at %s what they hold",
                             admin->options.brokers);
}

weir_error *weir_admin_brokers(weir_admin *admin, weir_arena *into, const weir_broker_info **out,
                               size_t *count_out)
{
    const rd_kafka_metadata_t *metadata = NULL;
    WEIR_TRY(metadata_get(admin, false, &metadata));
    weir_broker_info *brokers =
        weir_arena_array(into, weir_broker_info, (size_t)metadata->broker_cnt + 1);
    for (int i = 0; i < metadata->broker_cnt; i++) {
        const rd_kafka_metadata_broker_t *broker = &metadata->brokers[i];
        brokers[i] =
            (weir_broker_info){.id = broker->id,
                               .host = weir_arena_string(into, broker->host, strlen(broker->host)),
                               .port = broker->port};
    }
    *out = brokers;
    *count_out = (size_t)metadata->broker_cnt;
    rd_kafka_metadata_destroy(metadata);
    return NULL;
}

weir_error *weir_admin_is_embedded(weir_admin *admin, bool *is_embedded_out)
{
    /* librdkafka names its mock clusters so; Kafka's ids are random, in base64. */
    static const char prefix[] = "mockCluster";
    const rd_kafka_metadata_t *metadata = NULL;
    WEIR_TRY(metadata_get(admin, false, &metadata)); /* and with it the id */
    rd_kafka_metadata_destroy(metadata);
    char *id = rd_kafka_clusterid(admin->handle, 0);
    *is_embedded_out = id != NULL && strncmp(id, prefix, sizeof prefix - 1) == 0;
    rd_kafka_mem_free(admin->handle, id);
    return NULL;
}

weir_error *weir_admin_list(weir_admin *admin, weir_arena *into, const char *const **names_out,
                            size_t *count_out)
{
    const rd_kafka_metadata_t *metadata = NULL;
    WEIR_TRY(metadata_get(admin, true, &metadata));
    const char **names = weir_arena_array(into, const char *, (size_t)metadata->topic_cnt + 1);
    size_t count = 0;
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const char *name = metadata->topics[i].topic;
        if (strncmp(name, "__", 2) == 0) continue;
        names[count++] = weir_arena_string(into, name, strlen(name));
    }
    rd_kafka_metadata_destroy(metadata);
    *names_out = names;
    *count_out = count;
    return NULL;
}

/* --- admin calls --- */

/* Waits for the answer of the call just made and checks that it is of that kind. */
static weir_error *answer_get(weir_admin *admin, rd_kafka_event_type_t kind, const char *what,
                              rd_kafka_event_t **event_out)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(admin->queue, admin->timeout_ms + 1000);
    if (event == NULL) {
        return weir_kafka_failed(RD_KAFKA_RESP_ERR__TIMED_OUT, "%s at %s", what,
                                 admin->options.brokers);
    }
    if (rd_kafka_event_error(event) != 0 || rd_kafka_event_type(event) != kind) {
        rd_kafka_resp_err_t code = rd_kafka_event_error(event);
        const char *reason = rd_kafka_event_error_string(event);
        weir_error *error = weir_kafka_failed(code == 0 ? RD_KAFKA_RESP_ERR__FAIL : code, "%s: %s",
                                              what, reason == NULL ? "" : reason);
        rd_kafka_event_destroy(event);
        return error;
    }
    *event_out = event;
    return NULL;
}

static rd_kafka_AdminOptions_t *call_options(weir_admin *admin, rd_kafka_admin_op_t kind)
{
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(admin->handle, kind);
    char why[128];
    (void)rd_kafka_AdminOptions_set_request_timeout(options, admin->timeout_ms, why, sizeof why);
    return options;
}

/* The mock names a controller that is none of its brokers: it knows no admin calls. */
static weir_error *controller_find(weir_admin *admin, bool *found_out)
{
    const rd_kafka_metadata_t *metadata = NULL;
    WEIR_TRY(metadata_get(admin, false, &metadata));
    int32_t controller = rd_kafka_controllerid(admin->handle, 0);
    *found_out = false;
    for (int i = 0; i < metadata->broker_cnt; i++) {
        *found_out = *found_out || metadata->brokers[i].id == controller;
    }
    rd_kafka_metadata_destroy(metadata);
    return NULL;
}

static void config_apply(weir_topic_state *state, const char *name, const char *value)
{
    if (value == NULL) return;
    if (strcmp(name, "message.timestamp.type") == 0) {
        state->is_log_append_time = strcmp(value, "LogAppendTime") == 0;
    } else if (strcmp(name, "cleanup.policy") == 0) {
        state->is_compacted = strstr(value, "compact") != NULL;
        state->is_deleted = strstr(value, "delete") != NULL;
    } else if (strcmp(name, "retention.ms") == 0) {
        state->retention_ms = strtoll(value, NULL, 10);
    } else if (strcmp(name, "retention.bytes") == 0) {
        state->retention_bytes = strtoll(value, NULL, 10);
    } else if (strcmp(name, "max.message.bytes") == 0) {
        state->max_message_bytes = strtoll(value, NULL, 10);
    }
}

static void config_read(const rd_kafka_ConfigResource_t *resource, weir_topic_state *state)
{
    if (rd_kafka_ConfigResource_error(resource) != 0) return;
    size_t count = 0;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    state->knows_config = count > 0;
    for (size_t i = 0; i < count; i++) {
        config_apply(state, rd_kafka_ConfigEntry_name(entries[i]),
                     rd_kafka_ConfigEntry_value(entries[i]));
    }
}

static bool is_unsupported(const weir_error *error)
{
    return strstr(weir_error_message(error), "UNSUPPORTED_FEATURE") != NULL ||
           strstr(weir_error_message(error), "UNSUPPORTED_VERSION") != NULL;
}

/* Fills the configurations of the existing topics; a broker that can not tell leaves them unknown.
 */
static weir_error *configs_get(weir_admin *admin, weir_topic_state *states, size_t count)
{
    bool has_controller = false;
    WEIR_TRY(controller_find(admin, &has_controller));
    if (!has_controller) return NULL;
    rd_kafka_ConfigResource_t **asked = calloc(count + 1, sizeof(rd_kafka_ConfigResource_t *));
    WEIR_ASSERT(asked != NULL);
    size_t asked_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!states[i].exists) continue;
        asked[asked_count++] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, states[i].name);
    }
    weir_error *error = NULL;
    rd_kafka_event_t *event = NULL;
    if (asked_count > 0) {
        rd_kafka_AdminOptions_t *options = call_options(admin, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
        rd_kafka_DescribeConfigs(admin->handle, asked, asked_count, options, admin->queue);
        rd_kafka_AdminOptions_destroy(options);
        error = answer_get(admin, RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT, "reading configurations",
                           &event);
    }
    rd_kafka_ConfigResource_destroy_array(asked, asked_count);
    free(asked);
    if (error != NULL && is_unsupported(error)) {
        weir_error_free(error);
        return NULL;
    }
    if (event == NULL) return error;
    size_t got = 0;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &got);
    for (size_t i = 0; i < got; i++) {
        const char *name = rd_kafka_ConfigResource_name(resources[i]);
        for (size_t k = 0; k < count; k++) {
            if (strcmp(states[k].name, name) == 0) config_read(resources[i], &states[k]);
        }
    }
    rd_kafka_event_destroy(event);
    return NULL;
}

weir_error *weir_admin_topics(weir_admin *admin, const char *const *names, size_t count,
                              weir_arena *into, weir_topic_state **states_out)
{
    weir_topic_state *states = weir_arena_array(into, weir_topic_state, count + 1);
    const rd_kafka_metadata_t *metadata = NULL;
    /* All topics in one answer: asking for one that is missing may create it on some brokers. */
    WEIR_TRY(metadata_get(admin, true, &metadata));
    for (size_t i = 0; i < count; i++) {
        states[i] = (weir_topic_state){.name = names[i], .retention_ms = -1, .retention_bytes = -1};
        for (int k = 0; k < metadata->topic_cnt; k++) {
            const rd_kafka_metadata_topic_t *topic = &metadata->topics[k];
            if (strcmp(topic->topic, names[i]) != 0 || topic->err != 0) continue;
            states[i].exists = topic->partition_cnt > 0;
            states[i].partitions = topic->partition_cnt;
            states[i].replication = topic->partition_cnt > 0 ? topic->partitions[0].replica_cnt : 0;
        }
    }
    rd_kafka_metadata_destroy(metadata);
    *states_out = states;
    return configs_get(admin, states, count);
}

static rd_kafka_NewTopic_t *new_topic(const weir_topic_spec *spec, weir_error **error_out)
{
    char why[256];
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(spec->name, spec->partitions, spec->replication, why, sizeof why);
    if (topic == NULL) {
        *error_out = weir_error_new(WEIR_E_SETTINGS, "topic %s: %s", spec->name, why);
        return NULL;
    }
    for (const char *const *pair = spec->configs; pair != NULL && *pair != NULL; pair += 2) {
        (void)rd_kafka_NewTopic_set_config(topic, pair[0], pair[1]);
    }
    return topic;
}

static weir_error *created_check(rd_kafka_event_t *event)
{
    size_t count = 0;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[i]);
        if (code == 0 || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) continue;
        const char *why = rd_kafka_topic_result_error_string(results[i]);
        return weir_kafka_failed(code, "creating topic %s: %s",
                                 rd_kafka_topic_result_name(results[i]), why == NULL ? "" : why);
    }
    return NULL;
}

/* The mock has no controller and knows no CreateTopics, but makes a topic when a producer asks for
 * its metadata. */
static weir_error *create_by_asking(weir_admin *admin, const weir_topic_spec *specs, size_t count)
{
    rd_kafka_conf_t *conf = NULL;
    rd_kafka_t *handle = NULL;
    WEIR_TRY(weir_kafka_conf(&admin->options, NULL, NULL, &conf));
    WEIR_TRY(weir_kafka_handle(conf, true, &handle));
    weir_error *error = NULL;
    for (size_t i = 0; i < count && error == NULL; i++) {
        rd_kafka_topic_t *topic = rd_kafka_topic_new(handle, specs[i].name, NULL);
        const rd_kafka_metadata_t *metadata = NULL;
        rd_kafka_resp_err_t code =
            rd_kafka_metadata(handle, 0, topic, &metadata, admin->timeout_ms);
        if (code != 0) error = weir_kafka_failed(code, "creating topic %s", specs[i].name);
        if (code == 0) rd_kafka_metadata_destroy(metadata);
        rd_kafka_topic_destroy(topic);
    }
    weir_kafka_destroy(handle);
    return error;
}

/* The controller answers before every broker knows the topic. */
static weir_error *created_wait(weir_admin *admin, const weir_topic_spec *specs, size_t count)
{
    for (int tries = 0; tries < 100; tries++) {
        const rd_kafka_metadata_t *metadata = NULL;
        WEIR_TRY(metadata_get(admin, true, &metadata));
        size_t found = 0;
        for (size_t i = 0; i < count; i++) {
            for (int k = 0; k < metadata->topic_cnt; k++) {
                const rd_kafka_metadata_topic_t *topic = &metadata->topics[k];
                if (strcmp(topic->topic, specs[i].name) != 0) continue;
                bool has_leader = topic->partition_cnt > 0;
                for (int n = 0; n < topic->partition_cnt; n++) {
                    has_leader = has_leader && topic->partitions[n].leader >= 0;
                }
                found += has_leader;
            }
        }
        rd_kafka_metadata_destroy(metadata);
        if (found == count) return NULL;
        (void)rd_kafka_poll(admin->handle, 100);
    }
    return weir_error_new(WEIR_E_TIMEOUT, "the topics were created but have no leader after 10 s; "
                                          "see that all brokers are up");
}

static weir_error *create_by_call(weir_admin *admin, const weir_topic_spec *specs, size_t count)
{
    weir_error *error = NULL;
    rd_kafka_NewTopic_t **topics = calloc(count, sizeof(rd_kafka_NewTopic_t *));
    WEIR_ASSERT(topics != NULL);
    size_t made = 0;
    while (made < count && (topics[made] = new_topic(&specs[made], &error)) != NULL)
        made++;
    if (error == NULL) {
        rd_kafka_AdminOptions_t *options = call_options(admin, RD_KAFKA_ADMIN_OP_CREATETOPICS);
        char why[128];
        (void)rd_kafka_AdminOptions_set_operation_timeout(options, admin->timeout_ms, why,
                                                          sizeof why);
        rd_kafka_CreateTopics(admin->handle, topics, count, options, admin->queue);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_event_t *event = NULL;
        error = answer_get(admin, RD_KAFKA_EVENT_CREATETOPICS_RESULT, "creating topics", &event);
        if (event != NULL) {
            error = created_check(event);
            rd_kafka_event_destroy(event);
        }
    }
    rd_kafka_NewTopic_destroy_array(topics, made);
    free(topics);
    return error;
}

weir_error *weir_admin_create(weir_admin *admin, const weir_topic_spec *specs, size_t count)
{
    if (count == 0) return NULL;
    bool has_controller = false;
    WEIR_TRY(controller_find(admin, &has_controller));
    if (has_controller) {
        WEIR_TRY(create_by_call(admin, specs, count));
    } else {
        WEIR_TRY(create_by_asking(admin, specs, count));
    }
    return created_wait(admin, specs, count);
}

weir_error *weir_admin_delete(weir_admin *admin, const char *name)
{
    rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(name);
    rd_kafka_AdminOptions_t *options = call_options(admin, RD_KAFKA_ADMIN_OP_DELETETOPICS);
    rd_kafka_DeleteTopics(admin->handle, &topic, 1, options, admin->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_DeleteTopic_destroy(topic);
    rd_kafka_event_t *event = NULL;
    WEIR_TRY(answer_get(admin, RD_KAFKA_EVENT_DELETETOPICS_RESULT, "deleting a topic", &event));
    rd_kafka_event_destroy(event);
    return NULL;
}

/* --- offsets --- */

weir_error *weir_admin_ends(weir_admin *admin, const char *topic, int32_t partition,
                            int64_t *start_out, int64_t *end_out)
{
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
        admin->handle, topic, partition, start_out, end_out, admin->timeout_ms);
    if (code == 0) return NULL;
    return weir_kafka_failed(code, "asking for the ends of %s[%d]", topic, partition);
}

weir_error *weir_admin_offset_at(weir_admin *admin, const char *topic, int32_t partition,
                                 int64_t time_us, int64_t *offset_out)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    /* Kafka's times are milliseconds: round up, so that nothing before time_us is included. */
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset =
        time_us / 1000 + (time_us % 1000 > 0);
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(admin->handle, list, admin->timeout_ms);
    if (code == 0) code = list->elems[0].err;
    int64_t offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    if (code != 0) return weir_kafka_failed(code, "looking up a time in %s[%d]", topic, partition);
    if (offset >= 0) {
        *offset_out = offset;
        return NULL;
    }
    int64_t start = 0;
    return weir_admin_ends(admin, topic, partition, &start, offset_out);
}

static void committed_read(const rd_kafka_topic_partition_list_t *list, int32_t count,
                           int64_t *offsets_out)
{
    for (int i = 0; list != NULL && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *one = &list->elems[i];
        if (one->partition < count && one->err == 0 && one->offset >= 0) {
            offsets_out[one->partition] = one->offset;
        }
    }
}

weir_error *weir_admin_committed(weir_admin *admin, const char *group, const char *topic,
                                 int32_t count, int64_t *offsets_out)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    rd_kafka_topic_partition_list_add_range(list, topic, 0, count - 1);
    rd_kafka_ListConsumerGroupOffsets_t *asked = rd_kafka_ListConsumerGroupOffsets_new(group, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_AdminOptions_t *options =
        call_options(admin, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    rd_kafka_ListConsumerGroupOffsets(admin->handle, &asked, 1, options, admin->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ListConsumerGroupOffsets_destroy(asked);
    rd_kafka_event_t *event = NULL;
    WEIR_TRY(answer_get(admin, RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT,
                        "asking what the group has committed", &event));
    for (int32_t i = 0; i < count; i++)
        offsets_out[i] = -1;
    size_t group_count = 0;
    const rd_kafka_group_result_t **groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event), &group_count);
    weir_error *error = NULL;
    if (group_count == 1) {
        const rd_kafka_error_t *failure = rd_kafka_group_result_error(groups[0]);
        if (failure != NULL && rd_kafka_error_code(failure) != 0) {
            error =
                weir_kafka_failed(rd_kafka_error_code(failure), "what group %s has committed: %s",
                                  group, rd_kafka_error_string(failure));
        }
        committed_read(rd_kafka_group_result_partitions(groups[0]), count, offsets_out);
    }
    rd_kafka_event_destroy(event);
    return error;
}

/* --- groups --- */

static weir_group_member member_of(const rd_kafka_MemberDescription_t *member, weir_arena *into)
{
    const char *name = rd_kafka_MemberDescription_group_instance_id(member);
    if (name == NULL || name[0] == '\0') name = rd_kafka_MemberDescription_client_id(member);
    const char *host = rd_kafka_MemberDescription_host(member);
    host += host[0] == '/'; /* as Java prints an address */
    const rd_kafka_MemberAssignment_t *dealt = rd_kafka_MemberDescription_assignment(member);
    const rd_kafka_topic_partition_list_t *list =
        dealt == NULL ? NULL : rd_kafka_MemberAssignment_partitions(dealt);
    return (weir_group_member){.name = weir_arena_string(into, name, strlen(name)),
                               .host = weir_arena_string(into, host, strlen(host)),
                               .partitions = list == NULL ? 0 : (size_t)list->cnt};
}

static weir_error *group_read(const rd_kafka_ConsumerGroupDescription_t *found, const char *group,
                              weir_arena *into, weir_group_state *out)
{
    const rd_kafka_error_t *failure = rd_kafka_ConsumerGroupDescription_error(found);
    if (failure != NULL && rd_kafka_error_code(failure) != 0) {
        return weir_kafka_failed(rd_kafka_error_code(failure), "who is in group %s: %s", group,
                                 rd_kafka_error_string(failure));
    }
    size_t count = rd_kafka_ConsumerGroupDescription_member_count(found);
    weir_group_member *members = weir_arena_array(into, weir_group_member, count + 1);
    for (size_t i = 0; i < count; i++)
        members[i] = member_of(rd_kafka_ConsumerGroupDescription_member(found, i), into);
    *out = (weir_group_state){
        .state = rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(found)),
        .members = members,
        .member_count = count};
    return NULL;
}

weir_error *weir_admin_group(weir_admin *admin, const char *group, weir_arena *into,
                             weir_group_state *out)
{
    *out = (weir_group_state){.state = "Unknown"};
    rd_kafka_AdminOptions_t *options =
        call_options(admin, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
    rd_kafka_DescribeConsumerGroups(admin->handle, &group, 1, options, admin->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_event_t *event = NULL;
    WEIR_TRY(answer_get(admin, RD_KAFKA_EVENT_DESCRIBECONSUMERGROUPS_RESULT,
                        "asking who is in the group", &event));
    size_t count = 0;
    const rd_kafka_ConsumerGroupDescription_t **groups =
        rd_kafka_DescribeConsumerGroups_result_groups(
            rd_kafka_event_DescribeConsumerGroups_result(event), &count);
    weir_error *error = count == 1 ? group_read(groups[0], group, into, out) : NULL;
    rd_kafka_event_destroy(event);
    return error;
}
