/*
 * Registers 0 to 13 as in the MC146818 data sheet; firmware keeps the century in register 0x32. The clock may
 * step while it is read, so it is read until two readings agree. It says 244 us before a step that it is
 * near, and the step takes 2 ms at most; an emulator's may take much longer, if its thread is kept waiting.
 */
#include "drivers/rtc.h"
#include "drivers/io.h"
#include "mm/os.h"

enum {
    INDEX = 0x70, /* bit 7 would hold back NMIs */
    DATA = 0x71,
    REG_SECOND = 0,
    REG_MINUTE = 2,
    REG_HOUR = 4, /* bit 7: afternoon, in 12-hour form */
    REG_DAY = 7,
    REG_MONTH = 8,
    REG_YEAR = 9,
    REG_A = 10, /* bit 7: about to step */
    REG_B = 11,
    REG_CENTURY = 0x32,
    A_UPDATING = 0x80,
    B_24_HOURS = 0x02,
    B_BINARY = 0x04,
    HOUR_PM = 0x80,
    NOTHING = 0xFF, /* what is read where there is no device */
};

#define STEP_NS 1000000000ull

struct reading {
    uint8_t second, minute, hour, day, month, year, century;
};

static uint8_t get(uint8_t reg)
{
    outb(INDEX, reg);
    return inb(DATA);
}

static bool settled(void)
{
    uint64_t end = os_now_ns() + STEP_NS;
    uint8_t a;

    while ((a = get(REG_A)) & A_UPDATING)
        if (a == NOTHING || os_now_ns() > end)
            return false;
    return true;
}

static bool read_all(struct reading *r)
{
    if (!settled())
        return false;
    *r = (struct reading){get(REG_SECOND), get(REG_MINUTE), get(REG_HOUR),   get(REG_DAY),
                          get(REG_MONTH),  get(REG_YEAR),   get(REG_CENTURY)};
    return true;
}

static unsigned decode(uint8_t v, uint8_t b)
{
    return b & B_BINARY ? v : (v >> 4) * 10u + (v & 15);
}

static unsigned decode_hour(uint8_t v, uint8_t b)
{
    unsigned hour;

    if (b & B_24_HOURS)
        return decode(v, b);
    hour = decode(v & (uint8_t)~HOUR_PM, b) % 12;
    return v & HOUR_PM ? hour + 12 : hour;
}

unsigned rtc_year(unsigned year, unsigned century)
{
    if (century > 19 && century < 100)
        return century * 100 + year;
    return year + (year < 70 ? 2000 : 1900);
}

uint64_t rtc_seconds(unsigned year, unsigned month, unsigned day, unsigned hour, unsigned minute,
                     unsigned second)
{
    /* Years that begin with March put the leap day at their end. */
    unsigned y = month > 2 ? year : year - 1, m = (month + 9) % 12;
    uint64_t days = 365ull * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;

    return (((days - 719468) * 24 + hour) * 60 + minute) * 60 + second;
}

bool rtc_read(uint64_t *seconds)
{
    struct reading a, b;
    uint8_t mode = get(REG_B);
    unsigned year, month, day, hour, minute, second, tries = 0;

    if (!read_all(&a))
        return false;
    for (;;) {
        if (!read_all(&b) || ++tries > 5)
            return false;
        if (memcmp(&a, &b, sizeof a) == 0)
            break;
        a = b;
    }
    year = decode(a.year, mode);
    month = decode(a.month, mode);
    day = decode(a.day, mode);
    hour = decode_hour(a.hour, mode);
    minute = decode(a.minute, mode);
    second = decode(a.second, mode);
    if (year > 99 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
        second > 60)
        return false;
    *seconds = rtc_seconds(rtc_year(year, decode(a.century, mode)), month, day, hour, minute, second);
    return true;
}
