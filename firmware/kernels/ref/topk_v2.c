/* TOPK_V2 along the last dimension: the k largest values and their places, in falling order, of equal ones the first first.
 * Each element is put into the k outputs where it belongs. */
#include "kernels/checks.h"

static int check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 1u, 2u, 0u);
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_image_tensor *in = op->in[0].tensor;
    const struct pose_image_tensor *out = op->out[0].tensor;
    const bool known = in->dtype == POSE_INT8 || in->dtype == POSE_UINT8 || in->dtype == POSE_INT32 || in->dtype == POSE_FLOAT32;
    if (!known || out->dtype != in->dtype || op->out[1].tensor->dtype != POSE_INT32) {
        return POSE_ERR_OPERATOR;
    }
    if (in->rank == 0u || out->rank != in->rank || !pose_same_shape(&op->out[0], &op->out[1]) ||
        out->dims[in->rank - 1u] > in->dims[in->rank - 1u]) {
        return POSE_ERR_IMAGE;
    }
    for (uint32_t i = 0; i + 1u < in->rank; i++) {
        if (in->dims[i] != out->dims[i]) {
            return POSE_ERR_IMAGE;
        }
    }
    return POSE_OK;
}

#define TOP_OF_TYPE(name_, type_)                                                                      \
    static void name_(const type_ *in, uint32_t size, type_ *values, int32_t *places, uint32_t wanted) \
    {                                                                                                  \
        uint32_t found = 0;                                                                            \
        for (uint32_t i = 0; i < size; i++) {                                                          \
            const type_ value = in[i];                                                                 \
            uint32_t at = found;                                                                       \
            if (found == wanted) {                                                                     \
                if (!(value > values[wanted - 1u])) {                                                  \
                    continue;                                                                          \
                }                                                                                      \
                at = wanted - 1u;                                                                      \
            } else {                                                                                   \
                found++;                                                                               \
            }                                                                                          \
            for (; at > 0u && value > values[at - 1u]; at--) {                                         \
                values[at] = values[at - 1u];                                                          \
                places[at] = places[at - 1u];                                                          \
            }                                                                                          \
            values[at] = value;                                                                        \
            places[at] = (int32_t)i;                                                                   \
        }                                                                                              \
    }
TOP_OF_TYPE(top_int8, int8_t)
TOP_OF_TYPE(top_uint8, uint8_t)
TOP_OF_TYPE(top_int32, int32_t)
TOP_OF_TYPE(top_float, float)

static int run(const struct pose_op *op)
{
    const struct pose_image_tensor *in = op->in[0].tensor;
    const uint32_t size = in->dims[in->rank - 1u];
    const uint32_t wanted = op->out[0].tensor->dims[in->rank - 1u];
    const uint32_t rows = pose_elements(&op->in[0]) / size;
    for (uint32_t row = 0; row < rows; row++) {
        const size_t from = (size_t)row * size;
        const size_t to = (size_t)row * wanted;
        int32_t *const places = (int32_t *)op->out[1].data + to;
        switch (in->dtype) {
        case POSE_INT8:
            top_int8((const int8_t *)op->in[0].data + from, size, (int8_t *)op->out[0].data + to, places, wanted);
            break;
        case POSE_UINT8:
            top_uint8((const uint8_t *)op->in[0].data + from, size, (uint8_t *)op->out[0].data + to, places, wanted);
            break;
        case POSE_INT32:
            top_int32((const int32_t *)op->in[0].data + from, size, (int32_t *)op->out[0].data + to, places, wanted);
            break;
        default:
            top_float((const float *)op->in[0].data + from, size, (float *)op->out[0].data + to, places, wanted);
            break;
        }
    }
    return POSE_OK;
}

POSE_KERNEL(POSE_OPCODE_TOPK_V2, check, run);
