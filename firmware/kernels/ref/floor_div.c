/* FLOOR_DIV, int32 and float32 with broadcasting: quotients rounded towards minus infinity. A divisor may be computed
 * by the network: run() refuses an integer 0. float32 goes through double, as in the reference: 27 / 3.13e-5 may round up to
 * a whole number in float32 that its floor lies below. */
#include "kernels/broadcast.h"

static int check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 2u, 1u, 0u);
    if (status != POSE_OK) {
        return status;
    }
    const uint8_t dtype = op->out[0].tensor->dtype;
    if ((dtype != POSE_INT32 && dtype != POSE_FLOAT32) || op->in[0].tensor->dtype != dtype || op->in[1].tensor->dtype != dtype) {
        return POSE_ERR_OPERATOR;
    }
    return pose_broadcast_valid(op) ? POSE_OK : POSE_ERR_IMAGE;
}

/* b is not 0; the one quotient that does not fit wraps. */
static int32_t floor_quotient(int32_t a, int32_t b)
{
    if (b == -1) {
        return (int32_t)(0u - (uint32_t)a);
    }
    return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

static double floor_double(double value)
{
    if (!(value > -0x1p52 && value < 0x1p52) || value == 0.0) {
        return value; /* whole already, or infinite, or NaN; zero keeps its sign */
    }
    const double whole = (double)(int64_t)value;
    return whole > value ? whole - 1.0 : whole;
}

static int run_int32(const struct pose_op *op)
{
    POSE_BROADCAST(op, int32_t, int32_t, {
        for (uint32_t i = 0; i < count; i++) {
            if (*b_at == 0) {
                return POSE_ERR_PARAM;
            }
            out[i] = floor_quotient(*a_at, *b_at);
            a_at += a_step;
            b_at += b_step;
        }
        out += count;
    });
    return POSE_OK;
}

static int run_float(const struct pose_op *op)
{
    POSE_BROADCAST(op, float, float, {
        for (uint32_t i = 0; i < count; i++) {
            out[i] = (float)floor_double((double)*a_at / (double)*b_at);
            a_at += a_step;
            b_at += b_step;
        }
        out += count;
    });
    return POSE_OK;
}

static int run(const struct pose_op *op)
{
    return op->out[0].tensor->dtype == POSE_FLOAT32 ? run_float(op) : run_int32(op);
}

POSE_KERNEL(POSE_OPCODE_FLOOR_DIV, check, run);
