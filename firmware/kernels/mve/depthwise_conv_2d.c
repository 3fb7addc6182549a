/* DEPTHWISE_CONV_2D, int8, with Helium. Same bits as the portable kernel.
 *
 * Windows up to 4x4 (depth multiplier 1, no dilation, stride 1 or 2 along a row): a chunk of channels is turned around
 * in scratch, channel after channel, a column of four input rows being one word. A row of the picture goes into byte
 * (row modulo 4) of its words, so that every row is turned once, however many output rows read it. The window of an
 * output pixel is then 16 neighbouring bytes, and its sum one VMLADAV with the channel's weights, which stay in a
 * register for the whole output row. Eight pixels of a channel are requantised together and scattered.
 * Other windows are summed eight channels at a time; other depth multipliers one by one. */
#include <string.h>

#include "kernels/mve/copy.h"
#include "kernels/mve/requantize.h"

#define LANES 16      /* bytes of a window */
#define PLANES 4      /* rows of a window, bytes of a column's word */
#define PIXELS 8      /* of an output row, taken together */
#define TURNED_BYTES 16384u
#define MAX_CHUNK 256u

static uint32_t round_up_8(uint32_t value)
{
    return (value + 7u) & ~7u;
}

/* Bytes of one turned row of one channel. */
static uint64_t get_row_bytes(uint32_t out_w, uint32_t stride_w)
{
    return ((uint64_t)(round_up_8(out_w) - 1u) * stride_w + PLANES) * PLANES;
}

/* Whether the layer is of the common kind; the limits of 65535 are those of the scattering stores' offsets. */
static bool is_turned(const struct pose_conv_params *p, uint32_t out_w, uint32_t out_c)
{
    return p->depth_multiplier == 1u && p->kernel_h <= PLANES && p->kernel_w <= PLANES && p->dilation_h == 1u && p->dilation_w == 1u &&
           p->stride_w <= 2u && get_row_bytes(out_w, p->stride_w) * 7u <= UINT16_MAX && out_c * 7u <= UINT16_MAX;
}

/* Channels of a chunk, a multiple of 8. */
static uint32_t get_chunk(uint64_t row_bytes, uint32_t channels)
{
    uint32_t chunk = (uint32_t)(TURNED_BYTES / row_bytes) & ~7u;
    chunk = chunk < 8u ? 8u : (chunk > MAX_CHUNK ? MAX_CHUNK : chunk);
    return chunk > round_up_8(channels) ? round_up_8(channels) : chunk;
}

/* Turned rows, weights and one pixel of zero points of a chunk; or one whole pixel of zero points. */
static uint64_t get_scratch_bytes(const struct pose_conv_params *p, uint32_t in_c, uint32_t out_w, uint32_t out_c)
{
    if (!is_turned(p, out_w, out_c)) {
        return in_c;
    }
    const uint64_t row_bytes = get_row_bytes(out_w, p->stride_w);
    return get_chunk(row_bytes, out_c) * (row_bytes + LANES + 1u);
}

static int check(const struct pose_op *op)
{
    const int status = pose_conv_check(op, true);
    if (status != POSE_OK) {
        return status;
    }
    const uint32_t *out = op->out[0].tensor->dims;
    return pose_check_scratch(op, get_scratch_bytes(op->params, op->in[0].tensor->dims[3], out[2], out[3]));
}

/* One chunk of channels of one picture. */
struct turned {
    int8_t *rows;    /* [channels][row_bytes] */
    int8_t *weights; /* [channels][columns of the window, 4][rows of the window, 4] */
    int8_t *padding; /* [channels] */
    int32_t row_bytes;
    int32_t first, channels;
};

/* Bytes of neighbouring channels to places `step` apart. */
static inline void scatter_channels(const int8_t *from, int32_t channels, int32_t step, int8_t *to)
{
    const uint16x8_t offsets = vmulq_n_u16(vidupq_n_u16(0, 1), (uint16_t)step);
    const int32_t ahead = 8 * step;
    __asm volatile("wlstp.16 lr, %[channels], 2f\n"
                   "1: vldrb.s16 q0, [%[from]], #8\n"
                   "vstrb.16 q0, [%[to], %q[offsets]]\n"
                   "add %[to], %[ahead]\n"
                   "letp lr, 1b\n"
                   "2:\n"
                   : [from] "+l"(from), [to] "+r"(to)
                   : [channels] "r"(channels), [ahead] "r"(ahead), [offsets] "w"(offsets)
                   : "q0", "lr", "cc", "memory");
}

static void turn_weights(const struct pose_conv *conv, const struct turned *turned)
{
    pose_mve_fill(turned->weights, 0, (size_t)turned->channels * LANES);
    const int8_t *weights = conv->weights + turned->first;
    for (int32_t ky = 0; ky < conv->kernel_h; ky++) {
        for (int32_t kx = 0; kx < conv->kernel_w; kx++) {
            scatter_channels(weights, turned->channels, LANES, turned->weights + kx * PLANES + ky);
            weights += conv->out_c;
        }
    }
}

/* One row of the picture into its byte of every column's word. Columns outside hold zero points from the start. */
static void turn_row(const struct pose_conv *conv, const struct turned *turned, const int8_t *picture, int32_t row)
{
    const bool inside = row >= 0 && row < conv->in_h;
    const int32_t columns = turned->row_bytes / PLANES - conv->pad_left;
    const int32_t last = columns < conv->in_w ? columns : conv->in_w;
    const int8_t *pixel = turned->padding;
    int32_t step = 0;
    if (inside) {
        pixel = picture + (size_t)row * (size_t)conv->in_w * (size_t)conv->in_c + turned->first;
        step = conv->in_c;
    }
    int8_t *to = turned->rows + conv->pad_left * PLANES + (row & (PLANES - 1));
    for (int32_t x = 0; x < last; x++) {
        scatter_channels(pixel, turned->channels, turned->row_bytes, to);
        pixel += step;
        to += PLANES;
    }
}

/* Four windows' sums to the even or odd 32-bit lanes' place of eight pixels; o* are the windows' offsets. */
#define SUM_4(q, o0, o1, o2, o3)          \
    "vldrb.8 q0, [%[rows], #" #o0 "]\n"   \
    "vldrb.8 q3, [%[rows], #" #o1 "]\n"   \
    "vmladav.s8 r0, q0, %q[weights]\n"    \
    "vldrb.8 q0, [%[rows], #" #o2 "]\n"   \
    "vmladav.s8 r2, q3, %q[weights]\n"    \
    "vldrb.8 q3, [%[rows], #" #o3 "]\n"   \
    "vmladav.s8 r4, q0, %q[weights]\n"    \
    "vmladav.s8 r6, q3, %q[weights]\n"    \
    "vmov " #q "[2], " #q "[0], r0, r4\n" \
    "vmov " #q "[3], " #q "[1], r2, r6\n"
#define SUM_8_STRIDE_1 SUM_4(q1, 0, 8, 16, 24) SUM_4(q2, 4, 12, 20, 28)
#define SUM_8_STRIDE_2 SUM_4(q1, 0, 16, 32, 48) SUM_4(q2, 8, 24, 40, 56)
#define TIES_AWAY            \
    "vshr.s32 q0, q1, #31\n" \
    "vshr.s32 q3, q2, #31\n" \
    "vadd.i32 q1, q1, q0\n"  \
    "vadd.i32 q2, q2, q3\n"
#define SCALE_8(TIES)                                                      \
    "vadd.i32 q1, q1, %[bias]\n"                                           \
    "vadd.i32 q2, q2, %[bias]\n"                                           \
    "vqrdmulh.s32 q1, q1, %[multiplier]\n"                                 \
    "vqrdmulh.s32 q2, q2, %[multiplier]\n" TIES "vrshl.s32 q1, %[shift]\n" \
    "vrshl.s32 q2, %[shift]\n"                                             \
    "vqmovnb.s32 q1, q1\n"                                                 \
    "vqmovnt.s32 q1, q2\n"                                                 \
    "vqadd.s16 q1, q1, %[zero_point]\n"                                    \
    "vqmovnb.s16 q1, q1\n"

/* What the loops of one channel and one output row need. */
struct channel_row {
    const int8_t *rows;
    int8_t *out;
    int32_t bias, multiplier, shift, zero_point, count, out_c;
};

#define CHANNEL_ROW(name, SUM_8, ADVANCE, TIES)                                                                                           \
    static __attribute__((noinline)) void name(const struct channel_row *row, int8x16_t weights, uint16x8_t offsets)                      \
    {                                                                                                                                     \
        const int8_t *rows = row->rows;                                                                                                   \
        int8_t *out = row->out;                                                                                                           \
        const int32_t ahead = row->out_c * PIXELS;                                                                                        \
        __asm volatile("wls lr, %[eights], 2f\n"                                                                                          \
                       "1:\n" SUM_8 SCALE_8(TIES) "vstrb.16 q1, [%[out], %q[offsets]]\n"                                                  \
                                                  "add %[rows], #" #ADVANCE "\n"                                                          \
                                                  "add %[out], %[ahead]\n"                                                                \
                                                  "le lr, 1b\n"                                                                           \
                                                  "2:\n"                                                                                  \
                       : [rows] "+r"(rows), [out] "+r"(out)                                                                               \
                       : [eights] "r"(row->count / PIXELS), [ahead] "r"(ahead), [bias] "r"(row->bias), [multiplier] "r"(row->multiplier), \
                         [shift] "r"(row->shift), [zero_point] "r"(row->zero_point), [weights] "w"(weights), [offsets] "w"(offsets)       \
                       : "r0", "r2", "r4", "r6", "lr", "q0", "q1", "q2", "q3", "cc", "memory");                                           \
        if (row->count % PIXELS != 0) {                                                                                                   \
            int32_t count = row->count % PIXELS;                                                                                          \
            __asm volatile(                                                                                                               \
                SUM_8 SCALE_8(TIES) "vctp.16 %[count]\n"                                                                                  \
                                    "vpst\n"                                                                                              \
                                    "vstrbt.16 q1, [%[out], %q[offsets]]\n"                                                               \
                :                                                                                                                         \
                : [rows] "r"(rows), [out] "r"(out), [count] "r"(count), [bias] "r"(row->bias), [multiplier] "r"(row->multiplier),         \
                  [shift] "r"(row->shift), [zero_point] "r"(row->zero_point), [weights] "w"(weights), [offsets] "w"(offsets)              \
                : "r0", "r2", "r4", "r6", "q0", "q1", "q2", "q3", "cc", "memory");                                                        \
        }                                                                                                                                 \
    }
CHANNEL_ROW(row_short_1, SUM_8_STRIDE_1, 32, TIES_AWAY)
CHANNEL_ROW(row_short_2, SUM_8_STRIDE_2, 64, TIES_AWAY)
CHANNEL_ROW(row_clamped_1, SUM_8_STRIDE_1, 32, "")
CHANNEL_ROW(row_clamped_2, SUM_8_STRIDE_2, 64, "")

/* Any shift, any range of the activation. */
static __attribute__((noinline)) void row_any(const struct pose_conv *conv, const struct channel_row *row, int8x16_t weights)
{
    const int8_t *window = row->rows;
    int8_t *out = row->out;
    const int32_t bias[4] = {row->bias, row->bias, row->bias, row->bias};
    const int32_t multipliers[4] = {row->multiplier, row->multiplier, row->multiplier, row->multiplier};
    const int32_t shifts[4] = {row->shift, row->shift, row->shift, row->shift};
    const uint32x4_t offsets = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)row->out_c);
    for (int32_t x = 0; x < row->count; x += 4) {
        int32_t sums[4];
        for (int32_t i = 0; i < 4; i++) {
            sums[i] = vmladavq_s8(vldrbq_s8(window), weights);
            window += conv->stride_w * PLANES;
        }
        int32x4_t values = pose_mve_scale4(vldrwq_s32(sums), bias, multipliers, shifts);
        values = vaddq_n_s32(values, row->zero_point);
        values = vmaxq_s32(vminq_s32(values, vdupq_n_s32(conv->act_max)), vdupq_n_s32(conv->act_min));
        vstrbq_scatter_offset_p_s32(out, offsets, values, vctp32q((uint32_t)(row->count - x)));
        out += row->out_c * 4;
    }
}

/* Weights of a channel, their rows brought to the bytes where the picture's rows are. */
static inline int8x16_t rotate_weights(const int8_t *weights, int32_t top)
{
    const int32_t bits = (top & (PLANES - 1)) * 8;
    const uint32x4_t words = vreinterpretq_u32_s8(vldrbq_s8(weights));
    return vreinterpretq_s8_u32(vorrq_u32(vshlq_r_u32(words, bits), vshlq_r_u32(words, bits - 32)));
}

/* All channels of the chunk at one output row whose windows start at input row `top`. */
static void convolve_row(const struct pose_conv *conv, const struct turned *turned, int32_t top, int8_t *out)
{
    const uint16x8_t offsets = vmulq_n_u16(vidupq_n_u16(0, 1), (uint16_t)conv->out_c);
    struct channel_row row = {
        .rows = turned->rows, .out = out + turned->first, .zero_point = conv->out_zero_point, .count = conv->out_w, .out_c = conv->out_c};
    const int8_t *weights = turned->weights;
    for (int32_t channel = turned->first; channel < turned->first + turned->channels; channel++) {
        const int8x16_t rotated = rotate_weights(weights, top);
        row.bias = conv->bias[channel];
        row.multiplier = conv->multipliers[channel];
        row.shift = conv->shifts[channel];
        const enum pose_mve_scaling scaling = pose_mve_scaling(conv, row.shift);
        if (scaling == POSE_MVE_ANY) {
            row_any(conv, &row, rotated);
        } else if (scaling == POSE_MVE_SHORT) {
            (conv->stride_w == 1 ? row_short_1 : row_short_2)(&row, rotated, offsets);
        } else {
            (conv->stride_w == 1 ? row_clamped_1 : row_clamped_2)(&row, rotated, offsets);
        }
        weights += LANES;
        row.rows += turned->row_bytes;
        row.out++;
    }
}

/* One picture, one chunk. */
static void convolve_chunk(const struct pose_conv *conv, const struct turned *turned, const int8_t *picture, int8_t *out)
{
    pose_mve_fill(turned->rows, (uint8_t)conv->in_zero_point, (size_t)turned->channels * (size_t)turned->row_bytes);
    pose_mve_fill(turned->padding, (uint8_t)conv->in_zero_point, (size_t)turned->channels);
    turn_weights(conv, turned);
    int32_t turned_until = -conv->pad_top;
    for (int32_t y = 0; y < conv->out_h; y++) {
        const int32_t top = y * conv->stride_h - conv->pad_top;
        for (int32_t row = turned_until > top ? turned_until : top; row < top + conv->kernel_h; row++) {
            turn_row(conv, turned, picture, row);
        }
        turned_until = top + conv->kernel_h;
        convolve_row(conv, turned, top, out + (size_t)y * (size_t)conv->out_w * (size_t)conv->out_c);
    }
}

static void convolve_turned(const struct pose_conv *conv, void *scratch, const int8_t *picture, int8_t *out)
{
    struct turned turned = {.row_bytes = (int32_t)get_row_bytes((uint32_t)conv->out_w, (uint32_t)conv->stride_w)};
    const int32_t chunk = (int32_t)get_chunk((uint64_t)turned.row_bytes, (uint32_t)conv->out_c);
    turned.rows = scratch;
    turned.weights = turned.rows + chunk * turned.row_bytes;
    turned.padding = turned.weights + chunk * LANES;
    for (turned.first = 0; turned.first < conv->out_c; turned.first += chunk) {
        turned.channels = conv->out_c - turned.first < chunk ? conv->out_c - turned.first : chunk;
        convolve_chunk(conv, &turned, picture, out);
    }
}

/* One output pixel, eight channels at a time (depth multiplier 1). */
static void convolve_groups(const struct pose_conv *conv, const int8_t *const *pixels, int32_t taps, int8_t *out)
{
    for (int32_t channel = 0; channel < conv->out_c; channel += POSE_MVE_GROUP) {
        struct pose_mve_scales scales;
        (void)pose_mve_fill_scales(conv, channel, &scales);
        const uint32_t count = (uint32_t)(conv->out_c - channel < POSE_MVE_GROUP ? conv->out_c - channel : POSE_MVE_GROUP);
        const mve_pred16_t real = vctp16q(count);
        const int8_t *weights = conv->weights + channel;
        int32x4_t even = vdupq_n_s32(0);
        int32x4_t odd = vdupq_n_s32(0);
        for (int32_t t = 0; t < taps; t++) {
            const int16x8_t values = vldrbq_z_s16(pixels[t] + channel, real);
            const int16x8_t factors = vldrbq_z_s16(weights, real);
            even = vaddq_s32(even, vmullbq_int_s16(values, factors));
            odd = vaddq_s32(odd, vmulltq_int_s16(values, factors));
            weights += conv->out_c;
        }
        pose_mve_store_any(conv, &scales, even, odd, count, out + channel);
    }
}

/* One output pixel, channel by channel (other depth multipliers). */
static void convolve_channels(const struct pose_conv *conv, const int8_t *const *pixels, int32_t taps, int8_t *out)
{
    for (int32_t channel = 0; channel < conv->out_c; channel++) {
        const int8_t *weights = conv->weights + channel;
        const int32_t in_channel = channel / conv->depth_multiplier;
        int32_t sum = 0;
        for (int32_t t = 0; t < taps; t++) {
            sum += pixels[t][in_channel] * *weights;
            weights += conv->out_c;
        }
        out[channel] = pose_conv_output(conv, sum, channel);
    }
}

static void convolve_by_pixel(const struct pose_conv *conv, int8_t *padding, const int8_t *picture, int8_t *out)
{
    const int8_t *pixels[POSE_DEPTHWISE_MAX_WINDOW];
    pose_mve_fill(padding, (uint8_t)conv->in_zero_point, (size_t)conv->in_c);
    for (int32_t y = 0; y < conv->out_h; y++) {
        for (int32_t x = 0; x < conv->out_w; x++) {
            pose_conv_window(conv, picture, y * conv->stride_h - conv->pad_top, x * conv->stride_w - conv->pad_left, padding, pixels);
            if (conv->depth_multiplier == 1) {
                convolve_groups(conv, pixels, conv->kernel_h * conv->kernel_w, out);
            } else {
                convolve_channels(conv, pixels, conv->kernel_h * conv->kernel_w, out);
            }
            out += conv->out_c;
        }
    }
}

static int run(const struct pose_op *op)
{
    const struct pose_conv conv = pose_conv_open(op);
    const bool turned = is_turned(op->params, (uint32_t)conv.out_w, (uint32_t)conv.out_c);
    const int8_t *picture = conv.in;
    int8_t *out = conv.out;
    for (int32_t batch = 0; batch < conv.batches; batch++) {
        if (turned) {
            convolve_turned(&conv, op->scratch, picture, out);
        } else {
            convolve_by_pixel(&conv, op->scratch, picture, out);
        }
        picture += (size_t)conv.in_h * (size_t)conv.in_w * (size_t)conv.in_c;
        out += (size_t)conv.out_h * (size_t)conv.out_w * (size_t)conv.out_c;
    }
    return POSE_OK;
}

POSE_KERNEL_FLAGS(POSE_OPCODE_DEPTHWISE_CONV_2D, POSE_KERNEL_ROWS, check, run);
