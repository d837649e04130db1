// SPDX-License-Identifier: Apache-2.0
// In: a URL. Out: what it answers.
#include "system/fetch.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "system/sandbox.h"

// The functions of libcurl that are used, by their own types.
struct library {
	__typeof__(curl_global_init) *global_init;
	__typeof__(curl_easy_init) *init;
	__typeof__(curl_easy_setopt) *setopt;
	__typeof__(curl_easy_perform) *perform;
	__typeof__(curl_easy_getinfo) *getinfo;
	__typeof__(curl_easy_strerror) *strerror;
	__typeof__(curl_easy_cleanup) *cleanup;
};

struct transfer {
	const char *url;
	int fd;
	size_t limit, written;
	struct error *error;
	bool failed; // and the error says why
};

bool fetch_is_url(const char *text)
{
	return strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;
}

static void *open_library(void)
{
	static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
	void *handle = NULL;
	for (size_t i = 0; !handle && i < sizeof names / sizeof *names; i++)
		handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	return handle;
}

static bool load(struct library *library, struct error *error)
{
	void *handle = open_library();
	if (!handle) {
		error_set(error, ERROR_UNSUPPORTED, "libcurl is not on this machine: %.200s",
			  dlerror());
		return error_hint(error, "install it, or save the page and give the file");
	}
	*library = (struct library){
		.global_init = dlsym(handle, "curl_global_init"),
		.init = dlsym(handle, "curl_easy_init"),
		.setopt = dlsym(handle, "curl_easy_setopt"),
		.perform = dlsym(handle, "curl_easy_perform"),
		.getinfo = dlsym(handle, "curl_easy_getinfo"),
		.strerror = dlsym(handle, "curl_easy_strerror"),
		.cleanup = dlsym(handle, "curl_easy_cleanup"),
	};
	return (library->global_init && library->init && library->setopt && library->perform &&
		library->getinfo && library->strerror && library->cleanup &&
		library->global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) ||
	       error_set(error, ERROR_UNSUPPORTED, "the libcurl of this machine cannot be used");
}

// Connected, and nothing has been said yet.
static int before_request(void *context, char *peer, char *local, int peer_port, int local_port)
{
	struct transfer *transfer = context;
	(void)peer, (void)local, (void)peer_port, (void)local_port;
	transfer->failed = !sandbox_enter(SANDBOX_SOCKET, transfer->error);
	return transfer->failed ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static size_t take(char *data, size_t size, size_t count, void *context)
{
	struct transfer *transfer = context;
	size_t bytes = size * count;
	if (bytes > transfer->limit - transfer->written)
		transfer->failed = !error_set(transfer->error, ERROR_LIMIT,
					      "%.256s answers with more than %zu bytes",
					      transfer->url, transfer->limit);
	else
		transfer->failed =
			!file_write(transfer->fd, "a copy", data, bytes, transfer->error);
	transfer->written += transfer->failed ? 0 : bytes;
	return transfer->failed ? CURL_WRITEFUNC_ERROR : bytes;
}

static bool configure(const struct library *library, CURL *curl, struct transfer *transfer,
		      const struct fetch_limits *limits)
{
	return library->setopt(curl, CURLOPT_URL, transfer->url) == CURLE_OK &&
	       library->setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	       library->setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       library->setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
	       library->setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	       library->setopt(curl, CURLOPT_CONNECTTIMEOUT, limits->connect_seconds) == CURLE_OK &&
	       library->setopt(curl, CURLOPT_TIMEOUT, limits->seconds) == CURLE_OK &&
	       library->setopt(curl, CURLOPT_PREREQFUNCTION, before_request) == CURLE_OK &&
	       library->setopt(curl, CURLOPT_PREREQDATA, transfer) == CURLE_OK &&
	       library->setopt(curl, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
	       library->setopt(curl, CURLOPT_WRITEDATA, transfer) == CURLE_OK;
}

static bool check(const struct library *library, CURL *curl, const struct transfer *transfer,
		  CURLcode result, const struct fetch_limits *limits)
{
	long status = 0;
	if (transfer->failed)
		return false;
	if (result == CURLE_OPERATION_TIMEDOUT)
		return error_set(transfer->error, ERROR_LIMIT,
				 "%.256s did not answer in %ld seconds", transfer->url,
				 limits->seconds);
	if (result != CURLE_OK)
		return error_set(transfer->error, ERROR_NOT_FOUND, "%.256s: %.128s", transfer->url,
				 library->strerror(result));
	library->getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	return status == 200 || error_set(transfer->error, ERROR_NOT_FOUND,
					  "%.256s answers with status %ld", transfer->url, status);
}

bool fetch_url(const char *url, int fd, const struct fetch_limits *limits, struct error *error)
{
	struct library library = {0};
	struct transfer transfer = {.url = url, .fd = fd, .limit = limits->bytes, .error = error};
	if (!load(&library, error))
		return false;
	CURL *curl = library.init();
	bool ok = curl && configure(&library, curl, &transfer, limits);
	if (!ok)
		error_set(error, ERROR_UNSUPPORTED, "libcurl cannot be used for %.256s", url);
	ok = ok && check(&library, curl, &transfer, library.perform(curl), limits);
	library.cleanup(curl);
	return ok;
}
