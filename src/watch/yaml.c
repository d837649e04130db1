// SPDX-License-Identifier: Apache-2.0
// In: the text of a YAML file. Out: a tree of maps, lists and texts.
#include "watch/yaml.h"

#include <string.h>
#include <yaml.h>

struct builder {
	yaml_parser_t parser;
	const char *name; // of the file
	struct arena *arena;
	int nodes;
	struct error *error;
};

static bool fail_at(const struct builder *builder, const yaml_mark_t *mark, const char *what)
{
	return error_set(builder->error, ERROR_USAGE, "%.200s:%zu:%zu: %s", builder->name,
			 mark->line + 1, mark->column + 1, what);
}

static bool fail_parser(const struct builder *builder)
{
	const yaml_parser_t *parser = &builder->parser;
	const char *problem = parser->problem ? parser->problem : "it cannot be read";
	yaml_mark_t mark = parser->problem_mark;
	if (parser->error == YAML_READER_ERROR)
		return error_set(builder->error, ERROR_USAGE, "%.200s: byte %zu: not YAML: %s",
				 builder->name, parser->problem_offset, problem);
	error_set(builder->error, ERROR_USAGE, "%.200s:%zu:%zu: not YAML: %s%s%s", builder->name,
		  mark.line + 1, mark.column + 1, problem, parser->context ? ", " : "",
		  parser->context ? parser->context : "");
	if (strstr(problem, "tab") || strstr(problem, "token"))
		error_hint(builder->error, "indent with spaces; quote texts that begin with %s",
			   "* & ! % @ or `");
	return false;
}

static bool next_event(struct builder *builder, yaml_event_t *event)
{
	return yaml_parser_parse(&builder->parser, event) || fail_parser(builder);
}

static bool is_refused(const struct builder *builder, const yaml_event_t *event)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return !fail_at(builder, &event->start_mark, "aliases (*) are not for this file");
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
		break;
	default:
		break;
	}
	if (anchor)
		return !fail_at(builder, &event->start_mark, "anchors (&) are not for this file");
	return tag && !fail_at(builder, &event->start_mark, "tags (!) are not for this file");
}

static struct yaml_node *make_node(struct builder *builder, const yaml_event_t *event)
{
	if (++builder->nodes > YAML_NODES_MAX) {
		error_set(builder->error, ERROR_LIMIT, "%.200s: more than %d items", builder->name,
			  YAML_NODES_MAX);
		return NULL;
	}
	struct yaml_node *node = arena_alloc(builder->arena, sizeof *node);
	if (!node) {
		error_set(builder->error, ERROR_LIMIT, "%.200s: no memory", builder->name);
		return NULL;
	}
	*node = (struct yaml_node){.line = (int)event->start_mark.line + 1,
				   .column = (int)event->start_mark.column + 1};
	return node;
}

static bool fill_text(struct builder *builder, const yaml_event_t *event, struct yaml_node *node)
{
	const char *value = (const char *)event->data.scalar.value;
	size_t length = event->data.scalar.length;
	yaml_scalar_style_t style = event->data.scalar.style;
	if (memchr(value, '\0', length))
		return fail_at(builder, &event->start_mark, "a NUL inside a text");
	node->kind = YAML_TEXT;
	node->text = arena_string(builder->arena, value, length);
	bool one_line = event->start_mark.line == event->end_mark.line;
	size_t quotes = style == YAML_PLAIN_SCALAR_STYLE ? 0 : 2;
	// Escapes make what is written longer than what it says.
	node->inside =
		one_line && event->end_mark.column - event->start_mark.column == length + quotes;
	node->column += node->inside && quotes;
	return node->text ||
	       error_set(builder->error, ERROR_LIMIT, "%.200s: no memory", builder->name);
}

static bool build(struct builder *builder, const yaml_event_t *event, int depth,
		  struct yaml_node **out);

static bool build_list(struct builder *builder, int depth, struct yaml_node *list)
{
	struct yaml_node **link = &list->first;
	list->kind = YAML_LIST;
	for (bool more = true; more;) {
		yaml_event_t event;
		if (!next_event(builder, &event))
			return false;
		more = event.type != YAML_SEQUENCE_END_EVENT;
		bool ok = !more || build(builder, &event, depth, link);
		yaml_event_delete(&event);
		if (!ok)
			return false;
		if (more)
			link = &(*link)->next;
	}
	return true;
}

static bool check_key(struct builder *builder, const struct yaml_node *map,
		      const yaml_event_t *event)
{
	if (is_refused(builder, event))
		return false;
	if (event->type != YAML_SCALAR_EVENT)
		return fail_at(builder, &event->start_mark, "a key has to be a word");
	const char *key = (const char *)event->data.scalar.value;
	if (strlen(key) != event->data.scalar.length)
		return fail_at(builder, &event->start_mark, "a NUL inside a key");
	for (const struct yaml_node *node = map->first; node; node = node->next)
		if (strcmp(node->key, key) == 0)
			return fail_at(builder, &event->start_mark, "this key was given before");
	return true;
}

static bool build_value(struct builder *builder, int depth, const yaml_event_t *key,
			struct yaml_node **link)
{
	yaml_event_t event;
	const char *text = arena_string(builder->arena, (const char *)key->data.scalar.value,
					key->data.scalar.length);
	if (!text)
		return error_set(builder->error, ERROR_LIMIT, "%.200s: no memory", builder->name);
	if (!next_event(builder, &event))
		return false;
	struct yaml_node *node = NULL;
	bool ok = build(builder, &event, depth, &node);
	yaml_event_delete(&event);
	if (!ok)
		return false;
	node->key = text;
	node->key_line = (int)key->start_mark.line + 1;
	node->key_column = (int)key->start_mark.column + 1;
	*link = node;
	return true;
}

static bool build_map(struct builder *builder, int depth, struct yaml_node *map)
{
	struct yaml_node **link = &map->first;
	map->kind = YAML_MAP;
	for (bool more = true; more;) {
		yaml_event_t event;
		if (!next_event(builder, &event))
			return false;
		more = event.type != YAML_MAPPING_END_EVENT;
		bool ok = !more || (check_key(builder, map, &event) &&
				    build_value(builder, depth, &event, link));
		yaml_event_delete(&event);
		if (!ok)
			return false;
		if (more)
			link = &(*link)->next;
	}
	return true;
}

static bool build(struct builder *builder, const yaml_event_t *event, int depth,
		  struct yaml_node **out)
{
	if (is_refused(builder, event))
		return false;
	if (depth == YAML_DEPTH_MAX)
		return fail_at(builder, &event->start_mark, "too many levels");
	struct yaml_node *node = make_node(builder, event);
	if (!node)
		return false;
	*out = node;
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return fill_text(builder, event, node);
	case YAML_SEQUENCE_START_EVENT:
		return build_list(builder, depth + 1, node);
	case YAML_MAPPING_START_EVENT:
		return build_map(builder, depth + 1, node);
	default:
		return fail_at(builder, &event->start_mark, "something is missing here");
	}
}

static bool expect(struct builder *builder, yaml_event_type_t type, const char *otherwise)
{
	yaml_event_t event;
	if (!next_event(builder, &event))
		return false;
	bool ok = event.type == type || fail_at(builder, &event.start_mark, otherwise);
	yaml_event_delete(&event);
	return ok;
}

static bool build_document(struct builder *builder, struct yaml_node **root)
{
	yaml_event_t event;
	if (!expect(builder, YAML_STREAM_START_EVENT, "no YAML") ||
	    !expect(builder, YAML_DOCUMENT_START_EVENT, "the file says nothing") ||
	    !next_event(builder, &event))
		return false;
	bool ok = build(builder, &event, 0, root);
	yaml_event_delete(&event);
	return ok && expect(builder, YAML_DOCUMENT_END_EVENT, "something is left over") &&
	       expect(builder, YAML_STREAM_END_EVENT, "only one document is allowed");
}

bool yaml_parse_text(const char *text, size_t size, const char *name, struct arena *arena,
		     struct yaml_node **root, struct error *error)
{
	struct error ignored;
	struct builder builder = {.name = name, .arena = arena, .error = error ? error : &ignored};
	struct yaml_node *found = NULL;
	if (size > YAML_BYTES_MAX)
		return error_set(error, ERROR_LIMIT, "%.200s: larger than %d KiB", name,
				 YAML_BYTES_MAX >> 10);
	if (!yaml_parser_initialize(&builder.parser))
		return error_set(error, ERROR_LIMIT, "%.200s: no memory", name);
	yaml_parser_set_input_string(&builder.parser, (const unsigned char *)text, size);
	bool ok = build_document(&builder, &found);
	yaml_parser_delete(&builder.parser);
	if (ok)
		*root = found;
	return ok;
}
