/* System calls about the machine as a whole: its name, its memory, its end; and what fits nowhere else. */
#include "drivers/power.h"
#include "kernel/dev/disk.h"
#include "kernel/dev/kmsg.h"
#include "kernel/dev/random.h"
#include "kernel/dev/tty.h"
#include "kernel/lib/format.h"
#include "kernel/lib/printk.h"
#include "kernel/life/init.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/process.h"
#include "kernel/proc/thread.h"
#include "kernel/proc/uts.h"
#include "kernel/sched/stat.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/syscall.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/census.h"
#include "mm/errno.h"

/* --- names --- */

/* What Linux says instead of its release: a minor number above 60, and what follows the numbers. */
static void old_release(char text[UTS_NAME_MAX + 1], const char *release)
{
    unsigned dots = 0, minor = 0;

    for (; (*release >= '0' && *release <= '9') || (*release == '.' && dots < 2); release++) {
        dots += *release == '.';
        if (dots == 1 && *release != '.')
            minor = minor * 10 + (unsigned)(*release - '0');
    }
    memset(text, 0, UTS_NAME_MAX + 1);
    format(text, UTS_NAME_MAX, "2.6.%u%s", minor + 60, release);
}

int32_t sys_uname(SYSCALL_1_ARG(va))
{
    static const char *const field[] = {UTS_SYSNAME, uts_hostname, UTS_RELEASE,
                                        UTS_VERSION, UTS_MACHINE,  uts_domainname};
    char text[UTS_NAME_MAX + 1];

    for (unsigned i = 0; i < ARRAY_LEN(field); i++) {
        memset(text, 0, sizeof text);
        memcpy(text, field[i], strlen(field[i]));
        if (i == 2 && thread_current()->personality & PERSONALITY_UNAME26)
            old_release(text, field[i]);
        if (user_copy_out(va + i * sizeof text, text, sizeof text))
            return -EFAULT;
    }
    return 0;
}

/* The forms of Linux 1.0 and before: five names, each cut to so many bytes and a zero. */
static int32_t old_names(vaddr_t va, uint32_t n)
{
    const char *field[] = {UTS_SYSNAME, uts_hostname, UTS_RELEASE, UTS_VERSION, UTS_MACHINE};
    char text[UTS_NAME_MAX + 1], release[UTS_NAME_MAX + 1];

    if (thread_current()->personality & PERSONALITY_UNAME26) {
        old_release(release, UTS_RELEASE);
        field[2] = release;
    }
    for (unsigned i = 0; i < ARRAY_LEN(field); i++) {
        uint32_t size = strlen(field[i]);

        memset(text, 0, sizeof text);
        memcpy(text, field[i], size < n ? size : n);
        if (user_copy_out(va + i * (n + 1), text, n + 1))
            return -EFAULT;
    }
    return 0;
}

int32_t sys_olduname(SYSCALL_1_ARG(va))
{
    return old_names(va, UTS_NAME_MAX);
}

int32_t sys_oldolduname(SYSCALL_1_ARG(va))
{
    return old_names(va, 8);
}

static int32_t set_name(char *name, vaddr_t va, uint32_t n)
{
    char text[UTS_NAME_MAX + 1] = {0};

    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (n > UTS_NAME_MAX)
        return -EINVAL;
    if (user_copy_in(text, va, n))
        return -EFAULT;
    memcpy(name, text, sizeof text);
    return 0;
}

int32_t sys_sethostname(SYSCALL_2_ARGS(va, n))
{
    return set_name(uts_hostname, va, n);
}

int32_t sys_setdomainname(SYSCALL_2_ARGS(va, n))
{
    return set_name(uts_domainname, va, n);
}

/* --- figures --- */

struct sysinfo {
    int32_t uptime;
    uint32_t loads[3]; /* 16.16 */
    uint32_t total_ram, free_ram, shared_ram, buffer_ram, total_swap, free_swap;
    uint16_t procs, pad;
    uint32_t total_high, free_high;
    uint32_t unit; /* bytes */
    uint8_t reserved[8];
};
_Static_assert(sizeof(struct sysinfo) == 64, "Linux's i386 layout");

int32_t sys_sysinfo(SYSCALL_1_ARG(va))
{
    const struct vm *vm = &vm_sys;
    const struct frame_pool *p = vm->pool;
    uint32_t total = p->end - p->start - p->used[FRAME_RESERVED];
    /* Bytes if they fit, as Linux does for old programs. */
    uint32_t scale = (uint64_t)total + vm->swap.total < 1u << (32 - PAGE_SHIFT) ? PAGE_SIZE : 1;
    struct sysinfo s = {
        .uptime = (int32_t)(os_now_ns() / 1000000000u),
        .total_ram = total * scale,
        .free_ram = frame_free_count(p) * scale,
        .shared_ram = census_shmem(vm) * scale,
        .total_swap = vm->swap.total * scale,
        .free_swap = vm->swap.free * scale,
        .procs = (uint16_t)thread_slots(),
        .total_high = p->managed[ZONE_HIGH] * scale,
        .free_high = census_zone_free(p, ZONE_HIGH) * scale,
        .unit = PAGE_SIZE / scale,
    };

    for (unsigned i = 0; i < 3; i++)
        s.loads[i] = loadavg[i] << (16 - LOADAVG_SHIFT);
    return user_copy_out(va, &s, sizeof s);
}

enum {
    SYSLOG_CLOSE,
    SYSLOG_OPEN,
    SYSLOG_READ,
    SYSLOG_READ_ALL,
    SYSLOG_READ_CLEAR,
    SYSLOG_CLEAR,
    SYSLOG_CONSOLE_OFF,
    SYSLOG_CONSOLE_ON,
    SYSLOG_CONSOLE_LEVEL,
    SYSLOG_SIZE_UNREAD,
    SYSLOG_SIZE_BUFFER
};

int32_t sys_syslog(SYSCALL_3_ARGS(type, va, n))
{
    if (!capable(CAP_SYSLOG) && !capable(CAP_SYS_ADMIN))
        return -EPERM;
    switch (type) {
    case SYSLOG_CLOSE:
    case SYSLOG_OPEN:
        return 0;
    case SYSLOG_READ:
    case SYSLOG_READ_ALL:
    case SYSLOG_READ_CLEAR:
        if (!va || (int32_t)n < 0)
            return -EINVAL;
        return type == SYSLOG_READ ? kmsg_take(va, n, true) : kmsg_show(va, n, type == SYSLOG_READ_CLEAR);
    case SYSLOG_CLEAR:
        kmsg_clear();
        return 0;
    case SYSLOG_CONSOLE_OFF:
    case SYSLOG_CONSOLE_ON:
        printk_quiet(type == SYSLOG_CONSOLE_OFF);
        return 0;
    case SYSLOG_CONSOLE_LEVEL:
        if (n < 1 || n > 8)
            return -EINVAL;
        printk_quiet(n <= 4); /* Linux's level of warnings */
        return 0;
    case SYSLOG_SIZE_UNREAD:
        return (int32_t)kmsg_untaken();
    case SYSLOG_SIZE_BUFFER:
        return PRINTK_RING;
    default:
        return -EINVAL;
    }
}

int32_t sys_vhangup(SYSCALL_NO_ARGS)
{
    return tty_vhangup();
}

/* --- the end --- */

enum {
    REBOOT_MAGIC1 = 0xFEE1DEAD,
    REBOOT_RESTART = 0x01234567,
    REBOOT_RESTART2 = 0xA1B2C3D4,
    REBOOT_HALT = 0xCDEF0123,
    REBOOT_POWER_OFF = 0x4321FEDC,
    REBOOT_CAD_ON = 0x89ABCDEF,
    REBOOT_CAD_OFF = 0,
};

int32_t sys_reboot(SYSCALL_3_ARGS(magic1, magic2, command))
{
    static const uint32_t magic[] = {672274793, 85072278, 369367448, 537993216};
    unsigned i = 0;

    if (!capable(CAP_SYS_BOOT))
        return -EPERM;
    while (i < ARRAY_LEN(magic) && magic[i] != magic2)
        i++;
    if (magic1 != REBOOT_MAGIC1 || i == ARRAY_LEN(magic))
        return -EINVAL;
    switch (command) {
    case REBOOT_CAD_ON:
    case REBOOT_CAD_OFF:
        return 0; /* there is no Ctrl-Alt-Del */
    case REBOOT_HALT:
    case REBOOT_POWER_OFF:
        os_log("power off");
        process_end_all();
        return 0; /* for nobody: the caller has ended before it is back in ring 3 */
    case REBOOT_RESTART:
    case REBOOT_RESTART2:
        os_log("restart");
        disk_flush_all();
        power_restart();
    default:
        return -EINVAL;
    }
}

/* --- random numbers --- */

enum { GRND_NONBLOCK = 1, GRND_RANDOM = 2, GRND_INSECURE = 4 };

int32_t sys_getrandom(SYSCALL_3_ARGS(va, n, flags))
{
    uint8_t chunk[256];
    uint32_t done = 0;

    if (flags & ~(uint32_t)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE) ||
        (flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    if (n > INT32_MAX)
        n = INT32_MAX;
    while (done < n) {
        size_t size = user_part(va + done, n - done < sizeof chunk ? n - done : sizeof chunk);

        random_bytes(chunk, size);
        if (user_copy_out(va + done, chunk, size))
            return done ? (int32_t)done : -EFAULT;
        done += (uint32_t)size;
        /* A short request is served whole. */
        if (done >= PAGE_SIZE && signal_pending(thread_current()))
            break;
    }
    return (int32_t)done;
}

/* --- one processor --- */

int32_t sys_getcpu(SYSCALL_2_ARGS(cpu, node))
{
    if ((cpu && user_write32(cpu, 0)) || (node && user_write32(node, 0)))
        return -EFAULT;
    return 0;
}
