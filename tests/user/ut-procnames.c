/* Files of /proc that programs look for: identities, namespaces that there is one of, sockets, constants. */
#include "tests/user/inet.h"
#include <ctype.h>

#define EACH(list) (unsigned i = 0; i < sizeof list / sizeof *list; i++)

static char text[8192];

static const char *slurp(const char *path)
{
    size_t used = 0;
    int fd = open(path, O_RDONLY);

    text[0] = '\0';
    if (fd < 0)
        return ut_errno(errno);
    for (ssize_t n; used + 1 < sizeof text && (n = read(fd, text + used, sizeof text - 1 - used)) > 0;)
        used += (size_t)n;
    close(fd);
    text[used] = '\0';
    return text;
}

/* What a file says, with the ends of its lines to be seen. */
static void say(const char *path)
{
    struct stat st = {0};
    const char *all = slurp(path);
    char line[256];
    size_t n = 0;

    for (; *all && n + 3 < sizeof line; all++)
        if (*all == '\n') {
            line[n++] = '\\';
            line[n++] = 'n';
        } else {
            line[n++] = *all;
        }
    line[n] = '\0';
    stat(path, &st);
    ut_say("%s %o: \"%s\"", path, st.st_mode, line);
}

static void put_at(const char *path, const char *what, off_t at)
{
    int fd = open(path, O_WRONLY);

    if (fd < 0) {
        ut_say("opened: %s", ut_errno(errno));
        return;
    }
    lseek(fd, at, SEEK_SET);
    ut_say("\"%.*s\" at %d to %s: %s", (int)strcspn(what, "\n"), what, (int)at, path,
           write(fd, what, strlen(what)) >= 0 ? "taken" : ut_errno(errno));
    close(fd);
}

static void put(const char *path, const char *what)
{
    put_at(path, what, 0);
}

static void namespaces(void)
{
    static const char *const files[] = {"/proc/self/cgroup",        "/proc/self/uid_map",
                                        "/proc/self/gid_map",       "/proc/self/projid_map",
                                        "/proc/self/setgroups",     "/proc/thread-self/uid_map",
                                        "/proc/thread-self/cgroup", "/proc/thread-self/setgroups"};
    static const char *const groups[] = {"allow", "allow\n", "allow x", "deny",           "deny\n",
                                         "none",  "",        " allow",  "allowallowallow"};

    PART("of whom there is one");
    for
        EACH(files)
    say(files[i]);
    put("/proc/self/uid_map", "0 0 1");
    put("/proc/self/gid_map", "x");
    put("/proc/self/projid_map", "");
    put_at("/proc/self/uid_map", "0 0 1", 1);
    for
        EACH(groups)
    put("/proc/self/setgroups", groups[i]);
    put_at("/proc/self/setgroups", "allow", 1);
    say("/proc/self/setgroups");
}

static void unprivileged(void)
{
    if (setgid(65534) != 0 || setuid(65534) != 0)
        _exit(1);
    put("/proc/self/sessionid", "1");
    put("/proc/self/setgroups", "allow");
    put("/proc/self/uid_map", "1");
    put("/proc/self/coredump_filter", "1");
    put("/proc/self/loginuid", "1002");
    say("/proc/self/loginuid");
}

/* Whether one may say it of another process. */
static int write_parents(void)
{
    char path[32];
    int fd, rc;

    snprintf(path, sizeof path, "/proc/%d/loginuid", getppid());
    fd = open(path, O_WRONLY);
    rc = (int)write(fd, "8", 1);
    close(fd);
    return rc;
}

static void put_each(const char *file, const char *const *odd, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        put(file, odd[i]);
        say(file);
    }
}

static void login(void)
{
    static const char *const odd[] = {"",   "x",  "-1",  "1 2", "4294967296", "0x10",
                                      "+5", " 5", "5\n", "007", "4294967295"};
    int status;

    PART("who came in");
    say("/proc/self/loginuid");
    say("/proc/self/sessionid");
    say("/proc/thread-self/loginuid");
    put_each("/proc/self/loginuid", odd, sizeof odd / sizeof *odd);
    put_at("/proc/self/loginuid", "5", 1);
    put("/proc/self/loginuid", "1001");
    say("/proc/self/loginuid");
    SHOW(strcmp(slurp("/proc/self/sessionid"), "4294967295") != 0);
    if (fork() == 0) {
        say("/proc/self/loginuid");
        ut_result("the parent's", write_parents());
        put("/proc/self/loginuid", "7");
        _exit(0);
    }
    wait(&status);
    say("/proc/self/loginuid");
    put("/proc/self/sessionid", "5");
    put("/proc/self/loginuid", "4294967295");
    say("/proc/self/sessionid");
    put("/proc/self/loginuid", "1003");
    ut_child("who may not", unprivileged);
}

static void filter(void)
{
    static const char *const odd[] = {"0x7f", "0",   "511", "0xffff", "",           "x",
                                      "-1",   "1 2", "010", "5\n",    "4294967296", "0x33"};

    PART("what a core would have");
    say("/proc/self/coredump_filter");
    put_each("/proc/self/coredump_filter", odd, sizeof odd / sizeof *odd);
    put_at("/proc/self/coredump_filter", "1", 3);
    say("/proc/self/coredump_filter");
    if (fork() == 0) {
        say("/proc/self/coredump_filter");
        _exit(0);
    }
    wait(NULL);
    say("/proc/thread-self/coredump_filter");
}

/* The number after a word of the line that begins so. */
static long figure(const char *path, const char *line, const char *word)
{
    char key[32];
    const char *at = slurp(path), *end;

    while (at && strncmp(at, line, strlen(line)) != 0)
        at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL;
    end = at ? strchr(at, '\n') : NULL;
    snprintf(key, sizeof key, " %s ", word);
    at = at ? strstr(at, key) : NULL;
    return at && at < end ? strtol(at + strlen(key), NULL, 10) : -1;
}

#define SOCKSTAT  "/proc/net/sockstat"
#define SOCKSTAT6 "/proc/net/sockstat6"

static void tell_sockets(const char *when, long used, long allocated)
{
    ut_say("%s: used %ld, TCP %ld of %ld, UDP %ld, UDPLITE %ld, TCP6 %ld, UDP6 %ld", when,
           figure(SOCKSTAT, "sockets:", "used") - used, figure(SOCKSTAT, "TCP:", "inuse"),
           figure(SOCKSTAT, "TCP:", "alloc") - allocated, figure(SOCKSTAT, "UDP:", "inuse"),
           figure(SOCKSTAT, "UDPLITE:", "inuse"), figure(SOCKSTAT6, "TCP6:", "inuse"),
           figure(SOCKSTAT6, "UDP6:", "inuse"));
}

/* A file's words, without its numbers. Kinds of ICMP's messages are told once there were some. */
static void words(const char *path)
{
    const char *all = slurp(path);
    char *line, *word, *next, *place;
    char out[512];

    if (all != text) {
        ut_say("%s: %s", path, all);
        return;
    }
    for (line = strtok_r(text, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
        size_t n = 0;

        if (strncmp(line, "IcmpMsg:", 8) == 0)
            continue;
        for (word = strtok_r(line, " ", &place); word; word = strtok_r(NULL, " ", &place))
            n +=
                (size_t)snprintf(out + n, sizeof out - n, "%s ", isdigit(*word) || *word == '-' ? "#" : word);
        ut_say("%s: %s", path, out);
    }
}

static void sockets(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    long used, allocated;
    socklen_t n = sizeof a;
    int s[8];

    PART("sockets");
    inet_up();
    words(SOCKSTAT);
    words(SOCKSTAT6);
    words("/proc/net/snmp");
    used = figure(SOCKSTAT, "sockets:", "used");
    allocated = figure(SOCKSTAT, "TCP:", "alloc");
    SHOW(used >= 0);
    s[0] = socket(AF_UNIX, SOCK_STREAM, 0);
    tell_sockets("local", used, allocated);
    s[1] = socket(AF_INET, SOCK_STREAM, 0);
    tell_sockets("TCP", used, allocated);
    s[2] = socket(AF_INET, SOCK_DGRAM, 0);
    tell_sockets("UDP", used, allocated);
    TRY(bind(s[1], (struct sockaddr *)&a, sizeof a));
    tell_sockets("TCP with a port", used, allocated);
    TRY(listen(s[1], 5));
    tell_sockets("TCP that listens", used, allocated);
    TRY(bind(s[2], (struct sockaddr *)&a, sizeof a));
    tell_sockets("UDP with a port", used, allocated);
    s[3] = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE);
    TRY(bind(s[3], (struct sockaddr *)&a, sizeof a));
    tell_sockets("UDP-Lite", used, allocated);
    s[4] = socket(AF_INET6, SOCK_STREAM, 0);
    s[5] = socket(AF_INET6, SOCK_DGRAM, 0);
    TRY(bind(s[4], (struct sockaddr *)&six, sizeof six));
    TRY(listen(s[4], 5));
    TRY(bind(s[5], (struct sockaddr *)&six, sizeof six));
    tell_sockets("of IPv6", used, allocated);
    getsockname(s[1], (struct sockaddr *)&a, &n);
    s[6] = socket(AF_INET, SOCK_STREAM, 0);
    slurp("/proc/net/snmp");
    TRY(connect(s[6], (struct sockaddr *)&a, n));
    tell_sockets("connected", used, allocated);
    s[7] = accept(s[1], NULL, NULL);
    tell_sockets("accepted", used, allocated);
    for (unsigned i = 0; i < 8; i++)
        close(s[i]);
}

static void constants(void)
{
    static const char *const files[] = {"ostype", "cap_last_cap", "ngroups_max", "random/poolsize"};
    char path[64], first[64], again[64];

    PART("constants");
    for
        EACH(files)
        {
            snprintf(path, sizeof path, "/proc/sys/kernel/%s", files[i]);
            say(path);
        }
    snprintf(first, sizeof first, "%s", slurp("/proc/sys/kernel/random/boot_id"));
    snprintf(again, sizeof again, "%s", slurp("/proc/sys/kernel/random/boot_id"));
    SHOW(strlen(first));
    SHOW(strcmp(first, again));
    snprintf(first, sizeof first, "%s", slurp("/proc/sys/kernel/random/uuid"));
    snprintf(again, sizeof again, "%s", slurp("/proc/sys/kernel/random/uuid"));
    SHOW(strlen(first));
    SHOW(strcmp(first, again) != 0);
    SHOW(first[14]);
}

UT_PROGRAM(procnames)
{
    ut_workdir();
    namespaces();
    login();
    filter();
    sockets();
    constants();
}
