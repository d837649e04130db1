// SPDX-License-Identifier: Apache-2.0
// In: numbers. Out: short texts for people; and back.
#include "base/units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct human human_bytes(int64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	struct human human;
	double value = fabs((double)bytes);
	size_t unit = 0;
	while (value >= 1023.5 && unit < 6) { // what would round to 1024
		value /= 1024;
		unit++;
	}
	const char *sign = bytes < 0 ? "-" : "";
	int digits = unit == 0 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
	snprintf(human.text, sizeof human.text, "%s%.*f %s", sign, digits, value, units[unit]);
	return human;
}

struct human human_duration(int64_t ns)
{
	struct human human;
	const int64_t second = 1000000000;
	const char *sign = ns < 0 ? "-" : "";
	int64_t size = ns < 0 ? (ns == INT64_MIN ? INT64_MAX : -ns) : ns;
	double seconds = (double)size / 1e9;
	int64_t whole = size / second + (size % second >= second / 2), minutes = whole / 60;
	if (size < 999500)
		snprintf(human.text, sizeof human.text, "%s%.0f us", sign, seconds * 1e6);
	else if (size < 999500000)
		snprintf(human.text, sizeof human.text, "%s%.*f ms", sign, size < 9950000 ? 1 : 0,
			 seconds * 1e3);
	else if (size < 59950000000)
		snprintf(human.text, sizeof human.text, "%s%.1f s", sign, seconds);
	else if (minutes < 60)
		snprintf(human.text, sizeof human.text, "%s%dm%02ds", sign, (int)minutes,
			 (int)(whole % 60));
	else
		snprintf(human.text, sizeof human.text, "%s%dh%02dm", sign, (int)(minutes / 60),
			 (int)(minutes % 60));
	return human;
}

struct human human_count(int64_t count)
{
	struct human human;
	char digits[32];
	snprintf(digits, sizeof digits, "%" PRIu64, count < 0 ? -(uint64_t)count : (uint64_t)count);
	size_t length = strlen(digits), out = 0;
	if (count < 0)
		human.text[out++] = '-';
	for (size_t i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			human.text[out++] = ',';
		human.text[out++] = digits[i];
	}
	human.text[out] = '\0';
	return human;
}

struct human human_percent(double fraction)
{
	struct human human;
	double percent = fraction * 100;
	// Nearly all is not all: 99.8% must not become 100%.
	if (percent >= 99.5 && percent < 100)
		percent = percent > 99.9 ? 99.9 : percent;
	bool fine = fabs(percent) < 9.95 || (percent >= 99.5 && percent < 100);
	snprintf(human.text, sizeof human.text, fine ? "%.1f%%" : "%.0f%%", percent);
	return human;
}

static struct human format_time(int64_t unix_ns, bool utc)
{
	struct human human;
	const int64_t second = 1000000000;
	int64_t part = unix_ns % second, before = part < 0; // before 1970: round down
	time_t seconds = (time_t)(unix_ns / second - before);
	unsigned nanoseconds = (unsigned)(part + before * second) % 1000000000;
	struct tm parts;
	char text[20]; // of the years that 64 bits of nanoseconds reach
	if (utc)
		gmtime_r(&seconds, &parts);
	else
		localtime_r(&seconds, &parts);
	strftime(text, sizeof text, utc ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &parts);
	if (!utc)
		snprintf(human.text, sizeof human.text, "%s.%03u", text, nanoseconds / 1000000);
	else if (nanoseconds % 1000000 == 0)
		snprintf(human.text, sizeof human.text, "%s.%03uZ", text, nanoseconds / 1000000);
	else
		snprintf(human.text, sizeof human.text, "%s.%09uZ", text, nanoseconds);
	return human;
}

struct human human_time(int64_t unix_ns)
{
	return format_time(unix_ns, false);
}

struct human human_time_rfc3339(int64_t unix_ns)
{
	return format_time(unix_ns, true);
}

bool parse_time_rfc3339(const char *text, int64_t *unix_ns)
{
	struct tm parts = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
	time_t seconds = rest ? timegm(&parts) : -1;
	if (seconds < 0 || seconds > INT64_MAX / 1000000000 - 1)
		return false;
	int64_t part = 0, digit = 100000000;
	if (*rest == '.')
		for (rest++; isdigit((unsigned char)*rest); rest++, digit /= 10)
			part += (*rest - '0') * digit;
	if (strcmp(rest, "Z") != 0)
		return false;
	*unix_ns = seconds * 1000000000 + part;
	return true;
}

struct unit {
	const char *name;
	double factor;
};

static bool parse_with_units(const char *text, const struct unit *units, int64_t *value)
{
	if (!isdigit((unsigned char)text[0]))
		return false;
	char *end;
	double number = strtod(text, &end);
	if (end != text + strspn(text, "0123456789.")) // no hexadecimal, no exponent
		return false;
	for (; units->name; units++) {
		if (strcasecmp(end, units->name) != 0)
			continue;
		double result = number * units->factor;
		if (!(result >= 0 && result < 9.2e18))
			return false;
		*value = (int64_t)result;
		return true;
	}
	return false;
}

bool parse_bytes(const char *text, int64_t *bytes)
{
	static const struct unit units[] = {
		{"", 1},          {"b", 1},        {"k", 1 << 10},   {"kb", 1 << 10},
		{"kib", 1 << 10}, {"m", 1 << 20},  {"mb", 1 << 20},  {"mib", 1 << 20},
		{"g", 1 << 30},   {"gb", 1 << 30}, {"gib", 1 << 30}, {"t", 0x1p40},
		{"tb", 0x1p40},   {"tib", 0x1p40}, {NULL, 0},
	};
	return parse_with_units(text, units, bytes);
}

bool parse_duration(const char *text, int64_t *ns)
{
	static const struct unit units[] = {
		{"", 1e9},   {"ns", 1},     {"us", 1e3},    {"ms", 1e6}, {"s", 1e9},
		{"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}, {NULL, 0},
	};
	return parse_with_units(text, units, ns);
}

bool parse_integer(const char *text, int64_t minimum, int64_t maximum, int64_t *value)
{
	if (!isdigit((unsigned char)text[text[0] == '-']))
		return false;
	char *end;
	errno = 0;
	long long number = strtoll(text, &end, 10);
	if (errno || *end || number < minimum || number > maximum)
		return false;
	*value = number;
	return true;
}
