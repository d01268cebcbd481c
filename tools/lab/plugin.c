/*
 * The recorder: a plugin of QEMU's that writes down which pages programs touch.
 *
 * What is recorded. Every instruction fetch, read and write of an address of the programs' half, by a program
 * or by the kernel for it (user copies), with the program whose address space the processor has. The kernel
 * says who that is by stores to trace_mailbox (kernel/proc/trace.c), since a plugin sees addresses only. An
 * access that faults is recorded when it succeeds. Not seen: what the kernel does to a frame through its own
 * addresses (clearing, copying, disks).
 *
 * What is left out. A page that a loop touches a million times tells a policy once what it has to know. A
 * stretch is as long as at most STRETCH different pages are touched. Since the last page joined the stretch,
 * each page of it is written down once, and once more when it is first written to. What is left out is a use
 * of one of the last few pages that were used, with no new page since: a hit in any memory of many more than
 * STRETCH frames whose policy does not throw out what just came, which finds the accessed and dirty bits set.
 * docs/lab.md says how far misses are from those of all accesses. filter=exact writes down everything but an
 * access of the page that the last access was of.
 *
 * Time is counted in accesses and kept exactly: each word says how many it stands for.
 *
 * The format is in docs/lab.md. Words go to a second thread, which compresses.
 *
 * A program is what a process has in one address space: exec makes another. What it is called is known when
 * it has ended, since it may get its name late (kernel/proc/trace.c); so to record a name is to record all,
 * and to leave out the others at the end.
 *
 * Arguments: out=FILE mailbox=ADDRESS code=FROM-TO (of the kernel, whose accesses are looked at; may be
 * repeated) pid=N name=NAME (record no others; else all but init) filter=stretch|exact
 */
#include "tools/lab/qemu-api.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

PLUGIN_ENTRY int qemu_plugin_version = PLUGIN_API;

#define USER_END  0xC0000000u
#define PAGES     (USER_END >> 12)
#define STRETCH   16u
#define MAIL_END  256u
#define MAIL_SIZE 32u
#define PROGRAMS  4096u
#define OTHERS    256u
#define CODES     16u

enum kind { FETCH, READ, WRITE, NOTE, KINDS = NOTE };
enum note { NOTE_TIME = 1, NOTE_SWITCH, NOTE_NAME, NOTE_END };

/* --- words, on their way to the file --- */

#define BLOCK_WORDS (1u << 18)
#define BLOCKS      8u

static uint32_t block[BLOCKS][BLOCK_WORDS];
static uint32_t block_used[BLOCKS];
static unsigned filled, written; /* blocks, ever */
static bool ending;
static uint32_t *at, *block_end;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_t writer;
static gzFile out;
static const char *out_name;
static bool out_failed;

static void *write_blocks(void *arg)
{
    pthread_mutex_lock(&lock);
    for (;;) {
        while (written == filled && !ending)
            pthread_cond_wait(&changed, &lock);
        if (written == filled)
            break;
        unsigned b = written % BLOCKS, size = block_used[b] * (unsigned)sizeof **block;

        pthread_mutex_unlock(&lock);
        out_failed |= size && gzwrite(out, block[b], size) != (int)size;
        pthread_mutex_lock(&lock);
        written++;
        pthread_cond_broadcast(&changed);
    }
    pthread_mutex_unlock(&lock);
    return arg;
}

static void begin_block(void)
{
    at = block[filled % BLOCKS];
    block_end = at + BLOCK_WORDS;
}

static void end_block(void)
{
    pthread_mutex_lock(&lock);
    block_used[filled % BLOCKS] = (uint32_t)(at - block[filled % BLOCKS]);
    filled++;
    pthread_cond_broadcast(&changed);
    while (filled - written == BLOCKS)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    begin_block();
}

static inline void put(uint32_t word)
{
    *at++ = word;
    if (__builtin_expect(at == block_end, 0))
        end_block();
}

static void put_note(enum note what, uint32_t value)
{
    put(value << 12 | NOTE << 10 | what);
}

/* --- who runs --- */

struct program {
    uint32_t pid, space;
    char name[16];
    uint64_t accesses[KINDS];
    uint64_t words;
    uint32_t number; /* in what is left in the end */
};
static struct program program[PROGRAMS];
static uint32_t programs;
static bool too_many;
static struct program *now;  /* NULL: nobody who is recorded */
static struct program *last; /* of the last NOTE_SWITCH */
static uint32_t only_pid;
static const char *only_name;

/* Some of those who ran and are not recorded, for who asks for somebody that there was not. */
static struct other {
    uint32_t pid, space;
    char name[16];
} other[OTHERS];
static uint32_t others;

/* --- pages --- */

static bool exact;
static struct seen {
    uint32_t since; /* the join since which it is written down */
    bool written;   /* as a write */
} seen[PAGES];
static uint32_t joins = 1;   /* pages that joined stretches */
static uint32_t stretch = 1; /* the first of this one */
static uint32_t members;
static uint32_t last_page;
static bool last_written;
static uint64_t waiting; /* accesses that no word stands for yet */

static void forget_pages(void)
{
    stretch = ++joins;
    members = 0;
    last_page = PAGES;
    if (joins > UINT32_MAX - 2 * PAGES) {
        memset(seen, 0, sizeof seen);
        joins = stretch = 1;
    }
}

static void put_waiting(uint64_t least)
{
    while (waiting > least) {
        uint32_t n = waiting > 0xFFFFF ? 0xFFFFF : (uint32_t)waiting;

        put_note(NOTE_TIME, n);
        waiting -= n;
    }
}

static __attribute__((noinline)) void put_page(uint32_t page, enum kind kind)
{
    if (waiting > 1023) {
        waiting--; /* the word's own */
        put_waiting(0);
        waiting = 1;
    }
    put(page << 12 | (uint32_t)kind << 10 | (uint32_t)waiting);
    waiting = 0;
    now->words++;
}

static __attribute__((noinline)) void join(struct seen *s)
{
    if (++members > STRETCH) {
        members = 1;
        stretch = joins + 1;
    }
    *s = (struct seen){.since = ++joins};
}

static inline void touch(uint32_t page, enum kind kind, uint32_t times)
{
    struct seen *s = &seen[page];

    now->accesses[kind] += times;
    waiting += times;
    if (exact) {
        if (page == last_page && (kind != WRITE || last_written))
            return;
        last_written = kind == WRITE || (page == last_page && last_written);
        last_page = page;
        put_page(page, kind);
        return;
    }
    if (s->since == joins) {
        if (kind != WRITE || s->written)
            return;
    } else if (s->since >= stretch) {
        *s = (struct seen){.since = joins};
    } else {
        join(s);
    }
    s->written = kind == WRITE;
    put_page(page, kind);
}

/* --- how long it takes: from the first message about who is recorded to the last about another --- */

static bool has_begun;
static double began, ended;

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void take_time(const struct program *who)
{
    if (who && !has_begun) {
        has_begun = true;
        began = seconds();
    } else if (!who && now) {
        ended = seconds();
    }
}

/* --- the kernel's messages --- */

static uint64_t mailbox;
static uint8_t mail[MAIL_SIZE];
static unsigned mail_size;

static uint32_t mail_number(unsigned i)
{
    return mail[i] | mail[i + 1] << 8 | mail[i + 2] << 16 | (uint32_t)mail[i + 3] << 24;
}

/* An entry for who the message is about; NULL: the table is full. */
static struct program *known(uint32_t pid, uint32_t space)
{
    for (uint32_t i = programs; i-- > 0;)
        if (program[i].pid == pid && program[i].space == space)
            return &program[i];
    if (programs == PROGRAMS) {
        too_many = true;
        return NULL;
    }
    program[programs] = (struct program){.pid = pid, .space = space};
    return &program[programs++];
}

static void note_other(uint32_t pid, uint32_t space, const char *name)
{
    uint32_t i = others;

    while (i > 0 && (other[i - 1].pid != pid || other[i - 1].space != space))
        i--;
    if (i == 0 && others < OTHERS) {
        i = ++others;
        other[i - 1] = (struct other){.pid = pid, .space = space};
    }
    if (i > 0)
        strcpy(other[i - 1].name, name);
}

/* Whether accesses of this process go to the file, to stay there if its last name is the one that is
 * wanted. */
static bool is_recorded(uint32_t pid, const char *name)
{
    if (only_pid)
        return pid == only_pid;
    return only_name || pid != 1 || strcmp(name, "init") != 0;
}

static bool is_left_out(const struct program *p)
{
    return only_name && strcmp(p->name, only_name) != 0;
}

static void mail_came(void)
{
    uint32_t pid = mail_number(0), space = mail_number(4);
    struct program *p = NULL;
    char name[16] = "";

    if (mail_size < 8)
        return;
    memcpy(name, mail + 8, mail_size - 8 < 15 ? mail_size - 8 : 15);
    if (is_recorded(pid, name))
        p = known(pid, space);
    else
        note_other(pid, space, name);
    if (p != last)
        put_waiting(0);
    if (p && strcmp(p->name, name) != 0) {
        uint32_t words[4];

        memcpy(p->name, name, sizeof name);
        memcpy(words, name, sizeof words);
        put_note(NOTE_NAME, (uint32_t)(p - program));
        put(pid);
        put(space);
        for (unsigned i = 0; i < 4; i++)
            put(words[i]);
    }
    if (p && p != last) {
        put_note(NOTE_SWITCH, (uint32_t)(p - program));
        forget_pages();
        last = p;
    }
    take_time(p);
    now = p;
}

static void mail_byte(uint32_t symbol)
{
    if (symbol == MAIL_END) {
        mail_came();
        mail_size = 0;
    } else if (mail_size < MAIL_SIZE) {
        mail[mail_size++] = (uint8_t)symbol;
    }
}

/* --- what QEMU calls --- */

/* arg: the page, and how many instructions from bit 20 on. */
static void fetched(unsigned cpu, void *arg)
{
    (void)cpu;
    if (now)
        touch((uint32_t)(uintptr_t)arg & 0xFFFFF, FETCH, (uint32_t)((uintptr_t)arg >> 20));
}

static void accessed(unsigned cpu, uint32_t info, uint64_t va, void *arg)
{
    enum kind kind = qemu_plugin_mem_is_store(info) ? WRITE : READ;

    (void)cpu;
    (void)arg;
    if (va >= USER_END) {
        if (va - mailbox <= MAIL_END && kind == WRITE)
            mail_byte((uint32_t)(va - mailbox));
        return;
    }
    if (!now)
        return;
    touch((uint32_t)va >> 12, kind, 1);
    /* One that is not aligned may go on in the next page. */
    if (__builtin_expect((va & 0xFFF) > 0xFF0, 0)) {
        uint64_t end = va + (1u << qemu_plugin_mem_size_shift(info)) - 1;

        if (end >> 12 != va >> 12 && end < USER_END)
            touch((uint32_t)end >> 12, kind, 1);
    }
}

static struct {
    uint64_t from, to;
} code[CODES];
static unsigned codes;

static bool is_looked_at(uint64_t va)
{
    for (unsigned i = 0; i < codes; i++)
        if (va >= code[i].from && va < code[i].to)
            return true;
    return va < USER_END;
}

static void *fetch_arg(uint64_t page, size_t n)
{
    return (void *)(uintptr_t)(page | (uint64_t)n << 20);
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
    size_t n = qemu_plugin_tb_n_insns(tb), first = 0;
    uint64_t page = 0;

    (void)id;
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t va = qemu_plugin_insn_vaddr(insn), end = va + qemu_plugin_insn_size(insn) - 1;

        if (is_looked_at(va))
            qemu_plugin_register_vcpu_mem_cb(insn, accessed, PLUGIN_NO_REGS, PLUGIN_MEM_RW, NULL);
        if (va >= USER_END)
            continue;
        if (i == 0)
            page = va >> 12;
        /* One that goes on in the next page is fetched from both. */
        if (end >> 12 != page && end < USER_END) {
            struct qemu_plugin_insn *of = qemu_plugin_tb_get_insn(tb, first);

            if (i > first)
                qemu_plugin_register_vcpu_insn_exec_cb(of, fetched, PLUGIN_NO_REGS,
                                                       fetch_arg(page, i - first));
            if (va >> 12 == page)
                qemu_plugin_register_vcpu_insn_exec_cb(insn, fetched, PLUGIN_NO_REGS, fetch_arg(page, 1));
            page = end >> 12;
            first = i;
        }
    }
    if (n && page && first < n) {
        if (first == 0)
            qemu_plugin_register_vcpu_tb_exec_cb(tb, fetched, PLUGIN_NO_REGS, fetch_arg(page, n));
        else
            qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_tb_get_insn(tb, first), fetched,
                                                   PLUGIN_NO_REGS, fetch_arg(page, n - first));
    }
}

/* --- the end --- */

static bool begin_file(void)
{
    out = gzopen(out_name, "wb1");
    return out && gzbuffer(out, 1 << 20) == 0 && gzwrite(out, "QUIRETR1", 8) == 8;
}

/* All that waits goes to the file. */
static void finish_file(void)
{
    end_block();
    pthread_mutex_lock(&lock);
    ending = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    pthread_join(writer, NULL);
    out_failed |= gzclose(out) != Z_OK;
}

static void put_end(const uint64_t total[KINDS])
{
    put_note(NOTE_END, 0);
    for (unsigned k = 0; k < KINDS; k++) {
        put((uint32_t)total[k]);
        put((uint32_t)(total[k] >> 32));
    }
}

/* A word of a recording; 0, which is none, behind its last. */
static uint32_t next_word(gzFile in)
{
    static uint32_t words[1 << 16];
    static int used, got;

    if (used == got) {
        got = gzread(in, words, sizeof words) / (int)sizeof *words;
        used = 0;
    }
    return used < got ? words[used++] : 0;
}

/* Copy the words of those who stay, with their new numbers, up to the end. */
static void copy_words(gzFile in)
{
    const struct program *who = NULL;
    uint32_t w;

    while ((w = next_word(in)) != 0 && w != (NOTE << 10 | NOTE_END)) {
        bool is_note = (w >> 10 & 3) == NOTE, has_number = is_note && (w & 1023) != NOTE_TIME;
        unsigned more = is_note && (w & 1023) == NOTE_NAME ? 6 : 0;
        const struct program *p = has_number ? &program[w >> 12] : who;
        bool stays = p && !is_left_out(p);

        if (has_number && !more)
            who = p;
        if (stays && has_number)
            put_note(w & 1023, p->number);
        else if (stays)
            put(w);
        for (; more; more--) {
            w = next_word(in);
            if (stays)
                put(w);
        }
    }
}

/* Write the file again, without those who do not have the name that is wanted. */
static void leave_out(const uint64_t total[KINDS])
{
    char name[4096];
    gzFile in;

    snprintf(name, sizeof name, "%s.all", out_name);
    in = rename(out_name, name) == 0 ? gzopen(name, "rb") : NULL;
    if (!in || gzseek(in, 8, SEEK_SET) != 8 || !begin_file()) {
        out_failed = true;
        return;
    }
    filled = written = 0;
    ending = false;
    begin_block();
    if (pthread_create(&writer, NULL, write_blocks, NULL) == 0) {
        copy_words(in);
        put_end(total);
        finish_file();
    } else {
        out_failed = true;
    }
    gzclose(in);
    remove(name);
}

/* What is in the file, in words beside it. */
static void say_what(const uint64_t total[KINDS], uint64_t words)
{
    char name[4096];
    uint64_t all = 0;
    FILE *said;

    snprintf(name, sizeof name, "%s.txt", out_name);
    said = fopen(name, "w");
    if (!said)
        return;
    for (uint32_t i = 0; i < programs; i++)
        all += program[i].accesses[FETCH] + program[i].accesses[READ] + program[i].accesses[WRITE];
    fprintf(said,
            "accesses %llu\nfetches %llu\nreads %llu\nwrites %llu\nwords %llu\nseconds %.2f\nseen %llu\n",
            (unsigned long long)(total[FETCH] + total[READ] + total[WRITE]), (unsigned long long)total[FETCH],
            (unsigned long long)total[READ], (unsigned long long)total[WRITE], (unsigned long long)words,
            ended - began, (unsigned long long)all);
    for (uint32_t i = 0; i < programs; i++) {
        const struct program *p = &program[i];

        if (is_left_out(p))
            note_other(p->pid, p->space, p->name);
        else
            fprintf(said, "program %u pid %u accesses %llu words %llu name %s\n", p->number, p->pid,
                    (unsigned long long)(p->accesses[FETCH] + p->accesses[READ] + p->accesses[WRITE]),
                    (unsigned long long)p->words, p->name);
    }
    for (uint32_t i = 0; i < others; i++)
        fprintf(said, "other pid %u name %s\n", other[i].pid, other[i].name);
    fclose(said);
}

/* The rest of the file, and what it has in words beside it. */
static void end(uint64_t id, void *arg)
{
    uint64_t total[KINDS] = {0}, words = 0;
    uint32_t left = 0;

    (void)id;
    (void)arg;
    take_time(NULL);
    put_waiting(0);
    for (uint32_t i = 0; i < programs; i++) {
        if (is_left_out(&program[i]))
            continue;
        program[i].number = left++;
        words += program[i].words;
        for (unsigned k = 0; k < KINDS; k++)
            total[k] += program[i].accesses[k];
    }
    put_end(total);
    finish_file();
    if (only_name)
        leave_out(total);
    if (out_failed)
        fprintf(stderr, "trace: %s could not be written\n", out_name);
    if (too_many)
        fprintf(stderr, "trace: more than %u programs ran: those that came later are not recorded\n",
                PROGRAMS);
    say_what(total, words);
}

static bool take_argument(const char *arg)
{
    char *stop;

    if (strncmp(arg, "out=", 4) == 0) {
        out_name = strdup(arg + 4);
    } else if (strncmp(arg, "mailbox=", 8) == 0) {
        mailbox = strtoull(arg + 8, NULL, 16);
    } else if (strncmp(arg, "code=", 5) == 0 && codes < CODES) {
        code[codes].from = strtoull(arg + 5, &stop, 16);
        code[codes++].to = *stop == '-' ? strtoull(stop + 1, NULL, 16) : 0;
    } else if (strncmp(arg, "pid=", 4) == 0) {
        only_pid = (uint32_t)strtoul(arg + 4, NULL, 10);
    } else if (strncmp(arg, "name=", 5) == 0) {
        only_name = strdup(arg + 5);
    } else if (strcmp(arg, "filter=exact") == 0 || strcmp(arg, "filter=stretch") == 0) {
        exact = arg[7] == 'e';
    } else {
        fprintf(stderr, "trace: argument %s is unknown\n", arg);
        return false;
    }
    return true;
}

PLUGIN_ENTRY int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);
PLUGIN_ENTRY int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++)
        if (!take_argument(argv[i]))
            return -1;
    if (!out_name || !mailbox) {
        fprintf(stderr, "trace: out= and mailbox= are wanted\n");
        return -1;
    }
    if (!begin_file()) {
        fprintf(stderr, "trace: %s cannot be written\n", out_name);
        return -1;
    }
    begin_block();
    if (pthread_create(&writer, NULL, write_blocks, NULL) != 0)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, end, NULL);
    return 0;
}
