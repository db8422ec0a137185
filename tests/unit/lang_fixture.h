/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lang_fixture.h - a host for tests of the language: schemas written in one line, zones without
 * files.
 *
 *     weir_fixture_schema("pay.Tx", "card string, amount decimal(10,2), status enum Status(approved
 * declined), geo geo?")
 *
 * Owns: everything lives until weir_fixture_reset.
 */
#pragma once

#include "compute/lang/lang.h"

const weir_schema *weir_fixture_schema(const char *full_name, const char *fields);
const weir_lang_host *weir_fixture_host(void);
/* Compiles one text called "t.weir". */
weir_compilation *weir_fixture_compile(const char *text);
/* All diagnostics as printed, in memory of the fixture; "" if there are none. */
const char *weir_fixture_print(const weir_compilation *compilation, const char *text);
void weir_fixture_reset(void);
/* pay.Tx, pay.Chargeback, web.View, web.Buy, auth.Login, auth.Signup of the language's examples. */
void weir_fixture_examples(void);
