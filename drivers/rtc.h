/* The clock that runs while the machine is off: the MC146818 and its successors. */
#ifndef DRIVERS_RTC_H
#define DRIVERS_RTC_H

#include "mm/types.h"

/* Seconds since 1970 of what the clock shows, taken as UTC. False: there is no clock, or it shows no date.
 * Takes some microseconds, or some milliseconds if the clock is about to step. */
bool rtc_read(uint64_t *seconds);

/* For rtc_read() and its test: the year of the last two digits, and of what stands where firmware keeps the
 * century. A machine that keeps none, or 19, is in 1970 to 2069, as Linux has it. */
unsigned rtc_year(unsigned year, unsigned century);

/* For rtc_read() and its test: a date (month and day from 1) as seconds since 1970. */
uint64_t rtc_seconds(unsigned year, unsigned month, unsigned day, unsigned hour, unsigned minute,
                     unsigned second);

#endif
