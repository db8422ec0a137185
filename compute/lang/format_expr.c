/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions in their canonical spelling. Literals keep the text they were written with. Brackets
 * that were written stay; more are added where the grammar's reading surprises people: around an
 * operation beside `??`, and around what stands behind `else`.
 */
#include <string.h>

#include "compute/lang/format_internal.h"

static void put_source(weir_formatter *f, weir_span span)
{
    weir_buffer_put(f->out, f->text + span.start, span.end - span.start);
}

void weir_format_string(weir_formatter *f, const char *text)
{
    weir_buffer_put_u8(f->out, '"');
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte == '"' || byte == '\\')
            weir_buffer_printf(f->out, "\\%c", byte);
        else if (byte == '\n')
            weir_buffer_put_text(f->out, "\\n");
        else if (byte == '\t')
            weir_buffer_put_text(f->out, "\\t");
        else if (byte < 0x20)
            weir_buffer_printf(f->out, "\\u{%x}", byte);
        else
            weir_buffer_put_u8(f->out, byte);
    }
    weir_buffer_put_u8(f->out, '"');
}

void weir_format_window(weir_formatter *f, const weir_ast_window *window)
{
    static const char *const units[] = {"hour", "day", "week", "month"};
    switch (window->kind) {
    case WEIR_WINDOW_TIME: put_source(f, window->width.span); break;
    case WEIR_WINDOW_EVER: weir_buffer_put_text(f->out, "ever"); break;
    case WEIR_WINDOW_LAST: weir_buffer_printf(f->out, "last %lld", (long long)window->count); break;
    case WEIR_WINDOW_SESSION:
        weir_buffer_put_text(f->out, "session ");
        put_source(f, window->width.span);
        break;
    case WEIR_WINDOW_SINCE:
        weir_buffer_put_text(f->out, "since last(");
        weir_format_expr(f, window->since);
        weir_buffer_put_u8(f->out, ')');
        break;
    case WEIR_WINDOW_CALENDAR:
        for (size_t i = 0; i < 4; i++) {
            if (units[i][0] == window->unit) weir_buffer_printf(f->out, "calendar %s(", units[i]);
        }
        weir_format_string(f, window->zone);
        weir_buffer_put_u8(f->out, ')');
        break;
    case WEIR_WINDOW_SERIES:
        weir_buffer_printf(f->out, "%lld x ", (long long)window->count);
        put_source(f, window->width.span);
        break;
    }
}

static void put_list(weir_formatter *f, const weir_ast_expr *node, const char *between)
{
    for (uint32_t i = 0; i < node->arg_count; i++) {
        if (i > 0) weir_buffer_put_text(f->out, ", ");
        if (node->parameters[i] != NULL)
            weir_buffer_printf(f->out, "%s%s", node->parameters[i], between);
        weir_format_expr(f, node->args[i]);
    }
}

static void put_bracketed(weir_formatter *f, const weir_ast_expr *node, bool brackets)
{
    if (brackets) weir_buffer_put_u8(f->out, '(');
    weir_format_expr(f, node);
    if (brackets) weir_buffer_put_u8(f->out, ')');
}

static bool is_arithmetic(const weir_ast_expr *node)
{
    return node->kind == WEIR_AST_BINARY && strchr("+-*/", node->name[0]) != NULL;
}

static void put_binary(weir_formatter *f, const weir_ast_expr *node)
{
    bool is_default = strcmp(node->name, "??") == 0;
    for (uint32_t i = 0; i < 2; i++) {
        const weir_ast_expr *arg = node->args[i];
        if (i == 1) weir_buffer_printf(f->out, " %s ", node->name);
        put_bracketed(f, arg, arg->kind == WEIR_AST_IF || (is_default && is_arithmetic(arg)));
    }
}

static void put_if(weir_formatter *f, const weir_ast_expr *node)
{
    weir_buffer_put_text(f->out, "if ");
    weir_format_expr(f, node->args[0]);
    weir_buffer_put_text(f->out, " then ");
    weir_format_expr(f, node->args[1]);
    weir_buffer_put_text(f->out, " else ");
    put_bracketed(f, node->args[2], node->args[2]->kind == WEIR_AST_BINARY);
}

static void put_unary(weir_formatter *f, const weir_ast_expr *node)
{
    weir_buffer_put_text(f->out, node->name);
    if (node->name[0] != '-') weir_buffer_put_u8(f->out, ' ');
    put_bracketed(f, node->args[0], node->args[0]->kind == WEIR_AST_IF);
}

static void put_call(weir_formatter *f, const weir_ast_expr *node)
{
    weir_buffer_printf(f->out, "%s%s(", node->is_approx ? "approx " : "", node->name);
    put_list(f, node, " ");
    weir_buffer_put_u8(f->out, ')');
}

/* Depth is bounded by the parser. */
void weir_format_expr(weir_formatter *f, const weir_ast_expr *node)
{
    switch ((weir_ast_kind)node->kind) {
    case WEIR_AST_NUMBER:
    case WEIR_AST_STRING:
    case WEIR_AST_DURATION:
    case WEIR_AST_TIME:
    case WEIR_AST_BOOL:
    case WEIR_AST_NULL: put_source(f, node->span); break;
    case WEIR_AST_NAME: weir_buffer_put_text(f->out, node->name); break;
    case WEIR_AST_THIS: weir_buffer_put_text(f->out, "this"); break;
    case WEIR_AST_CALL: put_call(f, node); break;
    case WEIR_AST_FIELD:
        weir_format_expr(f, node->args[0]);
        weir_buffer_printf(f->out, ".%s", node->name);
        break;
    case WEIR_AST_ELEMENT:
        weir_format_expr(f, node->args[0]);
        weir_buffer_printf(f->out, ".%lld", (long long)node->integer);
        break;
    case WEIR_AST_INDEX:
        weir_format_expr(f, node->args[0]);
        weir_buffer_put_u8(f->out, '[');
        weir_format_window(f, node->window);
        weir_buffer_put_u8(f->out, ']');
        break;
    case WEIR_AST_UNARY: put_unary(f, node); break;
    case WEIR_AST_BINARY: put_binary(f, node); break;
    case WEIR_AST_IF: put_if(f, node); break;
    case WEIR_AST_BRACKETS: put_bracketed(f, node->args[0], true); break;
    case WEIR_AST_RECORD:
        weir_buffer_put_u8(f->out, '{');
        put_list(f, node, ": ");
        weir_buffer_put_u8(f->out, '}');
        break;
    case WEIR_AST_LIST:
        weir_buffer_put_u8(f->out, '[');
        put_list(f, node, "");
        weir_buffer_put_u8(f->out, ']');
        break;
    }
}
