// SPDX-License-Identifier: Apache-2.0
// whyoom watch
#include "cli/cli.h"

int cli_watch(const struct cli_arguments *arguments)
{
	(void)arguments;
	return cli_usage("watch: not built yet");
}
