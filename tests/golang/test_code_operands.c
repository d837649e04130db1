// SPDX-License-Identifier: Apache-2.0
// Machine code written by hand: what it works on is known.
#include "system/lab.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "golang/code_operands.h"

enum { CODE = 0x401000, PAGE = 4096 };

struct code {
	int fd;
	struct target *target;
	struct code_reader *reader;
};

static void begin(struct code *code, enum elf_machine machine, const void *bytes, size_t size)
{
	code->fd = memfd_create("code", MFD_CLOEXEC);
	assert_int_equal(0, ftruncate(code->fd, PAGE));
	assert_int_equal(size, pwrite(code->fd, bytes, size, 0));
	struct target_mapping mapping = {
		.start = CODE, .end = CODE + PAGE, .data_size = PAGE, .readable = true};
	struct target_source source = {
		.memory_fd = code->fd, .exe_fd = -1, .mappings = &mapping, .mapping_count = 1};
	code->target = target_new(&source);
	assert_ok(code_reader_new(machine, &code->reader, &error));
}

static void end(struct code *code)
{
	code_reader_free(code->reader);
	target_free(code->target);
	close(code->fd);
}

static void assert_operands(enum elf_machine machine, const void *bytes, size_t size,
			    const struct code_operand *expected, size_t count)
{
	struct code code;
	struct code_operands found;
	begin(&code, machine, bytes, size);
	assert_ok(code_operands_read(code.reader, code.target, CODE, CODE + size, &found, &error));
	assert_int_equal(count, found.list.count);
	for (size_t i = 0; i < count; i++) {
		const struct code_operand *operand = &found.list.items[i];
		assert_int_equal(CODE + expected[i].instruction, operand->instruction);
		assert_int_equal(expected[i].target, operand->target);
		assert_int_equal(expected[i].kind, operand->kind);
		assert_int_equal(expected[i].width, operand->width);
	}
	code_operands_deinit(&found);
	end(&code);
}

static void amd64_code_is_understood(void **state)
{
	(void)state;
	static const uint8_t bytes[] = {
		0x48, 0x8b, 0x05, 0xf9, 0x0f, 0x00, 0x00, //  0: mov rax, [0x402000]
		0x8b, 0x0d, 0x03, 0x00, 0x00, 0x00,       //  7: mov ecx, [0x401010]
		0x06,                                     // 13: no instruction
		0x4c, 0x8d, 0x05, 0xeb, 0xff, 0xff, 0xff, // 14: lea r8, [0x401000]
		0xe8, 0x06, 0x00, 0x00, 0x00,             // 21: call 0x401020
		0xff, 0x05, 0xe0, 0x0f, 0x00, 0x00,       // 26: inc dword [0x402000]
		0xc6, 0x05, 0xda, 0x0f, 0x00, 0x00, 0x01, // 32: mov byte [0x402001], 1
		0x48, 0x8b, 0x04, 0x08,                   // 39: mov rax, [rax+rcx]
		0x80, 0x3d, 0xcf, 0x0f, 0x00, 0x00, 0x00, // 43: cmp byte [0x402001], 0
	};
	static const struct code_operand expected[] = {
		{0, 0x402000, OPERAND_LOAD, 8},
		{7, 0x401010, OPERAND_LOAD, 4},
		{14, 0x401000, OPERAND_ADDRESS, 0},
		{21, 0x401020, OPERAND_CALL, 0},
		{26, 0x402000, OPERAND_LOAD | OPERAND_STORE, 4},
		{32, 0x402001, OPERAND_STORE, 1},
		{43, 0x402001, OPERAND_LOAD, 1},
	};
	assert_operands(ELF_MACHINE_AMD64, bytes, sizeof bytes, expected,
			sizeof expected / sizeof *expected);
}

static void arm64_code_is_understood(void **state)
{
	(void)state;
	static const uint32_t words[] = {
		0xb000001b, //  0: adrp x27, 0x402000
		0xf9400760, //  4: ldr x0, [x27, #8]
		0xb0000001, //  8: adrp x1, 0x402000
		0x91004021, // 12: add x1, x1, #16
		0xb9400022, // 16: ldr w2, [x1]
		0x00000000, // 20: no instruction
		0xa9400c22, // 24: ldp x2, x3, [x1]
		0xb000001b, // 28: adrp x27, 0x402000
		0x9100637b, // 32: add x27, x27, #24: only to load from
		0x39400364, // 36: ldrb w4, [x27]
		0xf9001361, // 40: str x1, [x27, #32]
		0x97fffff5, // 44: bl 0x401000
		0xf9400022, // 48: ldr x2, [x1]: the call may have changed x1
		0xb0000001, // 52: adrp x1, 0x402000
		0xaa0203e1, // 56: mov x1, x2
		0xf9400022, // 60: ldr x2, [x1]
	};
	static const struct code_operand expected[] = {
		{4, 0x402008, OPERAND_LOAD, 8},   {12, 0x402010, OPERAND_ADDRESS, 0},
		{16, 0x402010, OPERAND_LOAD, 4},  {24, 0x402010, OPERAND_LOAD, 8},
		{24, 0x402018, OPERAND_LOAD, 8},  {36, 0x402018, OPERAND_LOAD, 1},
		{40, 0x402038, OPERAND_STORE, 8}, {44, 0x401000, OPERAND_CALL, 0},
	};
	assert_operands(ELF_MACHINE_ARM64, words, sizeof words, expected,
			sizeof expected / sizeof *expected);
}

static void absurd_functions_are_refused(void **state)
{
	(void)state;
	static const uint8_t nop = 0x90;
	struct code code;
	struct code_operands found;
	begin(&code, ELF_MACHINE_AMD64, &nop, 1);
	assert_error(ERROR_LIMIT,
		     code_operands_read(code.reader, code.target, CODE, CODE - 1, &found, &error));
	assert_error(ERROR_LIMIT,
		     code_operands_read(code.reader, code.target, 0, UINT64_MAX, &found, &error));
	assert_error(ERROR_FAULT, code_operands_read(code.reader, code.target, CODE,
						     CODE + PAGE + 1, &found, &error));
	assert_ok(code_operands_read(code.reader, code.target, CODE, CODE, &found, &error));
	assert_int_equal(0, found.list.count);
	end(&code);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(amd64_code_is_understood),
		cmocka_unit_test(arm64_code_is_understood),
		cmocka_unit_test(absurd_functions_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
