/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens a file and tells what it is: by the ending of its name, else by how it begins.
 *
 * Standard input and `<(...)` have no name to go by. Their first bytes are looked at without being
 * taken (pread of a file, tee of a pipe), so that the form reads the file as if nothing had been. A
 * pipe is opened once: without its writer a second time would wait for ever. An Avro container
 * begins with "Obj" 1, Parquet with PAR1; what begins with `{` is JSON Lines, and so is what can not
 * be looked into: nothing, a terminal, compressed text. Everything else is CSV, whose header will
 * tell.
 */
#include <errno.h>
#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ingest/rows_internal.h"
#include "ops/runtime/file.h"

typedef struct extension {
    const char *suffix;
    weir_rows_format format;
    char separator;
    bool may_be_compressed;
} extension;

static const extension extensions[] = {
    // clang-format off
    {".csv",     WEIR_ROWS_CSV,     0,    true},
    {".tsv",     WEIR_ROWS_CSV,     '\t', true},
    {".jsonl",   WEIR_ROWS_JSONL,   0,    true},
    {".ndjson",  WEIR_ROWS_JSONL,   0,    true},
    {".json",    WEIR_ROWS_JSONL,   0,    true},
    {".avro",    WEIR_ROWS_AVRO,    0,    false},
    {".parquet", WEIR_ROWS_PARQUET, 0,    false},
    // clang-format on
};

static bool ends_with(const char *text, size_t size, const char *suffix)
{
    size_t length = strlen(suffix);
    return size >= length && strncasecmp(text + size - length, suffix, length) == 0;
}

static const extension *find_extension(const char *path)
{
    size_t size = strlen(path);
    bool is_compressed = ends_with(path, size, ".gz") || ends_with(path, size, ".zst");
    if (is_compressed) size -= ends_with(path, size, ".gz") ? 3 : 4;
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
        const extension *one = &extensions[i];
        if (ends_with(path, size, one->suffix) && (one->may_be_compressed || !is_compressed))
            return one;
    }
    return NULL;
}

/* What stands there next, without taking it; of a pipe, what its writer has written so far, which is
 * waited for. 0: nothing, or it can not be told. */
static size_t peek(int fd, uint8_t *to, size_t size)
{
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t got = at < 0 ? -1 : pread(fd, to, size, at);
    int copy[2];
    if (at >= 0 || pipe2(copy, O_CLOEXEC) != 0) return got < 0 ? 0 : (size_t)got;
    got = tee(fd, copy[1], size, 0);
    if (got > 0) got = read(copy[0], to, (size_t)got);
    (void)close(copy[0]);
    (void)close(copy[1]);
    return got < 0 ? 0 : (size_t)got;
}

static bool begins_with(weir_bytes head, const char *magic)
{
    size_t size = strlen(magic);
    return head.size >= size && memcmp(head.data, magic, size) == 0;
}

static weir_rows_format format_of(weir_bytes head)
{
    if (begins_with(head, "Obj\x01")) return WEIR_ROWS_AVRO;
    if (begins_with(head, "PAR1")) return WEIR_ROWS_PARQUET;
    if (begins_with(head, "\x1f\x8b") || begins_with(head, "\x28\xb5\x2f\xfd"))
        return WEIR_ROWS_JSONL;
    size_t at = begins_with(head, "\xef\xbb\xbf") ? 3 : 0;
    while (at < head.size && memchr(" \t\r\n", head.data[at], 4) != NULL)
        at++;
    return at == head.size || head.data[at] == '{' ? WEIR_ROWS_JSONL : WEIR_ROWS_CSV;
}

static void look_into(weir_rows *rows)
{
    enum { HEAD_BYTES = 512 };
    uint8_t head[HEAD_BYTES];
    rows->format = format_of((weir_bytes){head, peek(rows->fd, head, sizeof head)});
}

/* Parquet is read from its end. */
static weir_error *check_parquet(weir_rows *rows, bool is_stdin, bool is_file)
{
    if (!is_file)
        return weir_error_new(WEIR_E_USAGE, "%s: Parquet can not be read from a pipe; name a file",
                              rows->path);
    if (is_stdin) rows->path = "/dev/stdin";
    return NULL;
}

weir_error *rows_open_input(weir_rows *rows)
{
    struct stat info;
    bool is_stdin = strcmp(rows->path, "-") == 0;
    rows->fd =
        is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : open(rows->path, O_RDONLY | O_CLOEXEC);
    if (rows->fd < 0 || fstat(rows->fd, &info) != 0)
        return weir_error_of_errno(errno, "opening", rows->path);
    if (S_ISDIR(info.st_mode))
        return weir_error_new(WEIR_E_NO_INPUT, "%s is a folder; name a file", rows->path);
    const extension *found = find_extension(rows->path);
    if (found != NULL && rows->options.separator == 0) rows->options.separator = found->separator;
    rows->format = rows->options.format;
    if (rows->format == WEIR_ROWS_AUTO && found != NULL) rows->format = found->format;
    if (rows->format == WEIR_ROWS_AUTO) look_into(rows);
    bool is_parquet = rows->format == WEIR_ROWS_PARQUET;
    return is_parquet ? check_parquet(rows, is_stdin, S_ISREG(info.st_mode)) : NULL;
}
