/* Set-id bits: which changes of a file take them away, and of whom. */
#include "tests/user/ut.h"
#include <grp.h>

static const mode_t modes[] = {06777, 06755, 06745, 02644, 04600, 07777, 02070};

static void show(const char *what, const char *name)
{
    struct stat st;

    if (lstat(name, &st))
        ut_say("%s: %s", what, ut_errno(errno));
    else
        ut_say("%s: %o of %u:%u", what, st.st_mode, st.st_uid, st.st_gid);
}

/* Make it anew; as root the owner is someone else's if `id` says so. */
static int make(mode_t mode)
{
    int fd;

    unlink("f");
    fd = open("f", O_RDWR | O_CREAT | O_EXCL, 0600);
    write(fd, "some bytes", 10);
    fchmod(fd, mode);
    return fd;
}

static void each(mode_t mode)
{
    int fd = make(mode);
    char bad[1];

    ut_say("mode %o", mode);
    show("made", "f");
    close(fd);
    fd = make(mode);
    TRY(chown("f", -1, -1));
    show("chown -1 -1", "f");
    close(fd);
    fd = make(mode);
    TRY(chown("f", geteuid(), -1));
    show("chown uid", "f");
    close(fd);
    fd = make(mode);
    TRY(fchown(fd, -1, getegid()));
    show("fchown gid", "f");
    close(fd);
    fd = make(mode);
    TRY(write(fd, "x", 1));
    show("write", "f");
    close(fd);
    fd = make(mode);
    TRY(write(fd, "x", 0));
    show("write of nothing", "f");
    close(fd);
    fd = make(mode);
    TRY(write(fd, (void *)16, 1));
    show("write of nowhere", "f");
    close(fd);
    fd = make(mode);
    TRY(read(fd, bad, 1));
    show("read", "f");
    close(fd);
    fd = make(mode);
    TRY(ftruncate(fd, 3));
    show("ftruncate", "f");
    close(fd);
    fd = make(mode);
    TRY(ftruncate(fd, 10));
    show("ftruncate to the same size", "f");
    close(fd);
    fd = make(mode);
    TRY(truncate("f", 3) == 0 || errno == EACCES);
    show("truncate", "f");
    close(fd);
    fd = make(mode);
    TRY(fallocate(fd, 0, 0, 100));
    show("fallocate", "f");
    close(fd);
    fd = make(mode);
    TRY(fallocate(fd, 1, 0, 100));
    show("fallocate that keeps the size", "f");
    close(fd);
    fd = make(mode);
    TRY(fallocate(fd, 3, 0, 5));
    show("fallocate of a hole", "f");
    close(fd);
    fd = make(mode);
    TRY(fallocate(fd, 16, 0, 5));
    show("fallocate of what is not there", "f");
    close(fd);
    fd = make(mode);
    uint8_t *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    p[0] = 1;
    munmap(p, PAGE);
    show("written through a mapping", "f");
    TRY(utimensat(AT_FDCWD, "f", NULL, 0));
    show("utimens", "f");
    TRY(link("f", "g"));
    TRY(unlink("g"));
    show("link", "f");
    close(fd);
    unlink("f");
    fd = open("f", O_RDWR | O_CREAT | O_TRUNC, mode);
    show("O_CREAT and O_TRUNC", "f");
    close(fd);
    fd = open("f", O_RDWR | O_TRUNC);
    SHOW(fd >= 0 || errno == EACCES);
    show("O_TRUNC", "f");
    close(fd);
    make(mode);
    fd = open("f", O_RDWR | O_TRUNC | O_CREAT, 0600);
    SHOW(fd >= 0 || errno == EACCES);
    show("O_TRUNC and O_CREAT of what is there", "f");
    close(fd);
    make(mode);
    TRY(chmod("f", mode));
    show("chmod", "f");
    unlink("f");
    mkdir("d", 0777);
    chmod("d", mode);
    TRY(chown("d", -1, -1));
    show("a directory, chown -1 -1", "d");
    TRY(chown("d", geteuid(), getegid()));
    show("a directory, chown", "d");
    rmdir("d");
    TRY(mkfifo("p", 0600));
    chmod("p", mode);
    TRY(chown("p", -1, -1));
    show("a pipe, chown -1 -1", "p");
    unlink("p");
}

static void all(void)
{
    for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++)
        each(modes[i]);
}

static void user(void)
{
    gid_t more[] = {7, 8};

    setgroups(2, more);
    if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
        ut_say("%s", ut_errno(errno));
    all();
    /* A group that one is in, and a file of one that one is not in. */
    close(make(02755));
    TRY(chown("f", -1, 7));
    show("given to another group", "f");
    TRY(chmod("f", 02755));
    show("chmod", "f");
    TRY(chown("f", -1, 9));
    TRY(chown("f", 1001, -1));
    TRY(chown("/", -1, -1));
    TRY(chown("of-root", -1, -1));
    show("another's", "of-root");
    int fd = open("of-root", O_RDWR);
    TRY(fchown(fd, -1, -1));
    TRY(write(fd, "x", 1));
    show("another's, written", "of-root");
    close(fd);
    fd = open("of-root-too", O_RDWR | O_TRUNC);
    show("another's, cut", "of-root-too");
    close(fd);
}

UT_PROGRAM(setid)
{
    ut_workdir();
    umask(0);
    PART("root");
    all();
    close(open("of-root", O_RDWR | O_CREAT, 0600));
    close(open("of-root-too", O_RDWR | O_CREAT, 0600));
    chmod(".", 0777);
    chmod("of-root", 06777);
    chmod("of-root-too", 06777);
    PART("a user");
    ut_child("a user", user);
}
