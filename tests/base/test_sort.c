// SPDX-License-Identifier: Apache-2.0
#include "system/lab.h"

#include <string.h>

#include "base/sort.h"
#include "random.h"

enum { COUNT = 5000 };

static void check(const uint64_t *numbers, size_t count)
{
	struct sort_key keys[COUNT];
	bool seen[COUNT] = {false};
	for (size_t i = 0; i < count; i++)
		keys[i] = (struct sort_key){.key = numbers[i], .value = i};
	sort_keys(keys, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(numbers[keys[i].value], keys[i].key);
		assert_false(seen[keys[i].value]);
		seen[keys[i].value] = true;
		if (i == 0)
			continue;
		assert_true(keys[i - 1].key <= keys[i].key);
		assert_true(keys[i - 1].key < keys[i].key || keys[i - 1].value < keys[i].value);
	}
}

static void numbers_come_in_order_and_equal_ones_as_they_were(void **state)
{
	(void)state;
	static const uint64_t masks[] = {UINT64_MAX,   0xff,  0,    1ull << 63,
					 0xc0ffffe000, 0x7ff, 0x800};
	uint64_t numbers[COUNT], seed = 1;
	for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
		for (size_t k = 0; k < COUNT; k++)
			numbers[k] = random_next(&seed) & masks[i];
		for (size_t count = 0; count < 4; count++)
			check(numbers, count);
		check(numbers, COUNT);
	}
}

static void order_stays(void **state)
{
	(void)state;
	uint64_t numbers[COUNT];
	for (size_t k = 0; k < COUNT; k++)
		numbers[k] = k / 2;
	check(numbers, COUNT);
	for (size_t k = 0; k < COUNT; k++)
		numbers[k] = UINT64_MAX - k;
	check(numbers, COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_come_in_order_and_equal_ones_as_they_were),
		cmocka_unit_test(order_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
