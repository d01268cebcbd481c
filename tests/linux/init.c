/*
 * The first program on Debian's kernel when it is the one to compare with: loads the modules named in
 * /modules, mounts what programs expect, swaps to the first disk if it has a swap header, runs the commands
 * in /commands, one a line, one after the other, says a status as Quire's init does (0, or that of the last
 * that failed), and ends the machine through QEMU's isa-debug-exit device with Quire's values.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_PORT    0xf4
#define EXIT_GOOD    0x10
#define DISK_WAIT_MS 10000
#define WORDS        256 /* of a command */

static void end(int value)
{
    fflush(stdout);
    if (ioperm(EXIT_PORT, 1, 1) == 0)
        outb((unsigned char)value, EXIT_PORT);
    reboot(RB_POWER_OFF);
    _exit(1);
}

static void load_module(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) != 0)
        printf("init: %s: %s\n", path, strerror(errno));
    if (fd >= 0)
        close(fd);
}

/* One path a line, in an order that satisfies them. */
static void load_modules(void)
{
    char line[256];
    FILE *f = fopen("/modules", "re");

    if (!f)
        return;
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        load_module(line);
    }
    fclose(f);
}

/* Disks are looked for in the background. The kernel's command line says whether there is one (disk=1). */
static void swap_on(void)
{
    const char *disk = getenv("disk");

    if (!disk || strcmp(disk, "1") != 0)
        return;
    for (int ms = 0; access("/dev/sda", F_OK) != 0 && ms < DISK_WAIT_MS; ms += 10)
        usleep(10000);
    if (swapon("/dev/sda", 0) != 0)
        printf("init: swapon /dev/sda: %s\n", strerror(errno));
}

static int run(char **command)
{
    int status = 0;
    pid_t child = fork(), ended;

    if (child < 0)
        return 127;
    if (child == 0) {
        execv(command[0], command);
        printf("init: %s: %s\n", command[0], strerror(errno));
        fflush(stdout);
        _exit(127);
    }
    do
        ended = wait(&status);
    while (ended != child && (ended > 0 || errno == EINTR));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The words of a line, cut in place; a NULL ends them. */
static void cut(char *line, char **words)
{
    size_t n = 0;

    for (char *at = strtok(line, " \n"); at && n < WORDS - 1; at = strtok(NULL, " \n"))
        words[n++] = at;
    words[n] = NULL;
}

static int run_commands(void)
{
    char *line = NULL, *words[WORDS];
    FILE *f = fopen("/commands", "re");
    int status = 0, last = 0;
    size_t size = 0;

    if (!f)
        return 127;
    while (getline(&line, &size, f) > 0) {
        cut(line, words);
        if (words[0])
            last = run(words);
        if (last)
            status = last;
    }
    free(line);
    fclose(f);
    return status;
}

int main(void)
{
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    mount("proc", "/proc", "proc", 0, NULL);
    mkdir("/dev/shm", 01777);
    mount("tmpfs", "/dev/shm", "tmpfs", 0, NULL);
    mount("tmpfs", "/tmp", "tmpfs", 0, NULL);
    load_modules();
    swap_on();
    printf("init: status %d\n", run_commands());
    end(EXIT_GOOD);
}
