/*
 * Floating-point state in the forms that debuggers read and write: what FNSAVE stores, what FXSAVE stores,
 * and what XSAVE stores.
 *
 * FNSAVE has two bits for each register of the stack, that say what is in it, by the number of the register;
 * FXSAVE has one bit, that says whether anything is, and the registers in the order of the stack. Since what
 * is in them follows from the registers themselves nothing is lost.
 *
 * XSAVE stores only what is not as after reset, and its header says what that is: all else in a thread's area
 * may be old. What is read here has what it is after reset in its place.
 *
 * Source: Intel SDM vol. 1, 8.1.10, 10.5.1, 13.4; fields that are wider in FNSAVE's form are filled as Linux
 * fills them.
 */
#include "kernel/x86/fpu_forms.h"
#include "mm/errno.h"

enum {
    FX_TOP_SHIFT = 11,
    FX_XMM = 160,      /* 8 registers, and room for those of 64-bit programs */
    FX_XMM_HIGH = 288, /* these */
    FX_XMM_END = 416,
    FX_MXCSR = 24, /* and its mask */
    FX_MXCSR_END = 32,
    X87 = 1, /* components */
    SSE = 2,
    AVX = 4,
    FX_SOFTWARE = 464, /* bytes that the processor leaves alone: which components XSAVE stores */
    EXPONENT = 0x7FFF,
    TAG_VALID = 0,
    TAG_ZERO = 1,
    TAG_SPECIAL = 2,
    TAG_EMPTY = 3,
    OLD_HIGH = 0xFFFF0000,
};

/* The beginning of what FXSAVE stores. */
struct fx {
    uint16_t control, status, tags, opcode;
    uint32_t instruction, code;
    uint32_t operand, operand_segment;
    uint32_t mxcsr, mxcsr_mask;
    uint8_t stack[8][16];
};

_Static_assert(sizeof(struct fpu_old) == FNSAVE_SIZE && offsetof(struct fx, stack) == 32, "SDM");

static unsigned tag_of(const uint8_t *value)
{
    uint64_t significand;
    uint16_t exponent;

    memcpy(&significand, value, sizeof significand);
    memcpy(&exponent, value + sizeof significand, sizeof exponent);
    if ((exponent & EXPONENT) == EXPONENT)
        return TAG_SPECIAL;
    if (!(exponent & EXPONENT))
        return significand ? TAG_SPECIAL : TAG_ZERO;
    return significand >> 63 ? TAG_VALID : TAG_SPECIAL;
}

/* The components that are not as after reset. */
static uint32_t components_of(const struct fpu_state *s)
{
    uint32_t which;

    if (!cpu_features.xsave)
        return XSAVE_X87_SSE;
    memcpy(&which, s->bytes + XSAVE_HEADER, sizeof which);
    return which & fpu_components();
}

/* Bytes [from, end) of some components, or what they are after reset. */
static void take(const struct fpu_state *s, uint32_t which, void *area, uint32_t from, uint32_t end)
{
    const struct fpu_state *of = components_of(s) & which ? s : &fpu_clean;

    memcpy((uint8_t *)area + from, of->bytes + from, end - from);
}

/* FX_SIZE bytes; what the processor leaves alone is 0. */
static void take_fx(const struct fpu_state *s, void *area)
{
    take(s, X87, area, 0, FX_MXCSR);
    take(s, cpu_features.xsave ? SSE | AVX : SSE, area, FX_MXCSR, FX_MXCSR_END);
    take(s, X87, area, FX_MXCSR_END, FX_XMM);
    take(s, SSE, area, FX_XMM, FX_XMM_END);
    memset((uint8_t *)area + FX_XMM_END, 0, FX_SIZE - FX_XMM_END);
}

void fpu_to_old(const struct fpu_state *s, struct fpu_old *old)
{
    const struct fx *fx = (const void *)(components_of(s) & X87 ? s : &fpu_clean);
    unsigned top = fx->status >> FX_TOP_SHIFT & 7;
    uint32_t tags = 0;

    if (!cpu_features.fxsr) {
        memcpy(old, s, sizeof *old);
        return;
    }
    for (unsigned i = 0; i < 8; i++) {
        unsigned tag = fx->tags >> i & 1 ? tag_of(fx->stack[(i - top) & 7]) : TAG_EMPTY;

        tags |= tag << (2 * i);
        memcpy(old->stack[i], fx->stack[i], sizeof old->stack[i]);
    }
    old->control = fx->control | OLD_HIGH;
    old->status = fx->status | OLD_HIGH;
    old->tags = tags | OLD_HIGH;
    old->instruction = fx->instruction;
    old->code_and_opcode = (fx->code & 0xFFFF) | (uint32_t)fx->opcode << 16;
    old->operand = fx->operand;
    old->operand_segment = fx->operand_segment;
}

/* With XSAVE a component counts only if the header says that it is there. */
static void note_components(struct fpu_state *s, uint32_t which)
{
    uint32_t *header = (uint32_t *)(s->bytes + XSAVE_HEADER);

    if (cpu_features.xsave)
        *header |= which;
}

void fpu_from_old(struct fpu_state *s, const struct fpu_old *old)
{
    struct fx *fx = (void *)s;
    uint16_t tags = 0;

    if (!cpu_features.fxsr) {
        memcpy(s, old, sizeof *old);
        return;
    }
    for (unsigned i = 0; i < 8; i++) {
        if ((old->tags >> (2 * i) & 3) != TAG_EMPTY)
            tags |= (uint16_t)(1 << i);
        memcpy(fx->stack[i], old->stack[i], sizeof old->stack[i]);
    }
    fx->control = (uint16_t)old->control;
    fx->status = (uint16_t)old->status;
    fx->tags = tags;
    fx->opcode = (uint16_t)(old->code_and_opcode >> 16);
    fx->instruction = old->instruction;
    fx->code = old->code_and_opcode & 0xFFFF;
    fx->operand = old->operand;
    fx->operand_segment = old->operand_segment;
    note_components(s, 1);
}

int fpu_to_fx(const struct fpu_state *s, void *fx)
{
    if (!cpu_features.fxsr)
        return -ENODEV;
    take_fx(s, fx);
    return 0;
}

int fpu_from_fx(struct fpu_state *s, const void *fx)
{
    const struct fx *f = fx;

    if (!cpu_features.fxsr)
        return -ENODEV;
    if (f->mxcsr & ~fpu_mxcsr_mask())
        return -EINVAL;
    memcpy(s, fx, FX_SIZE);
    memset(s->bytes + FX_XMM_HIGH, 0, FX_XMM_END - FX_XMM_HIGH);
    note_components(s, XSAVE_X87_SSE);
    return 0;
}

int fpu_to_xsave(const struct fpu_state *s, void *area)
{
    uint32_t components = fpu_components();

    if (!cpu_features.xsave)
        return -ENODEV;
    take_fx(s, area);
    memcpy((uint8_t *)area + FX_SOFTWARE, &components, sizeof components);
    memset((uint8_t *)area + XSAVE_HEADER, 0, XSAVE_HEADER_SIZE);
    components = components_of(s);
    memcpy((uint8_t *)area + XSAVE_HEADER, &components, sizeof components);
    take(s, AVX, area, XSAVE_HEADER + XSAVE_HEADER_SIZE, fpu_state_size());
    return 0;
}

int fpu_from_xsave(struct fpu_state *s, const void *area)
{
    static const struct {
        uint32_t which, from, end;
    } parts[] = {{SSE | AVX, FX_MXCSR, FX_MXCSR_END},
                 {X87, 0, FX_XMM},
                 {SSE, FX_XMM, FX_XMM_END},
                 {AVX, XSAVE_HEADER + XSAVE_HEADER_SIZE, FPU_STATE_MAX}};
    const uint8_t *bytes = area;
    uint32_t header[XSAVE_HEADER_SIZE / 4], mxcsr;

    if (!cpu_features.xsave)
        return -ENODEV;
    memcpy(header, bytes + XSAVE_HEADER, sizeof header);
    memcpy(&mxcsr, bytes + FX_MXCSR, sizeof mxcsr);
    for (unsigned i = 1; i < ARRAY_LEN(header); i++)
        if (header[i])
            return -EINVAL;
    if (header[0] & ~fpu_components() || (header[0] && mxcsr & ~fpu_mxcsr_mask()))
        return -EINVAL;
    for (unsigned i = 0; i < ARRAY_LEN(parts); i++)
        if (header[0] & parts[i].which) {
            uint32_t end = parts[i].end < fpu_state_size() ? parts[i].end : fpu_state_size();

            memcpy(s->bytes + parts[i].from, bytes + parts[i].from, end - parts[i].from);
        }
    memcpy(s->bytes + XSAVE_HEADER, header, sizeof header);
    return 0;
}
