/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Argument and environment vectors as a file: two counts, then that many strings.
 * In a memfd, since they may be longer than a message of a socket.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/broker/control.h"

static uint32_t count(char *const *v)
{
	uint32_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

static void put(FILE *f, char *const *v)
{
	for (; v && *v; v++)
		fwrite(*v, strlen(*v) + 1, 1, f);
}

int blob_make(char *const *argv, char *const *env)
{
	uint32_t n[2] = { count(argv), count(env) };
	int fd = memfd_create("exec", MFD_CLOEXEC), copy;
	FILE *f;

	if (fd < 0)
		return -errno;
	copy = dup(fd);
	f = copy < 0 ? NULL : fdopen(copy, "w");
	if (!f) {
		if (copy >= 0)
			close(copy);
		close(fd);
		return -ENOMEM;
	}
	fwrite(n, sizeof(n), 1, f);
	put(f, argv);
	put(f, env);
	if (fclose(f) == 0)
		return fd;
	close(fd);
	return -EIO;
}

/* n strings from *p on; NULL when they do not all end before end. */
static char **take(char **p, const char *end, uint32_t n)
{
	char **v = calloc((size_t)n + 1, sizeof(*v));
	uint32_t i;

	for (i = 0; v && i < n; i++) {
		char *z = memchr(*p, '\0', (size_t)(end - *p));

		if (!z) {
			free(v);
			return NULL;
		}
		v[i] = *p;
		*p = z + 1;
	}
	return v;
}

/* The strings stay in one piece of memory, which argv[0] is the start of. */
int blob_read(int fd, char ***argv, char ***env)
{
	struct stat st;
	uint32_t n[2];
	char *buf, *p;
	size_t size;

	if (fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(n))
		return -EINVAL;
	size = (size_t)st.st_size - sizeof(n);
	buf = malloc(size + 1);
	if (!buf)
		return -ENOMEM;
	*argv = *env = NULL;
	if (pread(fd, n, sizeof(n), 0) != sizeof(n) ||
	    pread(fd, buf, size, sizeof(n)) != (ssize_t)size || n[0] == 0 || n[0] > size ||
	    n[1] > size)
		goto bad;
	p = buf;
	*argv = take(&p, buf + size, n[0]);
	*env = *argv ? take(&p, buf + size, n[1]) : NULL;
	if (*env)
		return 0;
bad:
	free(*argv);
	free(buf);
	return -EINVAL;
}

void blob_free(char **argv, char **env)
{
	free(argv[0]);
	free(argv);
	free(env);
}
