/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shell completions out of the table. Bash gets words; zsh and fish get the help texts too. Texts
 * are quoted for the shell that reads them, since a help text may hold a quote or a colon.
 */
#include <string.h>

#include "ops/cli/help.h"

static void print_words(const weir_option *options, FILE *to)
{
    for (const weir_option *option = options; option != NULL && option->name != NULL; option++) {
        (void)fprintf(to, " --%s", option->name);
        if (option->letter != 0) (void)fprintf(to, " -%c", option->letter);
    }
}

void weir_completion_bash(FILE *to)
{
    size_t count = 0;
    const weir_command *const *commands = weir_commands(&count);
    (void)fputs("_weir() {\n"
                "    local word=\"${COMP_WORDS[COMP_CWORD]}\" command=\"\" i\n"
                "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                "        case \"${COMP_WORDS[i]}\" in\n"
                "            -C|-o|--directory|--output|--set) ((i++)) ;;\n"
                "            -*) ;;\n"
                "            *) command=\"${COMP_WORDS[i]}\"; break ;;\n"
                "        esac\n"
                "    done\n"
                "    local options=\"\"\n"
                "    case \"$command\" in\n"
                "        \"\") options=\"",
                to);
    for (size_t i = 0; i < count; i++)
        if (!commands[i]->is_hidden)
            (void)fprintf(to, "%s%s", i == 0 ? "" : " ", commands[i]->name);
    (void)fputs("\" ;;\n", to);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(to, "        %s) options=\"", commands[i]->name);
        print_words(commands[i]->options, to);
        (void)fputs("\" ;;\n", to);
    }
    (void)fputs("    esac\n    options=\"$options", to);
    print_words(weir_global_options(), to);
    (void)fputs(
        "\"\n"
        "    if [[ -z \"$command\" || \"$word\" == -* ]]; then\n"
        "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
        "    fi\n"
        "    [[ ${#COMPREPLY[@]} -gt 0 ]] || mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
        "}\n"
        "complete -o filenames -F _weir weir\n",
        to);
}

static void print_quoted(const char *text, const char *escaped, FILE *to)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\'') {
            (void)fputs("'\\''", to);
            continue;
        }
        if (strchr(escaped, *c) != NULL) (void)fputc('\\', to);
        (void)fputc(*c, to);
    }
}

static void print_zsh_option(const weir_option *option, FILE *to)
{
    const char *star = option->may_repeat ? "*" : "";
    const char *value = option->argument == NULL ? "" : option->argument;
    const char *action = option->argument == NULL    ? ""
                         : strcmp(value, "DIR") == 0 ? ":_files -/"
                                                     : ":_files";
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1 && option->letter == 0) break;
        (void)fputs("                '", to);
        if (pass == 0)
            (void)fprintf(to, "%s--%s[", star, option->name);
        else
            (void)fprintf(to, "%s-%c[", star, option->letter);
        print_quoted(option->help, "[]:\\", to);
        (void)fprintf(to, "]%s%s%s' \\\n", option->argument == NULL ? "" : ":", value, action);
    }
}

void weir_completion_zsh(FILE *to)
{
    size_t count = 0;
    const weir_command *const *commands = weir_commands(&count);
    (void)fputs("#compdef weir\n"
                "_weir() {\n"
                "    if (( CURRENT == 2 )); then\n"
                "        local -a commands=(\n",
                to);
    for (size_t i = 0; i < count; i++) {
        if (commands[i]->is_hidden) continue;
        (void)fprintf(to, "            '%s:", commands[i]->name);
        print_quoted(commands[i]->summary, ":\\", to);
        (void)fputs("'\n", to);
    }
    (void)fputs("        )\n"
                "        _describe command commands\n"
                "        return\n"
                "    fi\n"
                "    case \"$words[2]\" in\n",
                to);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(to, "        %s)\n            _arguments \\\n", commands[i]->name);
        const weir_option *lists[] = {commands[i]->options, weir_global_options()};
        for (size_t j = 0; j < 2; j++)
            for (const weir_option *option = lists[j]; option != NULL && option->name != NULL;
                 option++)
                print_zsh_option(option, to);
        (void)fputs("                '*:file:_files' ;;\n", to);
    }
    (void)fputs("    esac\n}\ncompdef _weir weir\n", to);
}

static void print_fish_option(const weir_option *option, const char *command, FILE *to)
{
    (void)fputs("complete -c weir", to);
    if (command != NULL) (void)fprintf(to, " -n '__fish_seen_subcommand_from %s'", command);
    (void)fprintf(to, " -l %s", option->name);
    if (option->letter != 0) (void)fprintf(to, " -s %c", option->letter);
    (void)fprintf(to, "%s -d '", option->argument == NULL ? "" : " -r");
    for (const char *c = option->help; *c != '\0'; c++) {
        if (*c == '\'' || *c == '\\') (void)fputc('\\', to);
        (void)fputc(*c, to);
    }
    (void)fputs("'\n", to);
}

void weir_completion_fish(FILE *to)
{
    size_t count = 0;
    const weir_command *const *commands = weir_commands(&count);
    for (const weir_option *option = weir_global_options(); option->name != NULL; option++)
        print_fish_option(option, NULL, to);
    for (size_t i = 0; i < count; i++) {
        if (commands[i]->is_hidden) continue;
        (void)fprintf(to, "complete -c weir -n __fish_use_subcommand -a %s -d '",
                      commands[i]->name);
        for (const char *c = commands[i]->summary; *c != '\0'; c++) {
            if (*c == '\'' || *c == '\\') (void)fputc('\\', to);
            (void)fputc(*c, to);
        }
        (void)fputs("'\n", to);
        for (const weir_option *o = commands[i]->options; o != NULL && o->name != NULL; o++)
            print_fish_option(o, commands[i]->name, to);
    }
}
