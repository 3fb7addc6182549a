/* DEPTHWISE_CONV_2D, int8, with Helium. Same bits as the portable kernel.
 *
 * Windows of up to 3x3 at stride 1, and of up to 4x4 at stride 2 (depth multiplier 1, no dilation): sixteen channels of some
 * rows are turned around in scratch (depthwise_blocks.h), then one channel after the other goes over all of its outputs
 * there with its constants in registers (depthwise_windows.h).
 * Other windows are summed eight channels at a time; other depth multipliers one by one. */
#include <string.h>

#include "kernels/mve/copy.h"
#include "kernels/mve/depthwise_windows.h"

#define BLOCKS_BYTES 8192u /* of scratch for turned pixels, where FEW_LINES need no more */
#define FEW_LINES 4u
#define MAX_BLOCKS 48u                                     /* in a row, and one more */
#define CONSTANT_BYTES (GRID_BYTES + 2u * BLOCK_CHANNELS) /* weights, zero points, zeros */

/* Whether the layer is of the common kind; the limit of 65535 is that of the scattering stores' offsets. */
static bool is_turned(const struct pose_conv_params *p, uint32_t out_w, uint32_t out_c)
{
    const uint16_t stride = p->stride_w;
    const uint16_t largest = stride == 1u ? 3u : 4u;
    return p->depth_multiplier == 1u && p->dilation_h == 1u && p->dilation_w == 1u && p->stride_h == stride && stride <= 2u &&
           p->kernel_h <= largest && p->kernel_w <= largest && ((uint64_t)out_w + 7u) * out_c <= UINT16_MAX;
}

/* Blocks in a turned row: all that eights of outputs of one row read. */
static uint32_t get_blocks(uint32_t out_w, uint32_t stride)
{
    const uint32_t blocks = (out_w + 7u) / 8u * 4u * stride;
    return (blocks > MAX_BLOCKS ? MAX_BLOCKS : blocks) + 1u;
}

/* Rows of outputs, one or (stride 1) two at a time. */
static uint32_t get_lines(uint32_t out_h, uint32_t stride)
{
    return stride == 1u ? (out_h + 1u) / 2u : out_h;
}

/* Lines whose rows are turned at a time. */
static uint32_t get_lines_at_once(uint32_t out_w, uint32_t out_h, uint32_t stride)
{
    const uint32_t room = BLOCKS_BYTES / (get_blocks(out_w, stride) * BLOCK_BYTES) - 1u; /* MAX_BLOCKS: at least one line */
    const uint32_t most = room < FEW_LINES ? FEW_LINES : room;
    const uint32_t lines = get_lines(out_h, stride);
    return lines < most ? lines : most;
}

/* Constants and turned rows; or, at least, one whole pixel of zero points. */
static uint32_t get_scratch_bytes(const struct pose_conv_params *p, uint32_t in_c, const uint32_t *out)
{
    if (!is_turned(p, out[2], out[3])) {
        return in_c;
    }
    const uint32_t rows = get_lines_at_once(out[2], out[1], p->stride_w) + 1u;
    const uint32_t bytes = CONSTANT_BYTES + rows * get_blocks(out[2], p->stride_w) * BLOCK_BYTES;
    return bytes < in_c ? in_c : bytes;
}

static int check(const struct pose_op *op)
{
    const int status = pose_conv_check(op, true);
    if (status != POSE_OK) {
        return status;
    }
    return pose_check_scratch(op, get_scratch_bytes(op->params, op->in[0].tensor->dims[3], op->out[0].tensor->dims));
}

/* Scratch of a layer, and how it is cut. */
struct layout {
    int8_t *grid, *padding, *zeros, *blocks;
    int32_t width;  /* outputs of a row at a time */
    int32_t count;  /* blocks of a turned row */
    int32_t height; /* rows of outputs at a time */
};

/* Outputs of some columns: what is the same for all channels and rows. */
struct strip {
    int32_t width;
    int32_t blocks; /* of a row that are read */
    struct span span;
    struct lines one, two; /* lines of one row, and of two, of which the loops get copies */
};

/* Channels that are turned around together, and their outputs in some rows. */
struct tile {
    struct pixels pixels;
    int32_t first; /* channel */
    int32_t y, height;
    int8_t *out;
};

static struct layout make_layout(const struct pose_conv *conv, void *scratch)
{
    const uint32_t out_w = (uint32_t)conv->out_w;
    const uint32_t stride = (uint32_t)conv->stride_w;
    struct layout layout = {.grid = scratch, .count = (int32_t)get_blocks(out_w, stride)};
    layout.padding = layout.grid + GRID_BYTES;
    layout.zeros = layout.padding + BLOCK_CHANNELS;
    layout.blocks = layout.zeros + BLOCK_CHANNELS;
    layout.width = (layout.count - 1) / conv->stride_w * 2;
    layout.height = (int32_t)get_lines_at_once(out_w, (uint32_t)conv->out_h, stride) * (stride == 1u ? 2 : 1);
    pose_mve_fill(layout.grid, 0, GRID_BYTES);
    pose_mve_fill(layout.padding, (uint8_t)conv->in_zero_point, BLOCK_CHANNELS);
    pose_mve_fill(layout.zeros, 0, BLOCK_CHANNELS);
    return layout;
}

/* Places of the four words of a window or of a channel's weights. */
static inline void find_words(const int8_t *first, int32_t pitch, uint32_t words[4])
{
    words[0] = (uint32_t)(uintptr_t)first;
    words[1] = words[0] + BLOCK_BYTES;
    words[2] = words[0] + (uint32_t)pitch;
    words[3] = words[2] + BLOCK_BYTES;
}

/* Weights are turned as if they were a picture. */
static void turn_weights(const struct pose_conv *conv, const struct layout *layout, const struct tile *tile)
{
    const struct pixels weights = {.first = conv->weights + tile->first,
                                   .around = layout->zeros,
                                   .height = conv->kernel_h,
                                   .width = conv->kernel_w,
                                   .step = conv->out_c,
                                   .channels = tile->pixels.channels};
    const struct span span = find_span(conv->kernel_w, 0, 2);
    turn_rows(&weights, &span, 0, 2, layout->grid + GRID_PITCH + BLOCK_BYTES, GRID_PITCH);
}

/* Lines of `rows` rows each. */
static struct lines make_lines(const struct pose_conv *conv, const struct layout *layout, int32_t width, int32_t rows)
{
    static const uint8_t columns_of_one[8] = {0, 4, 2, 6, 1, 5, 3, 7}; /* in the order of the sums */
    static const uint8_t columns_of_two[8] = {0, 0, 2, 2, 1, 1, 3, 3};
    const int32_t columns = 8 / rows;
    const int32_t tail = width % columns;
    const int32_t row_bytes = conv->out_w * conv->out_c;
    const int32_t pitch = layout->count * BLOCK_BYTES;
    struct lines lines = {.eights = width / columns,
                          .bias = conv->bias,
                          .multipliers = conv->multipliers,
                          .shifts = conv->shifts,
                          .out_step = columns * conv->out_c,
                          .zero_point = conv->out_zero_point};
    for (int32_t i = 0; i < 8; i++) {
        const int32_t column = rows == 2 ? columns_of_two[i] : columns_of_one[i];
        lines.offsets[i] = (uint16_t)(column * conv->out_c + (rows == 2 ? i % 2 * row_bytes : 0));
        lines.tail |= column < tail ? 3u << (2 * i) : 0u;
    }
    lines.ahead = pitch - (lines.eights + (tail != 0)) * columns / 2 * conv->stride_w * BLOCK_BYTES;
    lines.out_ahead = rows * row_bytes - lines.eights * lines.out_step;
    find_words(layout->blocks - BLOCK_BYTES, pitch, lines.start);
    find_words(layout->grid, GRID_PITCH, lines.grid);
    return lines;
}

static struct strip make_strip(const struct pose_conv *conv, const struct layout *layout, int32_t x)
{
    const int32_t left = conv->out_w - x;
    struct strip strip = {.width = left < layout->width ? left : layout->width};
    strip.blocks = (conv->stride_w == 1 ? (strip.width + 1) / 2 : strip.width) + 1;
    strip.span = find_span(conv->in_w, x * conv->stride_w - conv->pad_left, strip.blocks);
    strip.one = make_lines(conv, layout, strip.width, 1);
    if (conv->stride_w == 1) {
        strip.two = make_lines(conv, layout, strip.width, 2);
    }
    return strip;
}

typedef void (*convolve_fn)(struct lines *);

/* All of a tile's channels, those that follow each other and are shifted the same way together, in the lines of `rows` rows
 * each from the tile's row `row` on; the windows start in its row of blocks `block_row`. */
static void convolve_lines(const struct pose_conv *conv, const struct layout *layout, const struct tile *tile, struct lines lines,
                           int32_t rows, int32_t row, int32_t block_row, const convolve_fn variants[3])
{
    const convolve_fn right = variants[conv->out_zero_point == INT8_MIN ? 0 : 1];
    const int32_t end = tile->first + tile->pixels.channels;
    const int32_t row_bytes = conv->out_w * conv->out_c;
    lines.out = tile->out + row * row_bytes;
    lines.end = lines.out + (tile->height - row) / rows * rows * row_bytes;
    for (int32_t i = 0; i < 4; i++) {
        lines.start[i] += (uint32_t)(block_row * layout->count * BLOCK_BYTES);
    }
    lines.channels = tile->first;
    while (lines.channels < end) {
        const bool left = conv->shifts[lines.channels] > -1;
        lines.channel = lines.channels;
        do {
            lines.channels = conv->right_shifts ? end : lines.channels + 1;
        } while (lines.channels < end && (conv->shifts[lines.channels] > -1) == left);
        (left ? variants[2] : right)(&lines);
    }
}

/* One tile: turned around, then all channels' windows. */
static void convolve_tile(const struct pose_conv *conv, const struct layout *layout, const struct strip *strip, const struct tile *tile)
{
    static const convolve_fn squares[3] = {squares_clamped, squares_short, squares_left};
    static const convolve_fn row[3] = {row_clamped, row_short, row_left};
    static const convolve_fn sparse[3] = {sparse_clamped, sparse_short, sparse_left};
    const uint32_t stride = (uint32_t)conv->stride_w;
    const int32_t block_rows = (int32_t)get_lines((uint32_t)tile->height, stride) + 1;
    turn_rows(&tile->pixels, &strip->span, tile->y * conv->stride_h - conv->pad_top, block_rows, layout->blocks,
              layout->count * BLOCK_BYTES);
    if (stride != 1u) {
        convolve_lines(conv, layout, tile, strip->one, 1, 0, 0, sparse);
        return;
    }
    const int32_t paired = tile->height / 2 * 2;
    if (paired != 0) {
        convolve_lines(conv, layout, tile, strip->two, 2, 0, 0, squares);
    }
    if (paired != tile->height) {
        convolve_lines(conv, layout, tile, strip->one, 1, paired, paired / 2, row);
    }
}

static void convolve_strip(const struct pose_conv *conv, const struct layout *layout, const struct strip *strip, const int8_t *picture,
                           int8_t *out)
{
    struct tile tile = {.pixels = {.around = layout->padding, .height = conv->in_h, .width = conv->in_w, .step = conv->in_c}};
    for (tile.first = 0; tile.first < conv->out_c; tile.first += BLOCK_CHANNELS) {
        tile.pixels.first = picture + tile.first;
        tile.pixels.channels = conv->out_c - tile.first < BLOCK_CHANNELS ? conv->out_c - tile.first : BLOCK_CHANNELS;
        turn_weights(conv, layout, &tile);
        for (tile.y = 0; tile.y < conv->out_h; tile.y += layout->height) {
            tile.height = conv->out_h - tile.y < layout->height ? conv->out_h - tile.y : layout->height;
            tile.out = out + tile.y * conv->out_w * conv->out_c + tile.first;
            convolve_tile(conv, layout, strip, &tile);
        }
    }
}

static void convolve_turned(const struct pose_conv *conv, void *scratch, const int8_t *picture, int8_t *out)
{
    const struct layout layout = make_layout(conv, scratch);
    for (int32_t x = 0; x < conv->out_w; x += layout.width) {
        const struct strip strip = make_strip(conv, &layout, x);
        convolve_strip(conv, &layout, &strip, picture, out + x * conv->out_c);
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
    const bool turned = is_turned(op->params, (uint32_t)conv.out_w, (uint32_t)conv.out_c) && pose_mve_scaling(&conv, -1) != POSE_MVE_ANY;
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
