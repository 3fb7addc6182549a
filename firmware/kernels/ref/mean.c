/* MEAN of int8 or float32 over some of the dimensions, summed in the input's order, as TFLite's reference kernels. */
#include "kernels/checks.h"
#include "kernels/fixed_point.h"
#include "kernels/params.h"

/* Visits the elements of some dimensions, the last one fastest. */
struct counter {
    uint32_t sizes[POSE_IMAGE_MAX_RANK], steps[POSE_IMAGE_MAX_RANK], at[POSE_IMAGE_MAX_RANK];
    uint32_t rank, offset;
};

/* The dimensions of `in` whose bit in `reduced` equals `wanted`. */
static struct counter counter_open(const struct pose_image_tensor *in, uint8_t reduced, bool wanted)
{
    struct counter counter = {.rank = 0u};
    uint32_t step = in->bytes / pose_dtype_bytes(in->dtype);
    for (uint32_t i = 0; i < in->rank; i++) {
        step /= in->dims[i];
        if (((reduced >> i & 1u) != 0u) == wanted) {
            counter.sizes[counter.rank] = in->dims[i];
            counter.steps[counter.rank] = step;
            counter.rank++;
        }
    }
    return counter;
}

/* False after the last element; then it stands at the first again. */
static bool counter_next(struct counter *counter)
{
    for (uint32_t i = counter->rank; i-- > 0u;) {
        counter->offset += counter->steps[i];
        if (++counter->at[i] < counter->sizes[i]) {
            return true;
        }
        counter->offset -= counter->steps[i] * counter->sizes[i];
        counter->at[i] = 0u;
    }
    return false;
}

static uint32_t counter_elements(const struct counter *counter)
{
    uint32_t count = 1;
    for (uint32_t i = 0; i < counter->rank; i++) {
        count *= counter->sizes[i];
    }
    return count;
}

static int check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 1u, 1u, sizeof(struct pose_mean_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_mean_params *p = op->params;
    const struct pose_image_tensor *in = op->in[0].tensor;
    if ((in->dtype != POSE_INT8 && in->dtype != POSE_FLOAT32) || op->out[0].tensor->dtype != in->dtype) {
        return POSE_ERR_OPERATOR;
    }
    const struct counter kept = counter_open(in, p->reduced, false);
    const struct counter summed = counter_open(in, p->reduced, true);
    const bool valid = p->reduced >> in->rank == 0u && pose_requant_valid(p->multiplier, p->shift) &&
                       counter_elements(&kept) == pose_elements(&op->out[0]) && counter_elements(&summed) <= POSE_MEAN_MAX_ELEMENTS;
    return valid ? POSE_OK : POSE_ERR_IMAGE;
}

static int8_t mean_int8(const struct pose_mean_params *p, const int8_t *in, struct counter *summed, int32_t count)
{
    int32_t sum = -count * p->in_zero_point;
    do {
        sum += in[summed->offset];
    } while (counter_next(summed));
    const int32_t scaled = pose_requantize(sum, p->multiplier, p->shift);
    return (int8_t)pose_clamp(pose_wrap_add(scaled, p->out_zero_point), INT8_MIN, INT8_MAX);
}

static float mean_float(const float *in, struct counter *summed, float count)
{
    float sum = 0.0f;
    do {
        sum += in[summed->offset];
    } while (counter_next(summed));
    return sum / count;
}

static int run(const struct pose_op *op)
{
    const struct pose_mean_params *p = op->params;
    const struct pose_image_tensor *in = op->in[0].tensor;
    struct counter kept = counter_open(in, p->reduced, false);
    struct counter summed = counter_open(in, p->reduced, true);
    const uint32_t count = counter_elements(&summed);
    int8_t *bytes = op->out[0].data;
    float *floats = op->out[0].data;
    do {
        if (in->dtype == POSE_INT8) {
            *bytes++ = mean_int8(p, (const int8_t *)op->in[0].data + kept.offset, &summed, (int32_t)count);
        } else {
            *floats++ = mean_float((const float *)op->in[0].data + kept.offset, &summed, (float)count);
        }
    } while (counter_next(&kept));
    return POSE_OK;
}

POSE_KERNEL(POSE_OPCODE_MEAN, check, run);
