// SPDX-License-Identifier: Apache-2.0
// In: --lang and the environment. Out: gettext with its catalogues read. The state is gettext's
// own; the language is in LANGUAGE, where gettext looks for it.
#include "base/i18n.h"

#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DOMAIN "whyoom"

// gettext's own way of being told that the language is another one (GNU gettext manual, 11.5).
extern int _nl_msg_cat_cntr;

static const struct {
	const char *prefix, *catalogue, *html;
} languages[I18N_LANGUAGES] = {
	[I18N_ENGLISH] = {"en", "en", "en"},
	[I18N_CHINESE] = {"zh", "zh_CN", "zh-CN"},
};

static bool find_language(const char *name, enum i18n_language *language)
{
	for (int i = 0; i < I18N_LANGUAGES; i++)
		if (strncmp(name, languages[i].prefix, 2) == 0 &&
		    (!name[2] || strchr("_-.@:", name[2]))) {
			*language = (enum i18n_language)i;
			return true;
		}
	return false;
}

// As gettext itself would choose: nothing is translated in the C locale.
static enum i18n_language language_of_environment(void)
{
	static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
	const char *locale = "", *list = getenv("LANGUAGE");
	enum i18n_language language = I18N_ENGLISH;
	for (size_t i = 0; i < sizeof names / sizeof *names && !locale[0]; i++)
		locale = getenv(names[i]) ? getenv(names[i]) : "";
	if (!locale[0] || strcmp(locale, "C") == 0 || strcmp(locale, "POSIX") == 0)
		return I18N_ENGLISH;
	if (!list || !find_language(list, &language))
		(void)!find_language(locale, &language);
	return language;
}

// gettext translates only in a locale that is not "C". Any other will do: LANGUAGE has the say.
static void leave_c_locale(void)
{
	static const char *const names[] = {"C.UTF-8", "C.utf8", "en_US.UTF-8", "zh_CN.UTF-8", ""};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (setlocale(LC_MESSAGES, names[i]) &&
		    strcmp(setlocale(LC_MESSAGES, NULL), "C") != 0)
			return;
}

static bool has_catalogue(const char *folder)
{
	char path[PATH_MAX + 64];
	snprintf(path, sizeof path, "%s/zh_CN/LC_MESSAGES/" DOMAIN ".mo", folder);
	return access(path, R_OK) == 0;
}

// Beside the program: in a build directory, or below the prefix that it is installed in.
static bool find_beside(char *folder, size_t capacity)
{
	static const char *const places[] = {"../../po", "../share/locale"};
	char program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
	if (length <= 0)
		return false;
	program[length] = '\0';
	char *slash = strrchr(program, '/');
	*(slash ? slash : program) = '\0';
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		snprintf(folder, capacity, "%s/%s", program, places[i]);
		if (has_catalogue(folder))
			return true;
	}
	return false;
}

void i18n_use(enum i18n_language language)
{
	setenv("LANGUAGE", languages[language].catalogue, 1);
	_nl_msg_cat_cntr++;
}

enum i18n_language i18n_get(void)
{
	enum i18n_language language = I18N_ENGLISH;
	const char *name = getenv("LANGUAGE");
	// Before i18n_start nothing is translated, whatever the environment says.
	if (textdomain(NULL) && strcmp(textdomain(NULL), DOMAIN) == 0 && name)
		(void)!find_language(name, &language);
	return language;
}

// English has none; gettext looks for one, and remembers that.
static void read_catalogues(void)
{
	for (int i = 0; i < I18N_LANGUAGES; i++) {
		i18n_use((enum i18n_language)i);
		(void)gettext("VERDICT");
	}
}

bool i18n_start(const char *wanted)
{
	char folder[PATH_MAX + 32];
	enum i18n_language language = language_of_environment();
	bool known = !wanted || find_language(wanted, &language);
	if (!known)
		language = I18N_ENGLISH;
	textdomain(DOMAIN);
	if (language != I18N_ENGLISH) {
		leave_c_locale();
		bindtextdomain(DOMAIN,
			       find_beside(folder, sizeof folder) ? folder : WHYOOM_LOCALEDIR);
		bind_textdomain_codeset(DOMAIN, "UTF-8");
		bind_textdomain_codeset("libc", "UTF-8"); // what strerror says
		read_catalogues();
	}
	i18n_use(language);
	return known;
}

const char *i18n_html_name(enum i18n_language language)
{
	return languages[language].html;
}

const char *i18n_text(const char *text)
{
	return text && text[0] ? gettext(text) : "";
}
