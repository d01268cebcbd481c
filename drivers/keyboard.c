/*
 * The keyboard.
 *
 * The controller has an output buffer for one byte (port 0x60, there is something when bit 0 of port 0x64
 * is set) and an input buffer (free when bit 1 is clear). Keyboards speak scan code set 2, and the
 * controller translates that to set 1, as it has done since the AT. Where there is no controller, reads
 * of its ports find all bits set.
 *
 * To the keyboard itself goes little: defaults, the rate of repetition, the lights. It acknowledges each
 * byte (0xFA) among the codes; so a command of two bytes is a state, and the interrupt sends the second.
 * 0xFA and 0xFE are not codes of keys.
 *
 * Codes go into a ring. When it is full, what comes is lost; then a key may seem to be held until it is
 * pressed again.
 *
 * Locking: interrupts off for all of it.
 *
 * Source: IBM Personal System/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device
 * Controller"; QEMU's hw/input/pckbd.c and ps2.c behave like it.
 */
#include "drivers/keyboard.h"
#include "drivers/io.h"
#include "drivers/pic.h"
#include "mm/os.h"

#define IRQ     1u
#define RING    128u
#define WAIT_NS 50000000u  /* for an answer */
#define LOST_NS 500000000u /* a command that was not acknowledged by then never will be */

enum {
    DATA = 0x60,
    STATUS = 0x64,
    COMMAND = 0x64,
    STATUS_OUTPUT = 1 << 0, /* there is a byte to read */
    STATUS_INPUT = 1 << 1,  /* the last byte written was not taken yet */
    STATUS_MOUSE = 1 << 5,  /* the byte to read is the mouse's */
    STATUS_NOBODY = 0xFF,
};

/* To the controller. */
enum {
    READ_CONFIG = 0x20,
    WRITE_CONFIG = 0x60,
    MOUSE_OFF = 0xA7,
    TEST = 0xAA,
    TEST_GOOD = 0x55,
    TEST_PORT = 0xAB,
    PORT_GOOD = 0x00,
    KEYBOARD_OFF = 0xAD,
    KEYBOARD_ON = 0xAE,
    CONFIG_INTERRUPT = 1 << 0,
    CONFIG_MOUSE_INTERRUPT = 1 << 1,
    CONFIG_KEYBOARD_OFF = 1 << 4,
    CONFIG_MOUSE_OFF = 1 << 5,
    CONFIG_TRANSLATE = 1 << 6,
};

/* To the keyboard. */
enum {
    SET_LIGHTS = 0xED,
    SET_RATE = 0xF3,
    RATE_FAST = 0x20, /* 30 a second, the first after half a second */
    ENABLE = 0xF4,
    DEFAULTS = 0xF6,
    ACKNOWLEDGED = 0xFA,
    AGAIN = 0xFE,
};

static bool present;
static void (*notify)(void);
static uint8_t ring[RING];   /* (i) */
static uint32_t head, tail;  /* (i) they count on without end */
static unsigned lights;      /* (i) that are wanted */
static unsigned lights_sent; /* (i) */
static enum { IDLE, WANTS_LIGHTS, TAKES_LIGHTS } state;
static uint64_t state_since;

/* Wait until the bits of the status have a value. */
static bool wait(uint8_t mask, uint8_t value)
{
    uint64_t end = os_now_ns() + WAIT_NS;

    while ((inb(STATUS) & mask) != value)
        if (os_now_ns() > end)
            return false;
    return true;
}

static void command(uint8_t c)
{
    wait(STATUS_INPUT, 0);
    outb(COMMAND, c);
}

static void put(uint8_t v)
{
    wait(STATUS_INPUT, 0);
    outb(DATA, v);
}

/* The next byte, or -1 when none comes. */
static int get(void)
{
    return wait(STATUS_OUTPUT, STATUS_OUTPUT) ? inb(DATA) : -1;
}

static int ask(uint8_t c)
{
    command(c);
    return get();
}

static void configure(uint8_t config)
{
    command(WRITE_CONFIG);
    put(config);
}

static void drain(void)
{
    for (unsigned i = 0; i < 64 && inb(STATUS) & STATUS_OUTPUT; i++)
        inb(DATA);
}

/* One byte to the keyboard, and its answer, behind the codes of keys that were pressed meanwhile. */
static bool tell(uint8_t v)
{
    put(v);
    for (unsigned i = 0; i < RING; i++) {
        int answer = get();

        if (answer < 0 || answer == AGAIN)
            return false;
        if (answer == ACKNOWLEDGED)
            return true;
    }
    return false;
}

static bool set_up(void)
{
    int config;

    if (inb(STATUS) == STATUS_NOBODY)
        return false;
    command(KEYBOARD_OFF);
    command(MOUSE_OFF);
    drain();
    config = ask(READ_CONFIG);
    if (config < 0)
        return false;
    if (ask(TEST) != TEST_GOOD) {
        os_log("keyboard: the controller is broken");
        return false;
    }
    /* The test may have changed it. The keyboard stays off: its codes would be taken for answers. */
    config &= ~(CONFIG_INTERRUPT | CONFIG_MOUSE_INTERRUPT);
    config |= CONFIG_TRANSLATE | CONFIG_MOUSE_OFF | CONFIG_KEYBOARD_OFF;
    configure((uint8_t)config);
    if (ask(TEST_PORT) != PORT_GOOD) {
        os_log("keyboard: the controller's port is broken");
        return false;
    }
    command(KEYBOARD_ON);
    drain();
    /* Without a keyboard there is no answer; one that is plugged in later is what it is by default. */
    if (tell(DEFAULTS)) {
        if (tell(SET_RATE))
            tell(RATE_FAST);
        tell(ENABLE);
    }
    drain();
    configure((uint8_t)((config & ~CONFIG_KEYBOARD_OFF) | CONFIG_INTERRUPT));
    return true;
}

/* Begin to send the lights that are wanted, unless something is on its way. Interrupts off. */
static void send_lights(void)
{
    if (state != IDLE && os_now_ns() - state_since < LOST_NS)
        return;
    state = IDLE;
    if (lights == lights_sent || inb(STATUS) & STATUS_INPUT)
        return;
    outb(DATA, SET_LIGHTS);
    state = WANTS_LIGHTS;
    state_since = os_now_ns();
}

static void acknowledged(void)
{
    if (state == WANTS_LIGHTS) {
        lights_sent = lights;
        outb(DATA, (uint8_t)lights_sent);
        state = TAKES_LIGHTS;
    } else {
        state = IDLE;
        send_lights();
    }
}

static void receive(void *arg)
{
    uint8_t status;

    (void)arg;
    for (unsigned i = 0; i < RING && (status = inb(STATUS)) & STATUS_OUTPUT; i++) {
        uint8_t c = inb(DATA);

        if (status & STATUS_MOUSE)
            continue;
        if (c == ACKNOWLEDGED)
            acknowledged();
        else if (c == AGAIN)
            state = IDLE;
        else if (head - tail < RING)
            ring[head++ % RING] = c;
    }
    if (head != tail)
        notify();
}

bool keyboard_init(void (*fn)(void))
{
    uint32_t s = os_irq_save();

    notify = fn;
    present = set_up();
    os_irq_restore(s);
    if (present && irq_register(IRQ, "i8042", receive, NULL) != 0)
        present = false;
    return present;
}

bool keyboard_readable(void)
{
    return READ_ONCE(head) != tail;
}

size_t keyboard_read(uint8_t *out, size_t n)
{
    size_t got = 0;
    uint32_t s = os_irq_save();

    while (got < n && head != tail)
        out[got++] = ring[tail++ % RING];
    os_irq_restore(s);
    return got;
}

void keyboard_lights(unsigned set)
{
    uint32_t s = os_irq_save();

    lights = set;
    if (present)
        send_lights();
    os_irq_restore(s);
}

bool keyboard_is_there(void)
{
    return inb(STATUS) != STATUS_NOBODY;
}

bool keyboard_poll(void)
{
    bool pressed = false;

    for (unsigned i = 0; i < 64 && inb(STATUS) & STATUS_OUTPUT; i++) {
        uint8_t c = inb(DATA);

        pressed |= c < 0x80;
    }
    return pressed;
}
