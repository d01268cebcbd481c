/* kernel/life/core_name.c: what core files are called. */
#include "kernel/life/core_name.h"
#include "mm/errno.h"
#include "tests/kt.h"

static const struct core_facts facts = {.pid = 123,
                                        .tid = 125,
                                        .signo = 11,
                                        .uid = 1000,
                                        .gid = 100,
                                        .dumpable = 1,
                                        .seconds = 5000000000ull,
                                        .limit = 0xFFFFFFFF,
                                        .host = "a/host",
                                        .comm = "..",
                                        .exe = "/usr/bin/a.out"};

TEST(corename, patterns)
{
    static const struct {
        const char *pattern, *plain, *with_pid;
    } cases[] = {
        {"core", "core", "core.123"},
        {"core.%p", "core.123", "core.123"},
        {"%P-%i-%I", "123-125-125", "123-125-125.123"},
        {"/tmp/%u/%g", "/tmp/1000/100", "/tmp/1000/100.123"},
        {"%d%s", "111", "111.123"},
        {"%t %c", "5000000000 4294967295", "5000000000 4294967295.123"},
        {"%h", "a!host", "a!host.123"},
        {"%e", "!.", "!..123"},
        {"%f", "a.out", "a.out.123"},
        {"%E", "!usr!bin!a.out", "!usr!bin!a.out.123"},
        {"%%p", "%p", "%p.123"},
        {"a%zb", "ab", "ab.123"},
        {"a%", "a", "a.123"},
        {"%", "", ".123"},
        {"", "", ".123"},
    };
    char name[64];

    for (unsigned i = 0; i < ARRAY_LEN(cases); i++)
        for (unsigned with = 0; with < 2; with++) {
            const char *want = with ? cases[i].with_pid : cases[i].plain;
            int err = core_name(name, sizeof name, cases[i].pattern, with, &facts);

            EXPECT(!err && strcmp(name, want) == 0, "%s: %s, not %s (%d)", cases[i].pattern, name, want, err);
        }
}

TEST(corename, words)
{
    static const char *const cases[][2] = {{"", "!"},
                                           {".", "!"},
                                           {"..", "!."},
                                           {"...", "..."},
                                           {"a/../b", "a!..!b"},
                                           {"/", "!"},
                                           {".hidden", ".hidden"}};
    struct core_facts f = facts;
    char name[32];

    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        f.comm = cases[i][0];
        EXPECT(core_name(name, sizeof name, "%e", false, &f) == 0 && strcmp(name, cases[i][1]) == 0, "%s: %s",
               f.comm, name);
    }
}

TEST(corename, room)
{
    char name[9];

    EXPECT(core_name(name, 9, "core.%p", false, &facts) == 0 && strcmp(name, "core.123") == 0, "%s", name);
    EXPECT(core_name(name, 8, "core.%p", false, &facts) == -ENAMETOOLONG, "one too many");
    EXPECT(core_name(name, 1, "", false, &facts) == 0 && !name[0], "nothing");
    EXPECT(core_name(name, 0, "", false, &facts) == -ENAMETOOLONG, "no room");
}
