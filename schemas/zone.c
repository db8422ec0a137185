/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time zones: a table of the instants at which a zone's offset changed, and for the time after the
 * last of them a rule ("from the last Sunday of March ..."), from the footer of the TZif file.
 * Offsets are all that a definition can see, so a change of name or of the daylight flag is no
 * transition here, and what the rule gives anyway is not kept in the table: two TZif files of the
 * same rules ("fat" and "slim") give the same zone and the same canonical bytes:
 *
 *   version 1 · name (varint length, bytes) · first offset (zigzag s) · transitions (varint count),
 * each as zigzag seconds since the previous one and zigzag offset · 0 or 1: has a rule · the rule:
 * standard and daylight offset (zigzag s), then start and end, each kind, month, week, day
 * (varints), time (zigzag s)
 */
#include <inttypes.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "schemas/time.h"
#include "schemas/time_internal.h"

enum {
    TRANSITIONS_MAX = 4096,
    NAME_MAX_BYTES = 255,
    OFFSET_S_MAX = 26 * 3600, /* RFC 8536: -25:59:59 .. +26:00:00 */
    RULE_TIME_S_MAX = 167 * 3600 + 3599,
    DAY_S = 86400,
    CODE_VERSION = 1,
};

/* The day of a POSIX TZ rule: Jn (without 29 February), n (with it), Mm.w.d. */
typedef enum day_kind { DAY_JULIAN, DAY_ZERO_BASED, DAY_OF_WEEK } day_kind;

typedef struct rule_day {
    day_kind kind;
    uint32_t month, week, day;
    int32_t time_s; /* local, before the change */
} rule_day;

typedef struct zone_rule {
    bool has_daylight;
    int32_t standard_s, daylight_s;
    rule_day start, end; /* of daylight time */
} zone_rule;

typedef struct transition {
    int64_t at_s;
    int32_t offset_s; /* from then on */
} transition;

struct weir_zone {
    const char *name;
    int32_t first_offset_s; /* before the first transition */
    uint32_t transition_count;
    transition *transitions;
    bool has_rule;
    zone_rule rule;
};

const char *weir_zone_name(const weir_zone *zone) { return zone->name; }

/* -- Rules -- */

static bool is_leap_year(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int64_t rule_day_of_week(const rule_day *day, int64_t year)
{
    int64_t first = weir_days_from_civil(year, day->month, 1);
    int64_t next_month = day->month == 12 ? weir_days_from_civil(year + 1, 1, 1)
                                          : weir_days_from_civil(year, day->month + 1, 1);
    int64_t weekday = (first + 4) % 7; /* from Sunday; 1970-01-01 was a Thursday */
    if (weekday < 0) weekday += 7;
    int64_t at = first + ((int64_t)day->day - weekday + 7) % 7 + 7 * ((int64_t)day->week - 1);
    return at >= next_month ? at - 7 : at; /* week 5 is the last one */
}

/* The local instant of the change, in seconds. */
static int64_t rule_day_local_s(const rule_day *day, int64_t year)
{
    int64_t days = 0;
    switch (day->kind) {
    case DAY_JULIAN:
        days = weir_days_from_civil(year, 1, 1) + (int64_t)day->day - 1 +
               (is_leap_year(year) && day->day >= 60);
        break;
    case DAY_ZERO_BASED: days = weir_days_from_civil(year, 1, 1) + (int64_t)day->day; break;
    case DAY_OF_WEEK: days = rule_day_of_week(day, year); break;
    }
    return days * DAY_S + day->time_s;
}

static int64_t rule_start_s(const zone_rule *rule, int64_t year)
{
    return rule_day_local_s(&rule->start, year) - rule->standard_s;
}

static int64_t rule_end_s(const zone_rule *rule, int64_t year)
{
    return rule_day_local_s(&rule->end, year) - rule->daylight_s;
}

static int64_t year_of(int64_t time_s)
{
    return weir_year_from_days(time_s / DAY_S - (time_s % DAY_S < 0));
}

/* The last change at or before time_s decides. A rule's time may reach into the next year, so look
 * at three. */
static int32_t rule_offset_s(const zone_rule *rule, int64_t time_s)
{
    if (!rule->has_daylight) return rule->standard_s;
    int64_t year = year_of(time_s), best = INT64_MIN;
    int32_t offset = rule->standard_s;
    for (int64_t y = year - 1; y <= year + 1; y++) {
        int64_t start = rule_start_s(rule, y), end = rule_end_s(rule, y);
        if (end <= time_s && end > best) {
            best = end;
            offset = rule->standard_s;
        }
        if (start <= time_s &&
            start >= best) { /* on a tie daylight wins: "all year" is start == end */
            best = start;
            offset = rule->daylight_s;
        }
    }
    return offset;
}

/* The first change after time_s, or INT64_MAX. */
static int64_t rule_next_s(const zone_rule *rule, int64_t time_s)
{
    int64_t next = INT64_MAX;
    if (!rule->has_daylight) return next;
    int64_t year = year_of(time_s);
    for (int64_t y = year - 1; y <= year + 2; y++) {
        int64_t changes[2] = {rule_start_s(rule, y), rule_end_s(rule, y)};
        for (int i = 0; i < 2; i++) {
            bool is_change = rule_offset_s(rule, changes[i]) != rule_offset_s(rule, changes[i] - 1);
            if (is_change && changes[i] > time_s && changes[i] < next) next = changes[i];
        }
    }
    return next;
}

/* -- Offset of an instant -- */

int64_t weir_zone_offset_us(const weir_zone *zone, int64_t time_us)
{
    int64_t time_s = time_us / WEIR_US_PER_S - (time_us % WEIR_US_PER_S < 0);
    uint32_t low = 0,
             high = zone->transition_count; /* the number of transitions at or before time_s */
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (zone->transitions[middle].at_s <= time_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    int32_t offset_s = low == 0 ? zone->first_offset_s : zone->transitions[low - 1].offset_s;
    if (low == zone->transition_count && zone->has_rule)
        offset_s = rule_offset_s(&zone->rule, time_s);
    return offset_s * WEIR_US_PER_S;
}

/* -- The footer: a POSIX TZ string -- */

typedef struct cursor {
    const char *at, *end;
} cursor;

static bool take(cursor *text, char c)
{
    if (text->at == text->end || *text->at != c) return false;
    text->at++;
    return true;
}

static bool take_number(cursor *text, uint32_t max, uint32_t *out)
{
    uint32_t value = 0;
    const char *begin = text->at;
    for (; text->at < text->end && *text->at >= '0' && *text->at <= '9' && text->at - begin < 4;
         text->at++)
        value = value * 10 + (uint32_t)(*text->at - '0');
    *out = value;
    return text->at > begin && value <= max;
}

/* [+-]hh[:mm[:ss]] in seconds */
static bool take_hms(cursor *text, uint32_t hours_max, int32_t *out)
{
    bool negative = take(text, '-');
    if (!negative) (void)take(text, '+');
    uint32_t hours = 0, minutes = 0, seconds = 0;
    if (!take_number(text, hours_max, &hours)) return false;
    if (take(text, ':')) {
        if (!take_number(text, 59, &minutes)) return false;
        if (take(text, ':') && !take_number(text, 59, &seconds)) return false;
    }
    int32_t value = (int32_t)(hours * 3600 + minutes * 60 + seconds);
    *out = negative ? -value : value;
    return true;
}

static bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

static bool take_name(cursor *text)
{
    const char *begin = text->at;
    if (take(text, '<')) {
        while (text->at < text->end && *text->at != '>')
            text->at++;
        return take(text, '>');
    }
    while (text->at < text->end && is_letter(*text->at))
        text->at++;
    return text->at - begin >= 3;
}

static bool take_rule_day(cursor *text, rule_day *day)
{
    *day = (rule_day){.kind = DAY_ZERO_BASED, .time_s = 2 * 3600};
    if (take(text, 'M')) {
        day->kind = DAY_OF_WEEK;
        if (!take_number(text, 12, &day->month) || !take(text, '.') ||
            !take_number(text, 5, &day->week) || !take(text, '.') ||
            !take_number(text, 6, &day->day) || day->month == 0 || day->week == 0)
            return false;
    } else if (take(text, 'J')) {
        day->kind = DAY_JULIAN;
        if (!take_number(text, 365, &day->day) || day->day == 0) return false;
    } else if (!take_number(text, 365, &day->day)) {
        return false;
    }
    return !take(text, '/') || take_hms(text, 167, &day->time_s);
}

/* Offsets in the text are west of Greenwich; ours are east. */
static bool parse_footer(const char *footer, size_t size, zone_rule *rule)
{
    cursor text = {footer, footer + size};
    *rule = (zone_rule){0};
    if (!take_name(&text) || !take_hms(&text, 25, &rule->standard_s)) return false;
    rule->standard_s = -rule->standard_s;
    if (text.at == text.end) return true;
    rule->has_daylight = true;
    rule->daylight_s = rule->standard_s + 3600;
    if (!take_name(&text)) return false;
    if (text.at < text.end && *text.at != ',') {
        if (!take_hms(&text, 25, &rule->daylight_s)) return false;
        rule->daylight_s = -rule->daylight_s;
    }
    return take(&text, ',') && take_rule_day(&text, &rule->start) && take(&text, ',') &&
           take_rule_day(&text, &rule->end) && text.at == text.end;
}

/* -- TZif -- */

enum { HEADER_BYTES = 44 };

typedef struct tzif_counts {
    uint32_t utc_indicators, wall_indicators, leaps, times, types, chars;
} tzif_counts;

static uint64_t big_endian(const uint8_t *at, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | at[i];
    return value;
}

static bool take_header(weir_reader *reader, uint8_t *version, tzif_counts *counts)
{
    const uint8_t *at = weir_reader_take(reader, HEADER_BYTES);
    if (at == NULL || memcmp(at, "TZif", 4) != 0) return false;
    *version = at[4];
    uint32_t fields[6];
    for (size_t i = 0; i < 6; i++)
        fields[i] = (uint32_t)big_endian(at + 20 + 4 * i, 4);
    *counts = (tzif_counts){fields[0], fields[1], fields[2], fields[3], fields[4], fields[5]};
    return counts->times <= TRANSITIONS_MAX && counts->types >= 1 && counts->types <= 256 &&
           counts->chars <= 4096 && counts->leaps <= 1024 && counts->utc_indicators <= 256 &&
           counts->wall_indicators <= 256;
}

static size_t block_bytes(const tzif_counts *counts, size_t time_size)
{
    return counts->times * (time_size + 1) + counts->types * 6 + counts->chars +
           counts->leaps * (time_size + 4) + counts->wall_indicators + counts->utc_indicators;
}

/* Appends a transition unless it changes nothing; false where the table is not in order. */
static bool add_transition(weir_zone *zone, int64_t at_s, int32_t offset_s)
{
    uint32_t n = zone->transition_count;
    int32_t before = n == 0 ? zone->first_offset_s : zone->transitions[n - 1].offset_s;
    if (n > 0 && at_s <= zone->transitions[n - 1].at_s) return false;
    if (before != offset_s)
        zone->transitions[zone->transition_count++] = (transition){at_s, offset_s};
    return true;
}

static bool read_block(const uint8_t *block, const tzif_counts *counts, size_t time_size,
                       weir_zone *zone)
{
    const uint8_t *indexes = block + counts->times * time_size;
    const uint8_t *types = indexes + counts->times;
    int32_t offsets[256];
    for (uint32_t i = 0; i < counts->types; i++) {
        offsets[i] = (int32_t)big_endian(types + 6 * (size_t)i, 4);
        if (offsets[i] > OFFSET_S_MAX || offsets[i] < -OFFSET_S_MAX) return false;
    }
    zone->first_offset_s = offsets[0];
    int64_t previous = INT64_MIN;
    for (uint32_t i = 0; i < counts->times; i++) {
        uint64_t raw = big_endian(block + i * time_size, time_size);
        int64_t at_s = time_size == 8 ? (int64_t)raw : (int32_t)(uint32_t)raw;
        if (indexes[i] >= counts->types || (i > 0 && at_s <= previous)) return false;
        previous = at_s;
        if (!add_transition(zone, at_s, offsets[indexes[i]])) return false;
    }
    return true;
}

static bool read_footer(weir_reader *reader, weir_zone *zone)
{
    if (weir_reader_u8(reader) != '\n') return false;
    const uint8_t *end = memchr(reader->next, '\n', weir_reader_left(reader));
    if (end == NULL) return false;
    size_t size = (size_t)(end - reader->next);
    if (size == 0) return true;
    zone->has_rule = parse_footer((const char *)reader->next, size, &zone->rule);
    return zone->has_rule;
}

/* Beyond what an instant of int64 microseconds can reach nothing is kept, nor asked of the rule. */
static bool is_reachable(int64_t at_s)
{
    return at_s > -INT64_C(9300000000000) && at_s < INT64_C(9300000000000);
}

/* Removes from the table's end what the rule gives anyway. */
static void drop_what_the_rule_gives(weir_zone *zone)
{
    while (zone->has_rule && zone->transition_count > 0) {
        const transition *last = &zone->transitions[zone->transition_count - 1];
        bool has_previous = zone->transition_count > 1;
        int64_t from_s = has_previous ? last[-1].at_s : INT64_MIN;
        int32_t before = has_previous ? last[-1].offset_s : zone->first_offset_s;
        if (!has_previous || !is_reachable(from_s) || !is_reachable(last->at_s)) return;
        if (rule_offset_s(&zone->rule, from_s) != before ||
            rule_next_s(&zone->rule, from_s) != last->at_s)
            return;
        if (rule_offset_s(&zone->rule, last->at_s) != last->offset_s) return;
        zone->transition_count--;
    }
}

static weir_error *bad_zone(const char *name, const char *why)
{
    return weir_error_new(
        WEIR_E_DATA,
        "time zone %s: %s; name a zone of the system's database, such as Europe/Prague", name, why);
}

static const char *parse_tzif(weir_bytes tzif, weir_arena *into, weir_zone *zone)
{
    static const char damaged[] = "its file is not valid TZif (RFC 8536)";
    weir_reader reader = weir_reader_of(tzif.data, tzif.size);
    uint8_t version = 0;
    tzif_counts counts;
    size_t time_size = 4;
    if (!take_header(&reader, &version, &counts)) return damaged;
    if (version >= '2') { /* the first block is for readers of version 1; ours stands behind it */
        time_size = 8;
        if (weir_reader_take(&reader, block_bytes(&counts, 4)) == NULL) return damaged;
        if (!take_header(&reader, &version, &counts)) return damaged;
    }
    if (counts.leaps > 0)
        return "its file counts leap seconds (\"right/\"), in which days have no fixed length";
    const uint8_t *block = weir_reader_take(&reader, block_bytes(&counts, time_size));
    if (block == NULL) return damaged;
    zone->transitions = weir_arena_array(into, transition, counts.times);
    if (!read_block(block, &counts, time_size, zone)) return damaged;
    if (time_size == 8 && !read_footer(&reader, zone)) return damaged;
    return NULL;
}

weir_error *weir_zone_parse(const char *name, weir_bytes tzif, weir_arena *into,
                            const weir_zone **zone_out)
{
    if (strlen(name) > NAME_MAX_BYTES) return bad_zone("", "its name is longer than 255 bytes");
    weir_zone *zone = weir_arena_new(into, weir_zone);
    zone->name = weir_arena_string(into, name, strlen(name));
    const char *problem = parse_tzif(tzif, into, zone);
    if (problem != NULL) return bad_zone(name, problem);
    drop_what_the_rule_gives(zone);
    *zone_out = zone;
    return NULL;
}

/* -- Canonical bytes -- */

static void put_rule_day(weir_buffer *out, const rule_day *day)
{
    weir_buffer_put_varint(out, (uint64_t)day->kind);
    weir_buffer_put_varint(out, day->month);
    weir_buffer_put_varint(out, day->week);
    weir_buffer_put_varint(out, day->day);
    weir_buffer_put_zigzag(out, day->time_s);
}

static void put_rule(weir_buffer *out, const zone_rule *rule)
{
    weir_buffer_put_u8(out, rule->has_daylight);
    weir_buffer_put_zigzag(out, rule->standard_s);
    if (!rule->has_daylight) return;
    weir_buffer_put_zigzag(out, rule->daylight_s);
    put_rule_day(out, &rule->start);
    put_rule_day(out, &rule->end);
}

void weir_zone_encode(const weir_zone *zone, weir_buffer *out)
{
    weir_buffer_put_u8(out, CODE_VERSION);
    weir_buffer_put_varint(out, strlen(zone->name));
    weir_buffer_put_text(out, zone->name);
    weir_buffer_put_zigzag(out, zone->first_offset_s);
    weir_buffer_put_varint(out, zone->transition_count);
    int64_t previous = 0;
    for (uint32_t i = 0; i < zone->transition_count; i++) {
        /* Wraps around for hostile files only, and back again in decode. */
        weir_buffer_put_zigzag(out,
                               (int64_t)((uint64_t)zone->transitions[i].at_s - (uint64_t)previous));
        weir_buffer_put_zigzag(out, zone->transitions[i].offset_s);
        previous = zone->transitions[i].at_s;
    }
    weir_buffer_put_u8(out, zone->has_rule);
    if (zone->has_rule) put_rule(out, &zone->rule);
}

static int32_t take_offset_s(weir_reader *reader, int32_t max)
{
    int64_t value = weir_reader_zigzag(reader);
    if (value > max || value < -max) reader->bad = true;
    return reader->bad ? 0 : (int32_t)value;
}

static uint32_t take_small(weir_reader *reader, uint32_t min, uint32_t max)
{
    uint64_t value = weir_reader_varint(reader);
    if (value < min || value > max) reader->bad = true;
    return reader->bad ? min : (uint32_t)value;
}

static void decode_rule_day(weir_reader *reader, rule_day *day)
{
    day->kind = (day_kind)take_small(reader, DAY_JULIAN, DAY_OF_WEEK);
    bool by_week = day->kind == DAY_OF_WEEK;
    day->month = take_small(reader, by_week, by_week ? 12 : 0);
    day->week = take_small(reader, by_week, by_week ? 5 : 0);
    day->day = take_small(reader, day->kind == DAY_JULIAN, by_week ? 6 : 365);
    day->time_s = take_offset_s(reader, RULE_TIME_S_MAX);
}

static void decode_rule(weir_reader *reader, zone_rule *rule)
{
    rule->has_daylight = take_small(reader, 0, 1) == 1;
    rule->standard_s = take_offset_s(reader, OFFSET_S_MAX);
    if (!rule->has_daylight) return;
    rule->daylight_s = take_offset_s(reader, OFFSET_S_MAX + 3600);
    decode_rule_day(reader, &rule->start);
    decode_rule_day(reader, &rule->end);
}

weir_error *weir_zone_decode(weir_reader *reader, weir_arena *into, const weir_zone **zone_out)
{
    weir_zone *zone = weir_arena_new(into, weir_zone);
    if (weir_reader_u8(reader) != CODE_VERSION) reader->bad = true;
    weir_bytes name = weir_reader_string(reader);
    zone->name = weir_arena_string(into, (const char *)name.data, name.size);
    zone->first_offset_s = take_offset_s(reader, OFFSET_S_MAX);
    uint32_t count = take_small(reader, 0, TRANSITIONS_MAX);
    zone->transitions = weir_arena_array(into, transition, count);
    int64_t at_s = 0;
    for (uint32_t i = 0; i < count && !reader->bad; i++) {
        at_s = (int64_t)((uint64_t)at_s + (uint64_t)weir_reader_zigzag(reader));
        if (!add_transition(zone, at_s, take_offset_s(reader, OFFSET_S_MAX))) reader->bad = true;
    }
    zone->has_rule = take_small(reader, 0, 1) == 1;
    if (zone->has_rule) decode_rule(reader, &zone->rule);
    if (reader->bad || zone->transition_count != count || name.size > NAME_MAX_BYTES)
        return weir_error_new(
            WEIR_E_CORRUPT,
            "the stored rules of a time zone are damaged; run weir apply to write them anew");
    *zone_out = zone;
    return NULL;
}
