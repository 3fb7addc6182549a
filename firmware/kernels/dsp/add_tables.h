/* ADD and SUB, int8 with broadcasting: what each stored value of either input contributes is worked out once for all 256
 * values, so that an element costs two look-ups and one requantisation, the short one where it is exact. Same bits as the
 * portable kernels. */
#ifndef POSE_KERNELS_DSP_ADD_TABLES_H
#define POSE_KERNELS_DSP_ADD_TABLES_H

#include "kernels/add.h"
#include "kernels/dsp/requantize.h"

#define POSE_ADD_VALUES 256

/* Terms of both inputs, by the stored byte read as unsigned. */
static inline uint64_t pose_add_scratch_bytes(void)
{
    return 2u * POSE_ADD_VALUES * sizeof(int32_t);
}

static inline int pose_add_tables_check(const struct pose_op *op)
{
    const int status = pose_add_check(op);
    return status != POSE_OK || pose_arithmetic_plain(op) ? status : pose_check_scratch(op, pose_add_scratch_bytes());
}

/* The terms of both inputs, and how their sums are requantised; `scale.right` is 0 where only 64-bit products are exact. */
struct pose_add_tables {
    int32_t *a, *b;
    struct pose_short_scale scale;
};

static inline uint32_t pose_add_magnitude(int32_t term)
{
    return term < 0 ? 0u - (uint32_t)term : (uint32_t)term;
}

/* Fills the tables; with doubled terms where sums are requantised the short way. */
static inline struct pose_add_tables pose_add_open(const struct pose_add_params *p, int32_t *scratch)
{
    struct pose_add_tables tables = {scratch, scratch + POSE_ADD_VALUES, {0, 0, 0, 0}};
    uint32_t a_most = 0;
    uint32_t b_most = 0;
    for (int32_t byte = 0; byte < POSE_ADD_VALUES; byte++) {
        tables.a[byte] = pose_add_term_a(p, (int8_t)byte);
        tables.b[byte] = pose_add_term_b(p, (int8_t)byte);
        a_most = pose_add_magnitude(tables.a[byte]) > a_most ? pose_add_magnitude(tables.a[byte]) : a_most;
        b_most = pose_add_magnitude(tables.b[byte]) > b_most ? pose_add_magnitude(tables.b[byte]) : b_most;
    }
    if (pose_scales_shortly(p->out_shift, p->act_min, p->act_max) && a_most < POSE_SHORT_MAX_SUM / 2 && b_most < POSE_SHORT_MAX_SUM / 2) {
        tables.scale = pose_make_scale(0, p->out_multiplier, p->out_shift, p->out_zero_point);
        for (int32_t i = 0; i < 2 * POSE_ADD_VALUES; i++) {
            scratch[i] *= 2;
        }
    }
    return tables;
}

/* `count` elements whose sums are requantised the short way. */
static inline void pose_add_shortly(const struct pose_add_tables *tables, const uint8_t *a, const uint8_t *b, uint32_t a_step,
                                    uint32_t b_step, int8_t *out, uint32_t count)
{
    const int32_t *const a_terms = tables->a;
    const int32_t *const b_terms = tables->b;
    const struct pose_short_scale scale = tables->scale;
#pragma GCC unroll 2
    for (const int8_t *const end = out + count; out != end; out++) {
        *out = pose_short_doubled(a_terms[*a] + b_terms[*b], scale.multiplier, scale.offset, scale.right);
        a += a_step;
        b += b_step;
    }
}

static inline int pose_add_run_tables(const struct pose_op *op, struct pose_add_params p)
{
    const struct pose_add_tables tables = pose_add_open(&p, op->scratch);
    POSE_BROADCAST(op, uint8_t, int8_t, {
        if (tables.scale.right != 0) {
            pose_add_shortly(&tables, a_at, b_at, a_step, b_step, out, count);
            out += count;
        } else {
            for (const int8_t *const end = out + count; out != end; out++) {
                *out = pose_add_output(&p, tables.a[*a_at], tables.b[*b_at]);
                a_at += a_step;
                b_at += b_step;
            }
        }
    });
    return POSE_OK;
}

#endif
