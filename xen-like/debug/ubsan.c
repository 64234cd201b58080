/* SPDX-License-Identifier: MIT */
/*
 * What the compiler calls where code runs into undefined behaviour (make UBSAN=1; layouts: GCC's
 * libsanitizer interface, ubsan_handlers.h). Each place is told once; the machine goes on, and
 * tests look for the word UBSAN.
 */
#include "console.h"
#include "debug.h"

struct source_location {
    const char *file;
    uint32_t line, column;
};
/* All reports begin with their place; what follows differs and is not looked at. */
struct report {
    struct source_location place;
};

#define TOLD (~0u) /* in the column: this place was told before */

static void tell(struct report *report, const char *what, uint64_t a, uint64_t b)
{
    uint32_t column = __atomic_exchange_n(&report->place.column, TOLD, __ATOMIC_RELAXED);

    if (column == TOLD)
        return;
    printk(LOG_ERR, "UBSAN: %s (%#lx, %#lx) at %s:%u:%u\n", what, a, b, report->place.file,
           report->place.line, column);
    backtrace_print((uint64_t)__builtin_return_address(0), (uint64_t)__builtin_frame_address(0));
}

#define HANDLER_0(name, what)                                                                      \
    void __ubsan_handle_##name(struct report *r);                                                  \
    void __ubsan_handle_##name(struct report *r)                                                   \
    {                                                                                              \
        tell(r, what, 0, 0);                                                                       \
    }
#define HANDLER_1(name, what)                                                                      \
    void __ubsan_handle_##name(struct report *r, uint64_t a);                                      \
    void __ubsan_handle_##name(struct report *r, uint64_t a)                                       \
    {                                                                                              \
        tell(r, what, a, 0);                                                                       \
    }
#define HANDLER_2(name, what)                                                                      \
    void __ubsan_handle_##name(struct report *r, uint64_t a, uint64_t b);                          \
    void __ubsan_handle_##name(struct report *r, uint64_t a, uint64_t b)                           \
    {                                                                                              \
        tell(r, what, a, b);                                                                       \
    }

HANDLER_2(add_overflow, "an addition overflows")
HANDLER_2(sub_overflow, "a subtraction overflows")
HANDLER_2(mul_overflow, "a multiplication overflows")
HANDLER_1(negate_overflow, "a negation overflows")
HANDLER_2(divrem_overflow, "a division by zero or that overflows")
HANDLER_2(shift_out_of_bounds, "a shift by too much or of a negative number")
HANDLER_1(out_of_bounds, "an index beyond its array")
HANDLER_1(type_mismatch_v1, "a pointer that is null, misaligned or to too small an object")
HANDLER_2(pointer_overflow, "a pointer that wraps")
HANDLER_1(vla_bound_not_positive, "an array of no positive length")
HANDLER_1(load_invalid_value, "a value that its type does not have")
HANDLER_0(builtin_unreachable, "code that cannot be reached")
HANDLER_0(missing_return, "a function without its return value")
HANDLER_0(nonnull_arg, "a null argument where none may be")
HANDLER_1(invalid_builtin, "a builtin with a value it does not take")
