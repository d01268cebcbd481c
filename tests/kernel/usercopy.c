/* User copy: the range checks, and the exception table for addresses where nothing is mapped. */
#include "kernel/task.h"
#include "kernel/usercopy.h"
#include "mm/errno.h"
#include "mm/layout.h"
#include "tests/kt.h"

#define NOWHERE 0x00010000u /* a test task has no space, so no user address is mapped */

/* Ranges that are not all user addresses: refused before any access. */
TEST(usercopy, ranges)
{
    static const struct {
        vaddr_t va;
        size_t n;
    } bad[] = {
        {USER_END, 1},
        {USER_END - 1, 2},
        {USER_END - 4, 5},
        {0, USER_END + 1u},
        {0x1000, USER_END},
        {0xFFFFFFFFu, 1},
        {0xFFFFFFFCu, 8},
        {0x1000, 0xFFFFFFFFu},
        {KERNEL_BASE, 4},
        {KERNEL_BASE + 4096, 4},
        {USER_END - 16, 0x40000020u},
        {1, 0xFFFFFFFFu},
    };
    static uint8_t buffer[16];

    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        EXPECT(user_copy_in(buffer, bad[i].va, bad[i].n) == -EFAULT, "in from %x, %zu", bad[i].va, bad[i].n);
        EXPECT(user_copy_out(bad[i].va, buffer, bad[i].n) == -EFAULT, "out to %x, %zu", bad[i].va, bad[i].n);
        EXPECT(user_clear(bad[i].va, bad[i].n) == -EFAULT, "clear of %x, %zu", bad[i].va, bad[i].n);
    }
}

TEST(usercopy, words_and_strings_at_the_edge)
{
    static const vaddr_t bad[] = {USER_END, USER_END - 3, 0xFFFFFFFEu, KERNEL_BASE + 0x100000};
    char text[8] = "same";
    uint32_t v = 7;

    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        EXPECT(user_read32(&v, bad[i]) == -EFAULT, "read of %x", bad[i]);
        EXPECT(user_write32(bad[i], 1) == -EFAULT, "write of %x", bad[i]);
    }
    EXPECT(v == 7, "a refused read stored %u", v);
    EXPECT(user_copy_string(text, USER_END, 8) == -EFAULT, "a string at a kernel address");
    EXPECT(user_copy_string(text, (vaddr_t) "kernel", 7) == -EFAULT, "a string of the kernel");
    EXPECT(strcmp(text, "same") == 0, "a refused copy stored %s", text);
}

TEST(usercopy, nothing_is_always_fine)
{
    static const vaddr_t any[] = {0, NOWHERE, USER_END, 0xFFFFFFFFu};

    for (unsigned i = 0; i < ARRAY_LEN(any); i++) {
        EXPECT(user_copy_in(NULL, any[i], 0) == 0, "in from %x", any[i]);
        EXPECT(user_copy_out(any[i], NULL, 0) == 0, "out to %x", any[i]);
        EXPECT(user_clear(any[i], 0) == 0, "clear of %x", any[i]);
    }
}

/* Every length up to some rounds of the loops, so that each marked instruction takes the first fault once. */
TEST(usercopy, nothing_is_mapped)
{
    static uint8_t buffer[80];
    uint32_t v = 7;

    for (size_t n = 1; n <= sizeof buffer; n++) {
        EXPECT(user_copy_in(buffer, NOWHERE, n) == -EFAULT, "in, %zu", n);
        EXPECT(user_copy_out(NOWHERE, buffer, n) == -EFAULT, "out, %zu", n);
        EXPECT(user_clear(NOWHERE, n) == -EFAULT, "clear, %zu", n);
    }
    EXPECT(user_copy_in(buffer, USER_END - 16, 16) == -EFAULT, "the last user addresses");
    EXPECT(user_copy_in(buffer, 0, 4) == -EFAULT, "a null pointer");
    EXPECT(user_read32(&v, NOWHERE) == -EFAULT && v == 7, "a word: %u", v);
    EXPECT(user_write32(NOWHERE, 1) == -EFAULT, "a word");
    EXPECT(user_copy_string((char *)buffer, NOWHERE, sizeof buffer) == -EFAULT, "a string");
    EXPECT(user_copy_string((char *)buffer, USER_END - 1, 80) == -EFAULT, "a string in the last byte");
}
