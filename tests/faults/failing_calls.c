/* Makes the n-th call of one function of the C library fail, for files below one directory.

   Loaded with LD_PRELOAD, so that it sees what CPython calls itself (FileIO reads, cuts off and
   closes in C) as well as what goes through the module os. Other processes are left alone: only
   whoever calls arm_failing_call() has anything to fear. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static char armed_call[32];
static char armed_directory[PATH_MAX];
static long armed_number;
static int armed_error;
static int is_lasting;
static atomic_long calls;

/* Let the calls of one name fail, the n-th or, if that lasts, all from the n-th on; "" for none. */
void arm_failing_call(const char *directory, const char *call, long number, int error, int lasts)
{
    snprintf(armed_directory, sizeof armed_directory, "%s", directory);
    snprintf(armed_call, sizeof armed_call, "%s", call);
    armed_number = number;
    armed_error = error;
    is_lasting = lasts;
    atomic_store(&calls, 0);
}

/* Say how many calls of that name there were since. */
long count_calls(void)
{
    return atomic_load(&calls);
}

static int path_fails(const char *call, const char *path)
{
    if (strcmp(call, armed_call) != 0 || *armed_call == 0
        || strncmp(path, armed_directory, strlen(armed_directory)) != 0)
        return 0;
    long number = atomic_fetch_add(&calls, 1) + 1;
    if (number != armed_number && !(is_lasting && number > armed_number))
        return 0;
    errno = armed_error;
    return 1;
}

static int fails(const char *call, int descriptor)
{
    char link[64], path[PATH_MAX];
    if (strcmp(call, armed_call) != 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    return path_fails(call, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* A function whose first argument is a descriptor, and what it is called in arm_failing_call(). */
#define ON_DESCRIPTOR(type, name, call, parameters, ...)                                           \
    type name parameters                                                                           \
    {                                                                                              \
        return fails(call, descriptor) ? -1 : REAL(name)(__VA_ARGS__);                             \
    }

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;                  \
        va_end(rest);                                                                              \
        return path_fails("open", path) ? -1 : REAL(name)(path, flags, mode);                      \
    }

OPEN(open)
OPEN(open64)

ON_DESCRIPTOR(ssize_t, read, "read", (int descriptor, void *data, size_t size), descriptor, data, size)
ON_DESCRIPTOR(ssize_t, write, "write", (int descriptor, const void *data, size_t size), descriptor,
              data, size)
ON_DESCRIPTOR(ssize_t, writev, "write", (int descriptor, const struct iovec *parts, int many),
              descriptor, parts, many)
ON_DESCRIPTOR(ssize_t, pwrite, "write", (int descriptor, const void *data, size_t size, off_t at),
              descriptor, data, size, at)
ON_DESCRIPTOR(ssize_t, pwrite64, "write", (int descriptor, const void *data, size_t size, off64_t at),
              descriptor, data, size, at)
ON_DESCRIPTOR(ssize_t, preadv2, "preadv2",
              (int descriptor, const struct iovec *parts, int many, off_t at, int flags), descriptor,
              parts, many, at, flags)
ON_DESCRIPTOR(ssize_t, preadv64v2, "preadv2",
              (int descriptor, const struct iovec *parts, int many, off64_t at, int flags), descriptor,
              parts, many, at, flags)
ON_DESCRIPTOR(int, fsync, "fsync", (int descriptor), descriptor)
ON_DESCRIPTOR(int, fdatasync, "fsync", (int descriptor), descriptor)
ON_DESCRIPTOR(int, ftruncate, "ftruncate", (int descriptor, off_t size), descriptor, size)
ON_DESCRIPTOR(int, ftruncate64, "ftruncate", (int descriptor, off64_t size), descriptor, size)
ON_DESCRIPTOR(int, fchmod, "fchmod", (int descriptor, mode_t mode), descriptor, mode)
ON_DESCRIPTOR(int, flock, "flock", (int descriptor, int operation), descriptor, operation)

/* As Linux does it: the descriptor is closed also where that fails. */
int close(int descriptor)
{
    int failed = fails("close", descriptor);
    int error = errno;
    int status = REAL(close)(descriptor);
    if (!failed)
        return status;
    errno = error;
    return -1;
}

int rename(const char *old, const char *new)
{
    return path_fails("rename", new) ? -1 : REAL(rename)(old, new);
}

int unlink(const char *path)
{
    return path_fails("unlink", path) ? -1 : REAL(unlink)(path);
}
