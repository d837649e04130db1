// SPDX-License-Identifier: Apache-2.0
/*
 * What one function of a program reads, writes and calls at fixed addresses, from its
 * instructions: on amd64 operands relative to the instruction pointer, on arm64 a page (ADRP) and
 * what is added to it. The instructions are decoded by capstone, which is loaded for it, and never
 * run.
 */
#pragma once

#include "base/vec.h"
#include "target/elf_image.h"
#include "target/target.h"

enum code_operand_kind {
	OPERAND_LOAD = 1,
	OPERAND_STORE = 2, // with OPERAND_LOAD: both at once
	OPERAND_ADDRESS = 4,
	OPERAND_CALL = 8,
};

struct code_operand {
	taddr_t instruction, target;
	unsigned int kind;  // of enum code_operand_kind
	unsigned int width; // bytes loaded or stored; 0 for an address or a call
};

struct code_operands {
	VEC(struct code_operand) list; // in the order of the instructions
};

struct code_reader;

bool code_reader_new(enum elf_machine machine, struct code_reader **reader,
		     struct error *error) must_check;
void code_reader_free(struct code_reader *reader);
// The operands of the function at [entry, end). What is no instruction is skipped.
bool code_operands_read(struct code_reader *reader, struct target *target, taddr_t entry,
			taddr_t end, struct code_operands *operands,
			struct error *error) must_check;
void code_operands_deinit(struct code_operands *operands);
