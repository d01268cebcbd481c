/*
 * The loopback interface, by ioctl(2). It is up, has 127.0.0.1 and ::1, and stays so: what would change it is
 * taken if it changes nothing, and is -EPERM otherwise.
 */
#include "kernel/net/interface.h"
#include "kernel/net/socket.h"
#include "kernel/x86/usercopy.h"

enum {
    SIOCGIFNAME = 0x8910,
    SIOCGIFCONF = 0x8912,
    SIOCGIFFLAGS,
    SIOCSIFFLAGS,
    SIOCGIFADDR,
    SIOCSIFADDR,
    SIOCGIFDSTADDR,
    SIOCGIFBRDADDR = 0x8919,
    SIOCGIFNETMASK = 0x891B,
    SIOCSIFNETMASK,
    SIOCGIFMETRIC,
    SIOCGIFMTU = 0x8921,
    SIOCSIFMTU,
    SIOCGIFHWADDR = 0x8927,
    SIOCGIFINDEX = 0x8933,
    SIOCGIFTXQLEN = 0x8942,
    SIOCGIFMAP = 0x8970
};

/* As programs have it: the name, and what is asked. */
struct ifreq {
    char name[16];
    union {
        int32_t number;
        int16_t flags;
        struct {
            uint16_t family, port;
            uint8_t ip[4], zero[8];
        } address;
    };
};

struct ifconf {
    int32_t size;
    vaddr_t list;
};

static void set_address(struct ifreq *r, uint16_t family, uint8_t first, uint8_t last)
{
    r->address.family = family;
    r->address.port = 0;
    memset(r->address.zero, 0, sizeof r->address.zero);
    r->address.ip[0] = first;
    r->address.ip[1] = r->address.ip[2] = 0;
    r->address.ip[3] = last;
}

/* The list of interfaces that have an address of IPv4, as much as fits; or only how long it is. */
static int list(vaddr_t arg)
{
    struct ifreq r = {.name = INTERFACE_NAME};
    struct ifconf c;

    if (user_copy_in(&c, arg, sizeof c))
        return -EFAULT;
    if (c.list && c.size < (int32_t)sizeof r) {
        c.size = 0;
    } else if (c.list) {
        set_address(&r, AF_INET, 127, 1);
        if (user_copy_out(c.list, &r, sizeof r))
            return -EFAULT;
        c.size = sizeof r;
    } else {
        c.size = sizeof r;
    }
    return user_copy_out(arg, &c, sizeof c) ? -EFAULT : 0;
}

static int name_of_index(vaddr_t arg)
{
    struct ifreq r;

    if (user_copy_in(&r, arg, sizeof r))
        return -EFAULT;
    if (r.number != INTERFACE_INDEX)
        return -ENODEV;
    memset(r.name, 0, sizeof r.name);
    memcpy(r.name, INTERFACE_NAME, sizeof INTERFACE_NAME);
    return user_copy_out(arg, &r, sizeof r) ? -EFAULT : 0;
}

/* Put the answer into r. 0, -errno, or 1: there is none to give back. */
static int answer(unsigned family, unsigned cmd, struct ifreq *r)
{
    switch (cmd) {
    case SIOCGIFFLAGS:
        r->flags = INTERFACE_FLAGS;
        return 0;
    case SIOCSIFFLAGS:
        return (r->flags & IFF_UP) ? 1 : -EPERM;
    case SIOCGIFADDR:
    case SIOCGIFDSTADDR:
        set_address(r, AF_INET, 127, 1);
        return family == AF_INET ? 0 : -ENOTTY;
    case SIOCGIFBRDADDR:
        set_address(r, AF_INET, 0, 0);
        return family == AF_INET ? 0 : -ENOTTY;
    case SIOCGIFNETMASK:
        set_address(r, AF_INET, 255, 0);
        return family == AF_INET ? 0 : -ENOTTY;
    case SIOCGIFMETRIC:
        r->number = 0;
        return 0;
    case SIOCGIFMTU:
        r->number = INTERFACE_MTU;
        return 0;
    case SIOCSIFMTU:
        return r->number == INTERFACE_MTU ? 1 : -EPERM;
    case SIOCGIFHWADDR:
        set_address(r, INTERFACE_HARDWARE, 0, 0);
        return 0;
    case SIOCGIFINDEX:
        r->number = INTERFACE_INDEX;
        return 0;
    case SIOCGIFTXQLEN:
        r->number = INTERFACE_QUEUE;
        return 0;
    case SIOCGIFMAP:
        memset(&r->address, 0, sizeof r->address);
        return 0;
    default:
        return -EPERM;
    }
}

static bool is_known(unsigned cmd)
{
    switch (cmd) {
    case SIOCGIFFLAGS:
    case SIOCSIFFLAGS:
    case SIOCGIFADDR:
    case SIOCSIFADDR:
    case SIOCGIFDSTADDR:
    case SIOCGIFBRDADDR:
    case SIOCGIFNETMASK:
    case SIOCSIFNETMASK:
    case SIOCGIFMETRIC:
    case SIOCGIFMTU:
    case SIOCSIFMTU:
    case SIOCGIFHWADDR:
    case SIOCGIFINDEX:
    case SIOCGIFTXQLEN:
    case SIOCGIFMAP:
        return true;
    default:
        return false;
    }
}

int interface_ioctl(unsigned family, unsigned cmd, vaddr_t arg)
{
    struct ifreq r;
    int err;

    if (cmd == SIOCGIFCONF)
        return list(arg);
    if (cmd == SIOCGIFNAME)
        return name_of_index(arg);
    if (!is_known(cmd))
        return -ENOTTY;
    if (user_copy_in(&r, arg, sizeof r))
        return -EFAULT;
    r.name[sizeof r.name - 1] = '\0';
    if (strcmp(r.name, INTERFACE_NAME))
        return -ENODEV;
    err = answer(family, cmd, &r);
    if (err)
        return err > 0 ? 0 : err;
    return user_copy_out(arg, &r, sizeof r) ? -EFAULT : 0;
}
