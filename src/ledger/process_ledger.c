// SPDX-License-Identifier: Apache-2.0
// In: mappings with what is resident, and what the Go runtime says. Out: rows that sum to the
// resident memory.
#include "ledger/process_ledger.h"

#include <string.h>

#include "ledger/process_ledger_priv.h"

void builder_add(struct builder *builder, enum account account, int64_t bytes)
{
	builder->bytes[account] += bytes;
}

void builder_add_member(struct builder *builder, const struct member *member)
{
	builder_add(builder, member->account, member->bytes);
	if (member->bytes)
		vec_push(&builder->members, *member);
}

bool process_ledger_build(const struct process_ledger_input *input, struct ledger *out,
			  struct error *error)
{
	struct builder builder = {.input = input};
	struct ledger ledger = {.total_key = "rss",
				.total_label = "resident memory of the process"};
	VEC_FOREACH (mapping, &input->maps->list) {
		if (!mapping->rss_bytes.known)
			return error_set(error, ERROR_UNSUPPORTED,
					 "the kernel does not tell what each mapping holds");
		ledger.total_bytes += resident_bytes_of(mapping);
		if (strcmp(mapping->name, "[stack]") == 0)
			builder.stack_end = mapping->end;
	}
	prepare_native(&builder);
	for (size_t i = 0; i < input->maps->list.count; i++) {
		const struct mapping *mapping = &input->maps->list.items[i];
		if (is_go_heap(&builder, mapping))
			account_heap(&builder, mapping);
		else
			account_mapping(&builder, i);
	}
	finish_heap(&builder);
	split_go_own(&builder);
	write_process_rows(&builder, &ledger);
	vec_deinit(&builder.members);
	vec_deinit(&builder.native_pieces);
	*out = ledger;
	return true;
}
