// SPDX-License-Identifier: Apache-2.0
#include "system/lab.h"

#include "verdict/verdict.h"

static void everybodys_code_is_told_apart(void **state)
{
	(void)state;
	static const struct {
		const char *function;
		enum code_owner owner;
	} rows[] = {
		{"main.main", CODE_OWN},
		{"main.(*T).M.func1", CODE_OWN},
		{"main.F[go.shape.struct { net/http.Header }]", CODE_OWN},
		{"example.com/app.F", CODE_OWN},
		{"example.com/app/internal/cache.(*Cache[...]).Put", CODE_OWN},
		{"example.com/application.F", CODE_THIRD_PARTY}, // only the start of its name
		{"example.com/app%2ego.F", CODE_THIRD_PARTY},    // example.com/app.go
		{"github.com/a/b.F", CODE_THIRD_PARTY},
		{"github.com/a/b.Map[example.com/app.K,example.com/app.V].Put", CODE_THIRD_PARTY},
		{"gopkg.in/yaml%2ev3.Unmarshal", CODE_THIRD_PARTY},
		{"github.com/mine/fork/sub.F", CODE_OWN}, // replaced by a folder of the user
		{"github.com/mine/forked.F", CODE_THIRD_PARTY},
		{"gopkg.in/mine%2ev2.F", CODE_OWN},
		{"gopkg.in/mine%2ev2/sub.(*T).F", CODE_OWN},
		{"bytes.(*Buffer).Write", CODE_STANDARD_LIBRARY},
		{"encoding/json.(*decodeState).object", CODE_STANDARD_LIBRARY},
		{"slices.Grow[go.shape.[]example.com/app.T,go.shape.int]", CODE_STANDARD_LIBRARY},
		{"vendor/golang.org/x/net/http2/hpack.NewEncoder", CODE_STANDARD_LIBRARY},
		{"golang.org/x/net/http2.F", CODE_THIRD_PARTY},
		{"internal/poll.(*FD).Read", CODE_STANDARD_LIBRARY},
		{"main._Cfunc_wait_long", CODE_RUNTIME}, // made by cgo
		{"main.resolve._Cfunc_getaddrinfo.func1", CODE_RUNTIME},
		{"runtime.mallocgc", CODE_RUNTIME},
		{"runtime.(*mheap).alloc", CODE_RUNTIME},
		{"internal/runtime/maps.(*Map).grow", CODE_RUNTIME},
		{"runtimes.F", CODE_STANDARD_LIBRARY},
		{"", CODE_STANDARD_LIBRARY}, // nobody's: not the user's
		{"[", CODE_STANDARD_LIBRARY},
		{"%2", CODE_STANDARD_LIBRARY},
	};
	struct snapshot_identity identity = {.module_path = "example.com/app"};
	vec_push(&identity.replaced_modules, "github.com/mine/fork");
	vec_push(&identity.replaced_modules, "gopkg.in/mine.v2");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (code_owner_of(&identity, rows[i].function) != rows[i].owner)
			fail_msg("%s: %d", rows[i].function,
				 (int)code_owner_of(&identity, rows[i].function));
	vec_deinit(&identity.replaced_modules);
}

static void a_module_without_a_dot_is_the_users(void **state)
{
	(void)state;
	struct snapshot_identity identity = {.module_path = "shop"};
	assert_int_equal(CODE_OWN, code_owner_of(&identity, "shop/cart.Add"));
	assert_int_equal(CODE_STANDARD_LIBRARY, code_owner_of(&identity, "shopping.Add"));
	identity.module_path = ""; // not known
	assert_int_equal(CODE_OWN, code_owner_of(&identity, "main.main"));
	assert_int_equal(CODE_STANDARD_LIBRARY, code_owner_of(&identity, "bytes.growSlice"));
	assert_int_equal(CODE_THIRD_PARTY, code_owner_of(&identity, "example.com/app.F"));
}

static void long_names_are_no_danger(void **state)
{
	(void)state;
	struct snapshot_identity identity = {.module_path = "example.com/app"};
	char name[5000];
	for (size_t i = 0; i < sizeof name; i++)
		name[i] = i % 9 == 8 ? '/' : 'a';
	name[sizeof name - 1] = '\0';
	assert_int_equal(CODE_STANDARD_LIBRARY, code_owner_of(&identity, name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybodys_code_is_told_apart),
		cmocka_unit_test(a_module_without_a_dot_is_the_users),
		cmocka_unit_test(long_names_are_no_danger),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
