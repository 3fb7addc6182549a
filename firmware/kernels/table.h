/* Operators on 8-bit values that are one look-up in a table of 256 results: the host computed the table with the
 * reference's arithmetic, so the device has none to get wrong. */
#ifndef POSE_KERNELS_TABLE_H
#define POSE_KERNELS_TABLE_H

#include "kernels/checks.h"
#include "kernels/params.h"

/* out[i] = table[in[i]]; out may be in. In the set's look_up.c. */
void pose_look_up(uint8_t *out, const uint8_t *in, uint32_t count, const uint8_t *table);

static inline int pose_table_check(const struct pose_op *op, uint32_t table_off)
{
    const bool sizes_fit = pose_dtype_bytes(op->in[0].tensor->dtype) == 1u && pose_dtype_bytes(op->out[0].tensor->dtype) == 1u &&
                           pose_same_shape(&op->in[0], &op->out[0]);
    return sizes_fit && pose_op_const(op, table_off, 256u, 1u) != NULL ? POSE_OK : POSE_ERR_IMAGE;
}

static inline int pose_table_run(const struct pose_op *op, uint32_t table_off)
{
    const uint8_t *const table = op->image + table_off;
    const uint8_t *const in = op->in[0].data;
    uint8_t *const out = op->out[0].data;
    const uint32_t count = op->in[0].tensor->bytes;
    pose_look_up(out, in, count, table);
    return POSE_OK;
}

/* check() and run() of an operator from int8 to int8, or uint8 to uint8, whose parameters are a table and nothing else. */
static inline int pose_table_only_check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 1u, 1u, sizeof(struct pose_table_params));
    if (status != POSE_OK) {
        return status;
    }
    const uint8_t dtype = op->in[0].tensor->dtype;
    if ((dtype != POSE_INT8 && dtype != POSE_UINT8) || op->out[0].tensor->dtype != dtype) {
        return POSE_ERR_OPERATOR;
    }
    const struct pose_table_params *p = op->params;
    return pose_table_check(op, p->table_off);
}

static inline int pose_table_only_run(const struct pose_op *op)
{
    const struct pose_table_params *p = op->params;
    return pose_table_run(op, p->table_off);
}

#endif
