// SPDX-License-Identifier: Apache-2.0
// In: the machine code of one function. Out: the addresses that it works on.
#include "golang/code_operands.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "golang/instruction_library.h"

enum {
	FUNCTION_BYTES_MAX = 64 << 10,
	ARM64_STEP = 4,
	REGISTERS = ARM64_REG_ENDING,
};

struct code_reader {
	struct instruction_library library;
	enum elf_machine machine;
	csh handle;
	cs_insn *instruction;
	// What ADRP (and ADD) left in each register; 0: something else. arm64 only.
	taddr_t pages[REGISTERS];
};

static cs_err open_handle(struct code_reader *reader)
{
	const struct instruction_library *library = &reader->library;
	bool amd64 = reader->machine == ELF_MACHINE_AMD64;
	cs_err status = library->open(amd64 ? CS_ARCH_X86 : CS_ARCH_ARM64,
				      amd64 ? CS_MODE_64 : CS_MODE_LITTLE_ENDIAN, &reader->handle);
	if (status == CS_ERR_OK)
		status = library->option(reader->handle, CS_OPT_DETAIL, CS_OPT_ON);
	if (status == CS_ERR_OK)
		reader->instruction = library->malloc(reader->handle);
	return status;
}

bool code_reader_new(enum elf_machine machine, struct code_reader **out, struct error *error)
{
	struct code_reader *reader = alloc_zero(sizeof *reader);
	reader->machine = machine;
	if (!instruction_library_load(&reader->library, error)) {
		free(reader);
		return false;
	}
	cs_err status = open_handle(reader);
	if (!reader->instruction) {
		const char *why = reader->library.strerror(status);
		code_reader_free(reader);
		return error_set(error, ERROR_UNSUPPORTED,
				 "capstone cannot decode this machine: %s", why);
	}
	*out = reader;
	return true;
}

void code_reader_free(struct code_reader *reader)
{
	if (!reader)
		return;
	if (reader->instruction)
		reader->library.free(reader->instruction, 1);
	if (reader->handle)
		reader->library.close(&reader->handle);
	free(reader);
}

static unsigned int kind_of_access(uint8_t access)
{
	unsigned int kind = 0;
	if (access & CS_AC_READ)
		kind |= OPERAND_LOAD;
	if (access & CS_AC_WRITE)
		kind |= OPERAND_STORE;
	return kind;
}

static void add_amd64(const cs_insn *instruction, struct code_operands *operands)
{
	const cs_x86 *x86 = &instruction->detail->x86;
	if (instruction->id == X86_INS_CALL && x86->operands[0].type == X86_OP_IMM)
		vec_push(&operands->list,
			 {instruction->address, (taddr_t)x86->operands[0].imm, OPERAND_CALL, 0});
	for (uint8_t i = 0; i < x86->op_count; i++) {
		const cs_x86_op *operand = &x86->operands[i];
		if (operand->type != X86_OP_MEM || operand->mem.base != X86_REG_RIP ||
		    operand->mem.index != X86_REG_INVALID)
			continue;
		bool address = instruction->id == X86_INS_LEA;
		taddr_t target =
			instruction->address + instruction->size + (taddr_t)operand->mem.disp;
		vec_push(&operands->list,
			 {instruction->address, target,
			  address ? OPERAND_ADDRESS : kind_of_access(operand->access),
			  address ? 0 : operand->size});
	}
}

static taddr_t page_of(const struct code_reader *reader, unsigned int reg)
{
	return reg < REGISTERS ? reader->pages[reg] : 0;
}

static void set_page(struct code_reader *reader, unsigned int reg, taddr_t page)
{
	if (reg < REGISTERS)
		reader->pages[reg] = page;
}

// Go's assembler needs it for the address of a load or store; no value lives in it.
static bool is_temporary(arm64_reg reg)
{
	return reg == ARM64_REG_X27;
}

// Capstone gives no width for arm64: it follows from the mnemonic's end and the register.
static unsigned int arm64_width(const cs_insn *instruction, arm64_reg reg)
{
	const char *name = instruction->mnemonic;
	char last = name[strlen(name) - 1];
	if (last == 'b' || last == 'h')
		return last == 'b' ? 1 : 2;
	bool whole = (reg >= ARM64_REG_X0 && reg <= ARM64_REG_X28) || reg == ARM64_REG_X29 ||
		     reg == ARM64_REG_X30 || reg == ARM64_REG_XZR;
	return whole && !(last == 'w' && name[strlen(name) - 2] == 's') ? 8 : 4;
}

static void add_arm64_memory(struct code_reader *reader, struct code_operands *operands)
{
	const cs_insn *instruction = reader->instruction;
	const cs_arm64 *arm64 = &instruction->detail->arm64;
	for (uint8_t i = 1; i < arm64->op_count; i++) {
		const cs_arm64_op *operand = &arm64->operands[i];
		if (operand->type != ARM64_OP_MEM || !page_of(reader, operand->mem.base) ||
		    operand->mem.index != ARM64_REG_INVALID)
			continue;
		bool store = strncmp(instruction->mnemonic, "st", 2) == 0;
		bool pair = strcmp(instruction->mnemonic + 2, "p") == 0;
		struct code_operand found = {instruction->address,
					     reader->pages[operand->mem.base] +
						     (taddr_t)(int64_t)operand->mem.disp,
					     store ? OPERAND_STORE : OPERAND_LOAD,
					     arm64_width(instruction, arm64->operands[0].reg)};
		vec_push(&operands->list, found);
		found.target += found.width;
		if (pair)
			vec_push(&operands->list, found);
	}
}

static void forget_written_registers(struct code_reader *reader)
{
	cs_regs read, written;
	uint8_t read_count, written_count;
	if (reader->library.regs_access(reader->handle, reader->instruction, read, &read_count,
					written, &written_count) != CS_ERR_OK)
		return;
	for (uint8_t i = 0; i < written_count; i++)
		set_page(reader, written[i], 0);
}

static void add_arm64(struct code_reader *reader, struct code_operands *operands)
{
	const cs_insn *instruction = reader->instruction;
	const cs_arm64_op *operand = instruction->detail->arm64.operands;
	taddr_t result = 0;
	if (instruction->id == ARM64_INS_BL) {
		vec_push(&operands->list,
			 {instruction->address, (taddr_t)operand[0].imm, OPERAND_CALL, 0});
		memset(reader->pages, 0, sizeof reader->pages);
	} else if (instruction->id == ARM64_INS_ADRP) {
		result = (taddr_t)operand[1].imm;
	} else if (instruction->id == ARM64_INS_ADD && operand[2].type == ARM64_OP_IMM &&
		   page_of(reader, operand[1].reg)) {
		result = page_of(reader, operand[1].reg) + (taddr_t)operand[2].imm;
		if (!is_temporary(operand[0].reg))
			vec_push(&operands->list,
				 {instruction->address, result, OPERAND_ADDRESS, 0});
	} else {
		add_arm64_memory(reader, operands);
	}
	forget_written_registers(reader);
	if (result)
		set_page(reader, operand[0].reg, result);
}

static void decode(struct code_reader *reader, const uint8_t *code, size_t size, taddr_t entry,
		   struct code_operands *operands)
{
	bool amd64 = reader->machine == ELF_MACHINE_AMD64;
	size_t step = amd64 ? 1 : ARM64_STEP;
	memset(reader->pages, 0, sizeof reader->pages);
	while (size >= step) {
		if (!reader->library.disasm_iter(reader->handle, &code, &size, &entry,
						 reader->instruction)) {
			code += step;
			size -= step;
			entry += step;
		} else if (amd64) {
			add_amd64(reader->instruction, operands);
		} else {
			add_arm64(reader, operands);
		}
	}
}

bool code_operands_read(struct code_reader *reader, struct target *target, taddr_t entry,
			taddr_t end, struct code_operands *out, struct error *error)
{
	if (end < entry || end - entry > FUNCTION_BYTES_MAX)
		return error_set(error, ERROR_LIMIT,
				 "a function of %" PRIu64 " bytes at 0x%" PRIx64, end - entry,
				 entry);
	_cleanup_free_ uint8_t *code = alloc_array(end - entry + 1, 1);
	struct code_operands operands = {0};
	if (!target_read(target, entry, code, end - entry, error))
		return false;
	decode(reader, code, end - entry, entry, &operands);
	*out = operands;
	return true;
}

void code_operands_deinit(struct code_operands *operands)
{
	vec_deinit(&operands->list);
}
