/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/cli.h"

int main(int argc, char **argv) { return weir_cli_main(argc, (const char *const *)argv); }
