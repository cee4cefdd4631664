/* Preloaded into a server: what a loss of power leaves, disks that fail or are full, and clocks that jump.

   FAULT_ROOT     directory whose files are watched
   FAULT_MIRROR   what is on stable storage is kept here: i/INODE is content, d/INODE the entries of a directory
   FAULT_CONTROL  24 bytes that the test writes while the server runs, see struct control

   Only what fsync and fdatasync were asked for gets into the mirror. What has not got there is lost with the power. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MOST_FDS 4096
#define MOST_RANGES 8192

struct control {
    int32_t sync_fails; /* fsync and fdatasync of watched files return EIO */
    int32_t is_full;    /* no watched file can grow: ENOSPC */
    int32_t log_full;   /* nothing can be written to standard error: ENOSPC */
    int32_t is_frozen;  /* the wall clock stands still */
    int64_t offset_s;   /* the wall clock is wrong by this */
};

struct range {
    off_t from, to;
};

/* What was written to an inode and not synced yet. Never freed: a server opens few files. */
struct inode {
    ino_t number;
    size_t count;
    int is_whole; /* too many ranges: copy all of it */
    struct range ranges[MOST_RANGES];
    struct inode *next;
};

static struct inode *inodes;
static struct inode *of_fd[MOST_FDS];
static char is_directory[MOST_FDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const struct control *control;
static const char *root, *mirror;
static size_t root_length;
static struct timespec frozen_at;

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

static ssize_t real_pwrite(int fd, const void *data, size_t count, off_t at) {
    REAL(ssize_t, pwrite64, int, const void *, size_t, off_t);
    return real(fd, data, count, at);
}

static int real_open(const char *path, int flags, mode_t mode) {
    REAL(int, openat, int, const char *, int, ...);
    return real(AT_FDCWD, path, flags, mode);
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULT_CONTROL");
    root = getenv("FAULT_ROOT");
    mirror = getenv("FAULT_MIRROR");
    root_length = root ? strlen(root) : 0;
    if (!path) return;
    int fd = real_open(path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) return;
    void *at = mmap(NULL, sizeof(struct control), PROT_READ, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED) control = at;
    close(fd);
}

static int control_says(int32_t which) {
    return control && ((const volatile int32_t *)control)[which];
}

static int is_watched(const char *path) {
    return root && !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

static void mirror_path(char *out, char kind, ino_t number) {
    snprintf(out, PATH_MAX, "%s/%c/%lu", mirror, kind, (unsigned long)number);
}

static void watch(int fd, const char *path, int is_new) {
    struct stat facts;
    char full[PATH_MAX], name[64];
    if (fd < 0 || fd >= MOST_FDS) return;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(name, full, sizeof full - 1);
    if (length < 0) return;
    full[length] = 0;
    pthread_mutex_lock(&lock);
    of_fd[fd] = NULL;
    is_directory[fd] = 0;
    if (is_watched(full) && !fstat(fd, &facts)) {
        if (S_ISDIR(facts.st_mode)) {
            is_directory[fd] = 1;
        } else if (S_ISREG(facts.st_mode)) {
            struct inode *inode = inodes;
            while (inode && inode->number != facts.st_ino) inode = inode->next;
            if (!inode && (inode = calloc(1, sizeof *inode))) {
                inode->number = facts.st_ino;
                inode->next = inodes;
                inodes = inode;
            }
            of_fd[fd] = inode;
            if (is_new && inode) { /* the number may have been another file's */
                inode->count = 0;
                inode->is_whole = 0;
                if (mirror) {
                    mirror_path(full, 'i', facts.st_ino);
                    int copy = real_open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
                    if (copy >= 0) close(copy);
                }
            }
        }
    }
    pthread_mutex_unlock(&lock);
    (void)path;
}

static struct inode *inode_of(int fd) {
    return fd >= 0 && fd < MOST_FDS ? of_fd[fd] : NULL;
}

static void wrote(int fd, off_t from, size_t count) {
    struct inode *inode = inode_of(fd);
    if (!inode || !mirror) return;
    pthread_mutex_lock(&lock);
    off_t to = from + (off_t)count;
    struct range *last = inode->count ? &inode->ranges[inode->count - 1] : NULL;
    if (last && last->to == from) {
        last->to = to;
    } else if (inode->count < MOST_RANGES) {
        inode->ranges[inode->count++] = (struct range){from, to};
    } else {
        inode->is_whole = 1;
    }
    pthread_mutex_unlock(&lock);
}

/* Whether a write is refused because the disk is full: where it would make the file longer. */
static int has_no_room(int fd, off_t from, size_t count) {
    struct stat facts;
    if (fd == STDERR_FILENO && control_says(2)) return 1;
    if (!control_says(1) || !inode_of(fd) || fstat(fd, &facts)) return 0;
    return from + (off_t)count > facts.st_size;
}

static int copy_range(int from_fd, int to_fd, off_t from, off_t to) {
    char data[65536];
    REAL(ssize_t, pread64, int, void *, size_t, off_t);
    while (from < to) {
        size_t want = to - from < (off_t)sizeof data ? (size_t)(to - from) : sizeof data;
        ssize_t got = real(from_fd, data, want, from);
        if (got < 0) return -1;
        if (got == 0) break;
        if (real_pwrite(to_fd, data, (size_t)got, from) != got) return -1;
        from += got;
    }
    return 0;
}

static void keep_entries(int fd) {
    char path[PATH_MAX], draft[PATH_MAX + 8], name[64];
    struct stat facts;
    if (fstat(fd, &facts)) return;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    DIR *directory = opendir(name);
    if (!directory) return;
    mirror_path(path, 'd', facts.st_ino);
    snprintf(draft, sizeof draft, "%s.new", path);
    FILE *list = fopen(draft, "we");
    for (struct dirent *entry; list && (entry = readdir(directory));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            fprintf(list, "%lu %s\n", (unsigned long)entry->d_ino, entry->d_name);
    if (list) fclose(list);
    closedir(directory);
    rename(draft, path);
}

static void synced(int fd) {
    char path[PATH_MAX];
    struct stat facts;
    struct inode *inode = inode_of(fd);
    if (!mirror || fd < 0 || fd >= MOST_FDS) return;
    if (is_directory[fd]) {
        keep_entries(fd);
        return;
    }
    if (!inode || fstat(fd, &facts)) return;
    mirror_path(path, 'i', inode->number);
    int copy = real_open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int source = real_open(path, O_RDONLY | O_CLOEXEC, 0); /* fd may be for writing alone */
    if (copy < 0 || source < 0) abort();
    pthread_mutex_lock(&lock);
    int failed = 0;
    if (inode->is_whole) failed = copy_range(source, copy, 0, facts.st_size);
    for (size_t at = 0; at < inode->count; at++)
        failed |= copy_range(source, copy, inode->ranges[at].from, inode->ranges[at].to);
    inode->count = 0;
    inode->is_whole = 0;
    pthread_mutex_unlock(&lock);
    if (failed || ftruncate(copy, facts.st_size)) abort(); /* a shim that lies is worse than none */
    close(copy);
    close(source);
}

/* ---- What the server calls ---- */

static int opened(int directory, const char *path, int flags, mode_t mode) {
    REAL(int, openat, int, const char *, int, ...);
    struct stat facts;
    int is_new = (flags & O_CREAT) && fstatat(directory, path, &facts, 0) && errno == ENOENT;
    int fd = real(directory, path, flags, mode);
    if (root && fd >= 0) {
        int kept = errno;
        watch(fd, path, is_new || (flags & O_TRUNC));
        errno = kept;
    }
    return fd;
}

#define MODE_OF(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

int open(const char *path, int flags, ...) {
    MODE_OF(flags)
    return opened(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    MODE_OF(flags)
    return opened(AT_FDCWD, path, flags, mode);
}
int openat(int directory, const char *path, int flags, ...) {
    MODE_OF(flags)
    return opened(directory, path, flags, mode);
}
int openat64(int directory, const char *path, int flags, ...) {
    MODE_OF(flags)
    return opened(directory, path, flags, mode);
}

int close(int fd) {
    REAL(int, close, int);
    if (fd >= 0 && fd < MOST_FDS) {
        of_fd[fd] = NULL;
        is_directory[fd] = 0;
    }
    return real(fd);
}

static ssize_t written(int fd, const void *data, size_t count, off_t at) {
    if (has_no_room(fd, at, count)) {
        errno = ENOSPC;
        return -1;
    }
    ssize_t done = real_pwrite(fd, data, count, at);
    if (done > 0) wrote(fd, at, (size_t)done);
    return done;
}
ssize_t pwrite(int fd, const void *data, size_t count, off_t at) { return written(fd, data, count, at); }
ssize_t pwrite64(int fd, const void *data, size_t count, off64_t at) { return written(fd, data, count, at); }

ssize_t write(int fd, const void *data, size_t count) {
    REAL(ssize_t, write, int, const void *, size_t);
    off_t at = inode_of(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
    if (has_no_room(fd, at, count)) {
        errno = ENOSPC;
        return -1;
    }
    ssize_t done = real(fd, data, count);
    if (done > 0 && inode_of(fd)) wrote(fd, at, (size_t)done);
    return done;
}

int ftruncate(int fd, off_t length) {
    REAL(int, ftruncate64, int, off_t);
    return real(fd, length);
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

int fsync(int fd) {
    REAL(int, fsync, int);
    if (control_says(0) && inode_of(fd)) {
        errno = EIO;
        return -1;
    }
    int failed = mirror ? 0 : real(fd); /* the mirror is the disk; the real one need not be waited for */
    if (!failed) synced(fd);
    return failed;
}
int fdatasync(int fd) { return fsync(fd); }

int clock_gettime(clockid_t clock, struct timespec *out) {
    REAL(int, clock_gettime, clockid_t, struct timespec *);
    int failed = real(clock, out);
    if (!failed && control && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        if (control_says(3)) {
            if (!frozen_at.tv_sec) frozen_at = *out;
            *out = frozen_at;
        } else {
            frozen_at.tv_sec = 0;
        }
        out->tv_sec += ((const volatile struct control *)control)->offset_s;
    }
    return failed;
}
