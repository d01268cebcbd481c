/* The tour: segments of the processor's, as `segments` shows them. */
#include "tests/user/quire/programs.h"
#include "tests/user/quire/tour.h"

static void part(const char *title, const char *name, const char *text)
{
    step(title);
    say("%s", text);
    claim(segments_part(name) == 0, "all that was shown is as it should be");
}

void tour_segments(void)
{
    part("Base and bounds", "base",
         "The oldest translation: what a program calls address 0 is wherever a base says, and a limit says "
         "where it "
         "ends. A program cannot tell where it lies, so it can be moved while it is stopped.");
    part("Three segments", "grow",
         "Code, heap and stack each have a base and a limit of their own, and so can each grow; the stack "
         "grows down: "
         "its limit is below.");
    part("Sharing", "share",
         "Code that nobody can write may be in memory once for all who run it: a segment of each, with one "
         "base.");
    part("Protection", "forbidden", "What the processor refuses, and what a program is told.");
    part("Compaction", "compact",
         "Memory in pieces of all sizes falls apart into holes that are too small. Behind segments the "
         "pieces can be "
         "moved together: only bases change.");
}
