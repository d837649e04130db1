// SPDX-License-Identifier: Apache-2.0
// In: argv. Out: one command run, its exit code.
#include <ctype.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "cli/cli.h"

static const char exit_codes[] = N_(
	"\nexit codes: 0 done; 1 whyoom failed; 2 usage; 3 the target or a file is not there, not Go,\n"
	"damaged or not permitted; 4 not supported; 5 done, but not stored\n");

static const struct cli_command *find_command(const char *name)
{
	for (const struct cli_command *command = cli_commands; command->name; command++)
		if (strcmp(command->name, name) == 0)
			return command;
	return NULL;
}

static void print_command_help(const struct cli_command *command)
{
	printf(_("usage: %s\n\n%s\n"), command->synopsis, _(command->summary));
	if (command->details[0])
		printf("\n%s", _(command->details));
	if (command->options->name)
		printf("\n%s\n", _("options:"));
	for (const struct cli_option *option = command->options; option->name; option++) {
		char left[64];
		snprintf(left, sizeof left, "%s%c%s--%s %s", option->letter ? "-" : " ",
			 option->letter ? option->letter : ' ', option->letter ? ", " : "  ",
			 option->name, option->argument ? option->argument : "");
		printf("  %-24s %s\n", left, _(option->help));
	}
	printf("\n%s\n%s", _("examples:"), command->examples);
	fputs(_(exit_codes), stdout);
}

static void print_help(FILE *out)
{
	fputs(_("whyoom: why does this Go process use so much memory, and what will kill it?\n"
		"It reads from outside: no import, no agent, no restart.\n\n"
		"usage: whyoom PID | whyoom CORE | whyoom COMMAND ...\n\ncommands:\n"),
	      out);
	for (const struct cli_command *command = cli_commands; command->name; command++)
		fprintf(out, "  %-10s %s\n", command->name, _(command->summary));
	fputs(_("\n--lang en|zh: the language of reports, with any command; else LANG has the say\n"
		"\nexamples:\n  whyoom 4711\n  whyoom watch --pid 4711 --hold\n"),
	      out);
	fputs(_(exit_codes), out);
	fputs(_("\n`whyoom COMMAND --help` has the rest.\n"), out);
}

int cli_help(const struct cli_arguments *arguments)
{
	if (arguments->positional_count) {
		const struct cli_command *command = find_command(arguments->positional[0]);
		if (!command)
			return cli_usage("no such command: %s", arguments->positional[0]);
		print_command_help(command);
		return EXIT_OK;
	}
	print_help(stdout);
	return EXIT_OK;
}

int cli_version(const struct cli_arguments *arguments)
{
	(void)arguments;
	printf("whyoom %s\n", WHYOOM_VERSION);
	return EXIT_OK;
}

// getopt's own tables from ours. `letters` has room for three characters an option.
static int fill_getopt(const struct cli_option *options, struct option *longs, char *letters)
{
	int count = 0;
	*letters++ = ':';
	for (; options[count].name; count++) {
		longs[count] =
			(struct option){options[count].name,
					options[count].argument ? required_argument : no_argument,
					NULL, 1000 + count};
		if (!options[count].letter)
			continue;
		*letters++ = options[count].letter;
		if (options[count].argument)
			*letters++ = ':';
	}
	longs[count] = (struct option){"help", no_argument, NULL, 'h'};
	*letters++ = 'h';
	*letters = '\0';
	return count;
}

static int find_letter(const struct cli_option *options, int letter)
{
	int i = 0;
	while (options[i].name && options[i].letter != letter)
		i++;
	return i;
}

// Takes "--lang LANGUAGE" and "--lang=LANGUAGE" out of the arguments: it stands anywhere, with any
// command. False where a value is missing.
static bool take_language(int *argc, char **argv, const char **language)
{
	int kept = 1;
	for (int i = 1; i < *argc; i++) {
		bool apart = strcmp(argv[i], "--lang") == 0;
		if (strcmp(argv[i], "--") == 0) {
			while (i < *argc)
				argv[kept++] = argv[i++];
			break;
		}
		if (apart && i + 1 == *argc)
			return false;
		if (apart)
			*language = argv[++i];
		else if (strncmp(argv[i], "--lang=", 7) == 0)
			*language = argv[i] + 7;
		else
			argv[kept++] = argv[i];
	}
	argv[kept] = NULL;
	*argc = kept;
	return true;
}

static int refuse_option(const struct cli_command *command, int found, const char *option)
{
	return found == ':' ? cli_usage("%s: a value is missing behind %s (see whyoom %s --help)",
					command->name, option, command->name)
			    : cli_usage("%s: unknown option %s (see whyoom %s --help)",
					command->name, option, command->name);
}

static bool take_value(struct cli_arguments *arguments, int place, const char *value)
{
	const char *before = arguments->values[place];
	arguments->values[place] = value;
	if (!before)
		return true;
	if (arguments->earlier_count == CLI_REPEATS_MAX)
		return false;
	arguments->earlier[arguments->earlier_count].place = place;
	arguments->earlier[arguments->earlier_count++].value = before;
	return true;
}

static int run_command(const struct cli_command *command, int argc, char **argv)
{
	struct option longs[CLI_OPTIONS_MAX + 2] = {0};
	char letters[3 * CLI_OPTIONS_MAX + 4];
	struct cli_arguments arguments = {.options = command->options};
	int count = fill_getopt(command->options, longs, letters), found;
	opterr = 0;
	optind = 1;
	while ((found = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		if (found == 'h') {
			print_command_help(command);
			return EXIT_OK;
		}
		if (found == '?' || found == ':')
			return refuse_option(command, found, argv[optind - 1]);
		int place = found >= 1000 ? found - 1000 : find_letter(command->options, found);
		if (place < count && !take_value(&arguments, place, optarg ? optarg : ""))
			return cli_usage("%s: too many options", command->name);
	}
	for (int i = optind; i < argc; i++) {
		if (arguments.positional_count == CLI_POSITIONAL_MAX)
			return cli_usage("%s: too many arguments", command->name);
		arguments.positional[arguments.positional_count++] = argv[i];
	}
	if (cli_flag(&arguments, "json")) // machines read it
		i18n_use(I18N_ENGLISH);
	return command->run(&arguments);
}

int main(int argc, char **argv)
{
	// A closed pipe and a file that may not grow are errors of write, not deaths.
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	struct cli_arguments none = {.options = no_options};
	const char *language = NULL;
	if (!take_language(&argc, argv, &language))
		return cli_usage("a value is missing behind --lang (en, zh)");
	if (!i18n_start(language))
		return cli_usage("--lang takes en or zh, not %.64s", language);
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return cli_help(&none);
	if (strcmp(argv[1], "--version") == 0)
		return cli_version(&none);
	const struct cli_command *command = find_command(argv[1]);
	if (command)
		return run_command(command, argc - 1, argv + 1);
	if (isdigit((unsigned char)argv[1][0]) || strchr(argv[1], '/') ||
	    access(argv[1], F_OK) == 0)
		return run_command(find_command("why"), argc, argv);
	return cli_usage("no such command: %s (whyoom --help lists them)", argv[1]);
}
