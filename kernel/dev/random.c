/*
 * Random numbers: ChaCha20 with a key that replaces itself.
 *
 * The state is one key. A request runs the cipher under it; the first 32 bytes of the stream become the
 * next key, the rest are the numbers. So whoever reads the state later cannot compute what was given out
 * before. Stirring in is the same step after the input was added to the key.
 *
 * Small requests share a stretch of the stream: what one leaves over is kept for the next, until something is
 * stirred in, and each byte is erased when it is given out. A new program takes 16 bytes, and its C library
 * mostly a few more, so a stretch lasts for several.
 *
 * Chance comes from RDRAND where the processor has it, from the date, and from the time that interrupts and
 * loops take to the cycle. An emulator that counts instructions has only the date: there, numbers are as good
 * as the date is secret.
 *
 * Data: the key, and what is left over; task context only, and nothing here sleeps. Source: RFC 8439;
 * Bernstein, "Fast-key-erasure random-number generators" (2017).
 */
#include "kernel/dev/random.h"
#include "drivers/rtc.h"
#include "mm/os.h"
#include "mm/x86/cpu.h"

#define KEY_WORDS    8u
#define BLOCK        64u /* bytes that the cipher makes at a time; more than that is no small request */
#define RDRAND_TRY   10u /* Intel's advice */
#define CPUID_RDRAND (1u << 30) /* leaf 1, ECX */
#define JITTER       64u        /* readings of the counter */
#define RESEED_NS    1000000000ull

static uint32_t key[KEY_WORDS];
static uint8_t left[4 * BLOCK - sizeof key]; /* what so many blocks have beside the next key */
static size_t left_bytes;                    /* of the beginning of these nobody has got */
static bool have_rdrand;
static uint64_t reseed_at;

static inline uint32_t rotate(uint32_t v, unsigned n)
{
    return v << n | v >> (32 - n);
}

static inline void quarter(uint32_t *s, unsigned a, unsigned b, unsigned c, unsigned d)
{
    s[a] += s[b], s[d] = rotate(s[d] ^ s[a], 16);
    s[c] += s[d], s[b] = rotate(s[b] ^ s[c], 12);
    s[a] += s[b], s[d] = rotate(s[d] ^ s[a], 8);
    s[c] += s[d], s[b] = rotate(s[b] ^ s[c], 7);
}

void random_chacha20(uint32_t out[16], const uint32_t state[16])
{
    memcpy(out, state, 64);
    for (unsigned i = 0; i < 10; i++) {
        quarter(out, 0, 4, 8, 12);
        quarter(out, 1, 5, 9, 13);
        quarter(out, 2, 6, 10, 14);
        quarter(out, 3, 7, 11, 15);
        quarter(out, 0, 5, 10, 15);
        quarter(out, 1, 6, 11, 12);
        quarter(out, 2, 7, 8, 13);
        quarter(out, 3, 4, 9, 14);
    }
    for (unsigned i = 0; i < 16; i++)
        out[i] += state[i];
}

/* Begin a stream: state for its first block. */
static void begin(uint32_t state[16])
{
    static const uint32_t constants[4] = {0x61707865, 0x3320646E, 0x79622D32, 0x6B206574};

    memcpy(state, constants, sizeof constants);
    memcpy(state + 4, key, sizeof key);
    memset(state + 12, 0, 4 * sizeof *state);
}

/* Give out the stream after the next key, which replaces this one. */
static void generate(uint8_t *buf, size_t n)
{
    uint32_t state[16], block[16];
    size_t used = sizeof key;

    begin(state);
    random_chacha20(block, state);
    memcpy(key, block, sizeof key);
    while (n) {
        size_t take = sizeof block - used < n ? sizeof block - used : n;

        memcpy(buf, (uint8_t *)block + used, take);
        buf += take;
        n -= take;
        used = 0;
        if (n) {
            state[12]++;
            random_chacha20(block, state);
        }
    }
    /* The compiler cannot see that nobody reads these again. */
    memset(block, 0, sizeof block);
    memset(state, 0, sizeof state);
    __asm__ volatile("" : : "r"(block), "r"(state) : "memory");
}

void random_mix(const void *data, size_t n)
{
    const uint8_t *p = data;

    left_bytes = 0;
    while (n) {
        size_t take = n < sizeof key ? n : sizeof key;

        for (size_t i = 0; i < take; i++)
            ((uint8_t *)key)[i] ^= p[i];
        generate(NULL, 0);
        p += take;
        n -= take;
    }
}

static bool rdrand(uint32_t *v)
{
    for (unsigned i = 0; i < RDRAND_TRY; i++) {
        uint8_t ok;

        __asm__ volatile("rdrand %0; setc %1" : "=r"(*v), "=qm"(ok) : : "cc");
        if (ok)
            return true;
    }
    return false;
}

static uint64_t now(void)
{
    return cpu_features.tsc ? cpu_rdtsc() : os_now_ns();
}

static void reseed(void)
{
    uint32_t seed[KEY_WORDS];
    uint64_t t = now();

    for (unsigned i = 0; have_rdrand && i < KEY_WORDS; i++)
        if (rdrand(&seed[i]))
            random_mix(&seed[i], sizeof seed[i]);
    random_mix(&t, sizeof t);
    reseed_at = os_now_ns() + RESEED_NS;
}

void random_init(void)
{
    uint32_t r[4];
    uint64_t date = 0;

    cpu_cpuid(1, 0, r);
    have_rdrand = r[2] & CPUID_RDRAND;
    rtc_read(&date);
    random_mix(&date, sizeof date);
    for (unsigned i = 0; i < JITTER; i++) {
        uint64_t t = now();

        random_mix(&t, sizeof t);
    }
    reseed();
}

void random_bytes(void *buf, size_t n)
{
    if (os_now_ns() >= reseed_at)
        reseed();
    if (n > BLOCK) {
        generate(buf, n);
        return;
    }
    if (n > left_bytes) {
        generate(left, sizeof left);
        left_bytes = sizeof left;
    }
    left_bytes -= n;
    memcpy(buf, left + left_bytes, n);
    memset(left + left_bytes, 0, n);
}
