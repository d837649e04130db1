// SPDX-License-Identifier: Apache-2.0
// What a program exports that has jemalloc inside.
int mallctl(void);

int mallctl(void)
{
	return 0;
}
