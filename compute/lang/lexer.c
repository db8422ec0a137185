/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/lang/lexer.h"

#include <string.h>

#include "ops/runtime/assert.h"

typedef struct weir_lexer {
    weir_diagnostics *diagnostics;
    weir_intern *intern;
    weir_arena *into;
    const char *text;
    uint32_t source, size, at, line;
    bool is_first;     /* nothing stood on this line so far */
    bool series_comes; /* `7x1d`: the x behind a number is a word of its own */
    weir_token *tokens;
    size_t token_count, token_capacity;
    weir_comment *comments;
    size_t comment_count, comment_capacity;
} weir_lexer;

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static char peek(const weir_lexer *lexer, uint32_t ahead)
{
    return ahead < lexer->size - lexer->at ? lexer->text[lexer->at + ahead] : '\0';
}

static weir_span span_from(const weir_lexer *lexer, uint32_t start)
{
    return (weir_span){lexer->source, start, lexer->at};
}

static weir_token *push(weir_lexer *lexer, weir_token_kind kind, uint32_t start)
{
    if (lexer->token_count == lexer->token_capacity) {
        size_t capacity = lexer->token_capacity == 0 ? 256 : lexer->token_capacity * 2;
        weir_token *larger = weir_arena_array(lexer->into, weir_token, capacity);
        if (lexer->token_count > 0)
            memcpy(larger, lexer->tokens, lexer->token_count * sizeof *larger);
        lexer->tokens = larger;
        lexer->token_capacity = capacity;
    }
    weir_token *token = &lexer->tokens[lexer->token_count++];
    *token = (weir_token){.kind = (uint8_t)kind,
                          .is_first = lexer->is_first,
                          .start = start,
                          .end = lexer->at,
                          .line = lexer->line};
    lexer->is_first = false;
    return token;
}

static void push_comment(weir_lexer *lexer, weir_comment comment)
{
    if (lexer->comment_count == lexer->comment_capacity) {
        size_t capacity = lexer->comment_capacity == 0 ? 32 : lexer->comment_capacity * 2;
        weir_comment *larger = weir_arena_array(lexer->into, weir_comment, capacity);
        if (lexer->comment_count > 0)
            memcpy(larger, lexer->comments, lexer->comment_count * sizeof *larger);
        lexer->comments = larger;
        lexer->comment_capacity = capacity;
    }
    lexer->comments[lexer->comment_count++] = comment;
}

static void lex_comment(weir_lexer *lexer)
{
    uint32_t start = lexer->at;
    while (lexer->at < lexer->size && lexer->text[lexer->at] != '\n')
        lexer->at += 1;
    uint32_t end = lexer->at;
    while (end > start && (lexer->text[end - 1] == ' ' || lexer->text[end - 1] == '\t' ||
                           lexer->text[end - 1] == '\r'))
        end -= 1;
    bool is_doc = end - start >= 3 && lexer->text[start + 2] == '/' &&
                  (end - start == 3 || lexer->text[start + 3] != '/');
    push_comment(lexer, (weir_comment){start, end, lexer->line, lexer->is_first, is_doc});
}

static void skip_blank(weir_lexer *lexer)
{
    while (lexer->at < lexer->size) {
        char c = lexer->text[lexer->at];
        if (c == '\n') {
            lexer->line += 1;
            lexer->is_first = true;
        } else if (c == '/' && peek(lexer, 1) == '/') {
            lex_comment(lexer);
            continue;
        } else if (c != ' ' && c != '\t' && c != '\r') {
            return;
        }
        lexer->at += 1;
    }
}

static void lex_name(weir_lexer *lexer)
{
    uint32_t start = lexer->at;
    if (lexer->series_comes) {
        lexer->at += 1;
    } else {
        while (is_letter(peek(lexer, 0)) || is_digit(peek(lexer, 0)))
            lexer->at += 1;
    }
    lexer->series_comes = false;
    weir_token *token = push(lexer, WEIR_TOKEN_NAME, start);
    token->as.name = weir_intern_name(lexer->intern, lexer->text + start, lexer->at - start);
}

/* ---- Strings ---- */

static void put_utf8(weir_buffer *out, uint32_t rune)
{
    if (rune < 0x80) {
        weir_buffer_put_u8(out, (uint8_t)rune);
    } else if (rune < 0x800) {
        weir_buffer_put_u8(out, (uint8_t)(0xc0 | rune >> 6));
        weir_buffer_put_u8(out, (uint8_t)(0x80 | (rune & 0x3f)));
    } else if (rune < 0x10000) {
        weir_buffer_put_u8(out, (uint8_t)(0xe0 | rune >> 12));
        weir_buffer_put_u8(out, (uint8_t)(0x80 | (rune >> 6 & 0x3f)));
        weir_buffer_put_u8(out, (uint8_t)(0x80 | (rune & 0x3f)));
    } else {
        weir_buffer_put_u8(out, (uint8_t)(0xf0 | rune >> 18));
        weir_buffer_put_u8(out, (uint8_t)(0x80 | (rune >> 12 & 0x3f)));
        weir_buffer_put_u8(out, (uint8_t)(0x80 | (rune >> 6 & 0x3f)));
        weir_buffer_put_u8(out, (uint8_t)(0x80 | (rune & 0x3f)));
    }
}

static int hex_digit(char c)
{
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Behind `\u`: {1F600}. False if it is no character. */
static bool lex_rune(weir_lexer *lexer, weir_buffer *out)
{
    if (peek(lexer, 0) != '{') return false;
    uint32_t rune = 0, digits = 0;
    for (lexer->at += 1; hex_digit(peek(lexer, 0)) >= 0 && digits < 7; digits++, lexer->at++)
        rune = rune * 16 + (uint32_t)hex_digit(peek(lexer, 0));
    if (digits == 0 || digits > 6 || peek(lexer, 0) != '}') return false;
    lexer->at += 1;
    if (rune == 0 || rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000)) return false;
    put_utf8(out, rune);
    return true;
}

/* Behind a backslash. */
static bool lex_escape(weir_lexer *lexer, weir_buffer *out)
{
    char c = peek(lexer, 0);
    if (c == '\0' || c == '\n') return false;
    lexer->at += 1;
    switch (c) {
    case '"':
    case '\\': weir_buffer_put_u8(out, (uint8_t)c); return true;
    case 'n': weir_buffer_put_u8(out, '\n'); return true;
    case 't': weir_buffer_put_u8(out, '\t'); return true;
    case 'u': return lex_rune(lexer, out);
    default: return false;
    }
}

/* Bytes of a well-formed UTF-8 character at `text`, or 0. */
static uint32_t utf8_length(const char *text, uint32_t left)
{
    const uint8_t *b = (const uint8_t *)text;
    if (b[0] < 0x80) return 1;
    uint32_t length = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
    if (b[0] < 0xc2 || b[0] > 0xf4 || left < length) return 0;
    for (uint32_t i = 1; i < length; i++) {
        if ((b[i] & 0xc0) != 0x80) return 0;
    }
    if (b[0] == 0xe0 && b[1] < 0xa0) return 0;
    if (b[0] == 0xed && b[1] > 0x9f) return 0;
    if (b[0] == 0xf0 && b[1] < 0x90) return 0;
    if (b[0] == 0xf4 && b[1] > 0x8f) return 0;
    return length;
}

static void lex_string(weir_lexer *lexer)
{
    uint32_t start = lexer->at++;
    weir_buffer text = {0};
    bool good = true;
    while (lexer->at < lexer->size && lexer->text[lexer->at] != '"' &&
           lexer->text[lexer->at] != '\n') {
        uint32_t here = lexer->at;
        if (lexer->text[here] == '\\') {
            lexer->at += 1;
            if (lex_escape(lexer, &text)) continue;
            weir_diagnostics_add(lexer->diagnostics, WEIR_D_BAD_ESCAPE, span_from(lexer, here),
                                 "write \\\" \\\\ \\n \\t or \\u{hex}",
                                 "this escape means nothing");
            good = false;
            continue;
        }
        uint32_t length = utf8_length(lexer->text + here, lexer->size - here);
        if (length == 0 || lexer->text[here] == '\0') {
            lexer->at += 1;
            weir_diagnostics_add(lexer->diagnostics, WEIR_D_BAD_CHARACTER, span_from(lexer, here),
                                 "save the file as UTF-8", "this byte is not UTF-8 text");
            good = false;
            continue;
        }
        weir_buffer_put(&text, lexer->text + here, length);
        lexer->at += length;
    }
    if (peek(lexer, 0) == '"') {
        lexer->at += 1;
    } else {
        weir_diagnostics_add(lexer->diagnostics, WEIR_D_OPEN_STRING, span_from(lexer, start),
                             "put a `\"` at its end", "this string is never closed");
        good = false;
    }
    weir_token *token = push(lexer, good ? WEIR_TOKEN_STRING : WEIR_TOKEN_ERROR, start);
    token->as.name = weir_arena_string(lexer->into, (const char *)text.data, text.size);
    token->size = (uint32_t)text.size;
    weir_buffer_deinit(&text);
}

/* ---- Numbers ---- */

typedef struct unit {
    const char *name;
    int64_t us;
} unit;

static const unit units[] = {
    {"us", 1},         {"ms", 1000},       {"s", 1000000},      {"m", 60000000},
    {"h", 3600000000}, {"d", 86400000000}, {"w", 604800000000},
};

static void bad_number(weir_lexer *lexer, uint32_t start, const char *help, const char *message)
{
    while (is_letter(peek(lexer, 0)) || is_digit(peek(lexer, 0)))
        lexer->at += 1;
    weir_diagnostics_add(lexer->diagnostics, WEIR_D_BAD_NUMBER, span_from(lexer, start), help, "%s",
                         message);
    (void)push(lexer, WEIR_TOKEN_ERROR, start);
}

static bool read_digits(const char *text, uint32_t count, int64_t *out)
{
    int64_t value = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (__builtin_mul_overflow(value, 10, &value)) return false;
        if (__builtin_add_overflow(value, text[i] - '0', &value)) return false;
    }
    *out = value;
    return true;
}

/* Behind whole digits: letters. A unit makes a duration. */
static void lex_duration(weir_lexer *lexer, uint32_t start)
{
    uint32_t digits = lexer->at - start, letters = 0;
    while (is_letter(peek(lexer, letters)) || is_digit(peek(lexer, letters)))
        letters += 1;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strlen(units[i].name) != letters) continue;
        if (memcmp(units[i].name, lexer->text + lexer->at, letters) != 0) continue;
        int64_t count = 0, us = 0;
        bool fits = read_digits(lexer->text + start, digits, &count) &&
                    !__builtin_mul_overflow(count, units[i].us, &us);
        if (!fits) {
            bad_number(lexer, start, "the longest window is 36500d", "this duration is too long");
            return;
        }
        lexer->at += letters;
        push(lexer, WEIR_TOKEN_DURATION, start)->as.integer = us;
        return;
    }
    bad_number(lexer, start, "units are us ms s m h d w, one to a duration: 90m, not 1h30m",
               "letters behind a number make no known unit");
}

/* hh:mm:ss[.f]; the caller has seen two digits and a colon. */
static void lex_time(weir_lexer *lexer, uint32_t start)
{
    const char *t = lexer->text + start;
    uint32_t left = lexer->size - start;
    static const char form[] = "dd:dd:dd";
    bool good = left >= 8;
    for (uint32_t i = 0; good && i < 8; i++)
        good = form[i] == 'd' ? is_digit(t[i]) : t[i] == form[i];
    if (!good) {
        lexer->at += 1;
        bad_number(lexer, start, "write hh:mm:ss, as in 12:00:30", "this is no time of day");
        return;
    }
    int hour = (t[0] - '0') * 10 + t[1] - '0', minute = (t[3] - '0') * 10 + t[4] - '0';
    int second = (t[6] - '0') * 10 + t[7] - '0';
    lexer->at = start + 8;
    int64_t fraction = 0, scale = 100000;
    bool fits = hour < 24 && minute < 60 && second < 60;
    if (peek(lexer, 0) == '.' && is_digit(peek(lexer, 1))) {
        for (lexer->at += 1; is_digit(peek(lexer, 0)); lexer->at++, scale /= 10) {
            if (scale == 0 && peek(lexer, 0) != '0') fits = false;
            fraction += scale * (peek(lexer, 0) - '0');
        }
    }
    if (!fits) {
        bad_number(lexer, start, "00:00:00 to 23:59:59, at most six digits behind the point",
                   "there is no such time of day");
        return;
    }
    push(lexer, WEIR_TOKEN_TIME, start)->as.integer =
        ((int64_t)hour * 3600 + minute * 60 + second) * 1000000 + fraction;
}

static void lex_exponent(weir_lexer *lexer)
{
    uint32_t sign = peek(lexer, 1) == '+' || peek(lexer, 1) == '-';
    if (!is_digit(peek(lexer, 1 + sign))) return;
    lexer->at += 2 + sign;
    while (is_digit(peek(lexer, 0)))
        lexer->at += 1;
}

static void lex_number(weir_lexer *lexer)
{
    enum { NUMBER_BYTES_MAX = 60 };
    uint32_t start = lexer->at;
    while (is_digit(peek(lexer, 0)))
        lexer->at += 1;
    if (lexer->at - start == 2 && peek(lexer, 0) == ':' && is_digit(peek(lexer, 1))) {
        lex_time(lexer, start);
        return;
    }
    bool behind_dot = lexer->token_count > 0 && lexer->tokens[lexer->token_count - 1].sign == '.' &&
                      lexer->tokens[lexer->token_count - 1].kind == WEIR_TOKEN_SIGN;
    bool is_series = peek(lexer, 0) == 'x' && is_digit(peek(lexer, 1));
    weir_token_kind kind = WEIR_TOKEN_INT;
    if (peek(lexer, 0) == '.' && is_digit(peek(lexer, 1)) && !behind_dot) {
        kind = WEIR_TOKEN_DECIMAL;
        lexer->at += 1;
        while (is_digit(peek(lexer, 0)))
            lexer->at += 1;
    }
    if (peek(lexer, 0) == 'e' || peek(lexer, 0) == 'E') {
        uint32_t before = lexer->at;
        lex_exponent(lexer);
        if (lexer->at != before) kind = WEIR_TOKEN_DECIMAL;
    }
    if (is_letter(peek(lexer, 0)) && !is_series) {
        if (kind == WEIR_TOKEN_INT) {
            lex_duration(lexer, start);
        } else {
            bad_number(lexer, start, "durations are whole numbers: 90m, not 1.5h",
                       "letters behind a number with a point");
        }
        return;
    }
    if (lexer->at - start > NUMBER_BYTES_MAX) {
        bad_number(lexer, start, "38 digits are the most that a decimal holds",
                   "this number is too long");
        return;
    }
    lexer->series_comes = is_series;
    weir_token *token = push(lexer, kind, start);
    if (peek(lexer, 0) == '%') {
        lexer->at += 1;
        token->end = lexer->at;
        token->is_percent = true;
    }
}

/* ---- Signs ---- */

static void lex_sign(weir_lexer *lexer)
{
    static const char pairs[][3] = {"==", "!=", "<=", ">=", "??"};
    static const char singles[] = "{}()[],.:=<>+-*/";
    uint32_t start = lexer->at;
    char a = peek(lexer, 0), b = peek(lexer, 1);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (a != pairs[i][0] || b != pairs[i][1]) continue;
        lexer->at += 2;
        push(lexer, WEIR_TOKEN_SIGN, start)->sign = WEIR_SIGN2(a, b);
        return;
    }
    if (a != '\0' && strchr(singles, a) != NULL) {
        lexer->at += 1;
        push(lexer, WEIR_TOKEN_SIGN, start)->sign = (uint16_t)a;
        return;
    }
    uint32_t length = utf8_length(lexer->text + start, lexer->size - start);
    bool pair = (a == '&' && b == '&') || (a == '|' && b == '|');
    lexer->at += pair ? 2 : length == 0 ? 1 : length;
    const char *help = a == '%'               ? "a remainder is written mod(a, b)"
                       : a == '&' || a == '|' ? "write `and` or `or`"
                       : a == '!'             ? "write `not`, or `!=` for unequal"
                       : a == '\''            ? "strings stand in double quotes"
                       : a == ';'             ? "items need no sign between them"
                       : a == '#'             ? "comments begin with //"
                                              : NULL;
    if (length == 0 || (unsigned char)a < 0x20 || a == 0x7f) {
        weir_diagnostics_add(lexer->diagnostics, WEIR_D_BAD_CHARACTER, span_from(lexer, start),
                             "save the file as UTF-8 text", "byte 0x%02x is not text",
                             (unsigned char)a);
    } else {
        weir_diagnostics_add(lexer->diagnostics, WEIR_D_BAD_CHARACTER, span_from(lexer, start),
                             help, "`%.*s` means nothing here", (int)(lexer->at - start),
                             lexer->text + start);
    }
    (void)push(lexer, WEIR_TOKEN_ERROR, start);
}

static void lex_token(weir_lexer *lexer)
{
    char c = peek(lexer, 0);
    if (is_letter(c)) {
        lex_name(lexer);
    } else if (is_digit(c)) {
        lex_number(lexer);
    } else if (c == '"') {
        lex_string(lexer);
    } else {
        lex_sign(lexer);
    }
}

void weir_lex(weir_diagnostics *diagnostics, uint32_t source, weir_intern *intern, weir_arena *into,
              weir_lexed *out)
{
    const weir_source_text *text = &diagnostics->sources[source];
    weir_lexer lexer = {.diagnostics = diagnostics,
                        .intern = intern,
                        .into = into,
                        .text = text->text,
                        .source = source,
                        .line = 1,
                        .is_first = true};
    bool fits = text->size <= WEIR_LANG_TEXT_BYTES_MAX;
    lexer.size = fits ? (uint32_t)text->size : 0;
    if (lexer.size >= 3 && memcmp(lexer.text, "\xef\xbb\xbf", 3) == 0) lexer.at = 3;
    skip_blank(&lexer);
    while (lexer.at < lexer.size && lexer.token_count < WEIR_TOKENS_MAX) {
        uint32_t before = lexer.at;
        lex_token(&lexer);
        WEIR_ASSERT(lexer.at > before);
        skip_blank(&lexer);
    }
    if (!fits || lexer.at < lexer.size) {
        weir_diagnostics_add(diagnostics, WEIR_D_TEXT_TOO_LARGE, (weir_span){source, 0, 0},
                             "split it into several files",
                             "this text is larger than 4 MiB or a million words");
        (void)push(&lexer, WEIR_TOKEN_ERROR, lexer.at);
    }
    lexer.at = lexer.size;
    (void)push(&lexer, WEIR_TOKEN_END, lexer.size);
    *out = (weir_lexed){lexer.tokens, lexer.token_count, lexer.comments, lexer.comment_count};
}
