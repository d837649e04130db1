// SPDX-License-Identifier: Apache-2.0
// In: /proc/PID/fd and /proc/PID/net. Out: what a descriptor is.
#include "system/sockets.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/map.h"
#include "base/vec.h"

#define TABLE_BYTES_MAX ((size_t)64 << 20)
enum { LINK_BYTES = 96, TABLES = 5 };

static const char *const table_names[TABLES] = {"net/tcp", "net/tcp6", "net/udp", "net/udp6",
						"net/unix"};

struct descriptor {
	uint64_t fd;
	char link[LINK_BYTES];
};

struct row {
	int table;
	const char *text; // of the table, not terminated by itself
};

struct sockets {
	int fds[TABLES];
	char *texts[TABLES];
	bool loaded;
	VEC(struct descriptor) descriptors;
	VEC(struct row) rows;
	struct map by_fd, by_inode;
};

// ---- opening ----

static void add_link(struct sockets *sockets, int folder, const char *name)
{
	struct descriptor descriptor;
	char *end;
	bool is_new;
	descriptor.fd = strtoull(name, &end, 10);
	ssize_t length = readlinkat(folder, name, descriptor.link, LINK_BYTES - 1);
	if (*end || length <= 0 || sockets->descriptors.count >= SOCKETS_FDS_MAX)
		return;
	descriptor.link[length] = '\0';
	map_put(&sockets->by_fd, hash_u64(descriptor.fd), sockets->descriptors.count, &is_new);
	vec_push(&sockets->descriptors, descriptor);
}

static bool read_links(struct sockets *sockets, int process_fd, struct error *error)
{
	int folder = openat(process_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = folder >= 0 ? fdopendir(folder) : NULL;
	if (!list)
		return error_set_os(error, errno, "cannot list the process's descriptors");
	for (struct dirent *entry = readdir(list); entry; entry = readdir(list))
		if (entry->d_name[0] != '.')
			add_link(sockets, folder, entry->d_name);
	closedir(list);
	return true;
}

bool sockets_open(int process_fd, struct sockets **out, struct error *error)
{
	struct sockets *sockets = alloc_zero(sizeof *sockets);
	for (int i = 0; i < TABLES; i++)
		sockets->fds[i] = openat(process_fd, table_names[i], O_RDONLY | O_CLOEXEC);
	if (!read_links(sockets, process_fd, error)) {
		sockets_free(sockets);
		return false;
	}
	*out = sockets;
	return true;
}

void sockets_free(struct sockets *sockets)
{
	if (!sockets)
		return;
	for (int i = 0; i < TABLES; i++) {
		if (sockets->fds[i] >= 0)
			close(sockets->fds[i]);
		free(sockets->texts[i]);
	}
	vec_deinit(&sockets->descriptors);
	vec_deinit(&sockets->rows);
	map_deinit(&sockets->by_fd);
	map_deinit(&sockets->by_inode);
	free(sockets);
}

// ---- tables ----

// The column of a row, which begins at 0.
static const char *column(const char *row, int number)
{
	while (*row == ' ')
		row++;
	for (; number > 0; number--) {
		row += strcspn(row, " \n");
		while (*row == ' ')
			row++;
	}
	return row;
}

static void add_row(struct sockets *sockets, int table, const char *row)
{
	bool is_new;
	uint64_t inode = strtoull(column(row, table == 4 ? 6 : 9), NULL, 10);
	if (!inode)
		return;
	map_put(&sockets->by_inode, hash_u64(inode), sockets->rows.count, &is_new);
	vec_push(&sockets->rows, {table, row});
}

static void load(struct sockets *sockets)
{
	sockets->loaded = true;
	for (int i = 0; i < TABLES; i++) {
		size_t size;
		if (sockets->fds[i] < 0 ||
		    !file_read(sockets->fds[i], table_names[i], TABLE_BYTES_MAX, &sockets->texts[i],
			       &size, NULL))
			continue;
		const char *row = strchr(sockets->texts[i], '\n'); // behind the heading
		for (; row && row[1]; row = strchr(row + 1, '\n'))
			add_row(sockets, i, row + 1);
	}
}

// ---- describing ----

// "0100007F:1F90": the kernel prints each 32 bits in the machine's order.
static void add_address(const char *text, bool six, struct strbuf *out)
{
	uint32_t words[4] = {0};
	char readable[INET6_ADDRSTRLEN];
	unsigned int port = 0;
	for (int i = 0; i < (six ? 4 : 1); i++) {
		char word[9] = {0};
		memcpy(word, text, strnlen(text, 8));
		words[i] = (uint32_t)strtoul(word, NULL, 16);
		text += strnlen(text, 8);
	}
	if (*text == ':')
		port = (unsigned int)strtoul(text + 1, NULL, 16) & 0xffff;
	if (!inet_ntop(six ? AF_INET6 : AF_INET, words, readable, sizeof readable))
		return;
	strbuf_addf(out, six ? "[%s]:%u" : "%s:%u", readable, port);
}

static const char *state_name(unsigned long state)
{
	static const char *const names[] = {
		"",
		N_("established"),
		N_("SYN sent"),
		N_("SYN received"),
		N_("FIN wait 1"),
		N_("FIN wait 2"),
		N_("time wait"),
		N_("closed"),
		N_("the peer has closed"),
		N_("last ACK"),
		N_("listening"),
		N_("closing"),
	};
	return state < sizeof names / sizeof *names ? names[state] : "";
}

static void describe_row(const struct row *row, struct strbuf *out)
{
	bool six = row->table == 1 || row->table == 3;
	if (row->table == 4) {
		const char *path = column(row->text, 7);
		size_t length = strcspn(path, "\n");
		_cleanup_free_ char *name = length ? strndup(path, length) : NULL;
		strbuf_add(out, _("unix socket "));
		strbuf_add_safe(out, name ? name : _("without a name"));
		return;
	}
	unsigned long state = strtoul(column(row->text, 3), NULL, 16);
	strbuf_add(out, row->table < 2 ? "tcp " : "udp ");
	add_address(column(row->text, 1), six, out);
	if (state != 10) {
		strbuf_add(out, _(" with "));
		add_address(column(row->text, 2), six, out);
	}
	if (row->table < 2)
		strbuf_addf(out, _(", %s"), i18n_text(state_name(state)));
}

bool sockets_describe(struct sockets *sockets, uint64_t fd, struct strbuf *out)
{
	unsigned long long inode;
	const uint64_t *index = map_find(&sockets->by_fd, hash_u64(fd));
	if (!index)
		return false;
	if (!sockets->loaded)
		load(sockets);
	const char *link = sockets->descriptors.items[*index].link;
	if (sscanf(link, "socket:[%llu]", &inode) == 1) {
		const uint64_t *row = map_find(&sockets->by_inode, hash_u64(inode));
		if (row) {
			describe_row(&sockets->rows.items[*row], out);
			return true;
		}
	}
	strbuf_add_safe(out, link);
	return true;
}
