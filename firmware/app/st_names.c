/* Names that ST's runner shows: of TFLite's builtin operators (schema.fbs, BuiltinOperator) that a pose network may have, and numbered ones. */
#include <string.h>

#include "app/st_state.h"

const char *pose_st_operator_name(uint16_t opcode)
{
    static const struct {
        uint8_t opcode;
        char name[24]; /* the longest is resize_nearest_neighbor */
    } operators[] = {
        {0, "add"},
        {1, "average_pool_2d"},
        {2, "concatenation"},
        {3, "conv_2d"},
        {4, "depthwise_conv_2d"},
        {6, "dequantize"},
        {9, "fully_connected"},
        {14, "logistic"},
        {17, "max_pool_2d"},
        {18, "mul"},
        {19, "relu"},
        {21, "relu6"},
        {22, "reshape"},
        {23, "resize_bilinear"},
        {25, "softmax"},
        {28, "tanh"},
        {34, "pad"},
        {36, "gather"},
        {39, "transpose"},
        {40, "mean"},
        {41, "sub"},
        {42, "div"},
        {43, "squeeze"},
        {45, "strided_slice"},
        {49, "split"},
        {53, "cast"},
        {54, "prelu"},
        {55, "maximum"},
        {56, "arg_max"},
        {57, "minimum"},
        {60, "padv2"},
        {65, "slice"},
        {67, "transpose_conv"},
        {70, "expand_dims"},
        {75, "sqrt"},
        {76, "rsqrt"},
        {83, "pack"},
        {88, "unpack"},
        {90, "floor_div"},
        {97, "resize_nearest_neighbor"},
        {98, "leaky_relu"},
        {99, "squared_difference"},
        {107, "gather_nd"},
        {114, "quantize"},
        {117, "hard_swish"},
        {126, "batch_matmul"},
    };
    for (uint32_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (operators[i].opcode == opcode) {
            return operators[i].name;
        }
    }
    return "operator";
}

void pose_st_name(char *name, const char *text, uint32_t number)
{
    char digits[10];
    uint32_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10u);
        number /= 10u;
    } while (number != 0u);
    uint32_t used = 0;
    while (text[used] != '\0' && used < POSE_ST_NAME_BYTES - sizeof digits - 2u) {
        name[used] = text[used];
        used++;
    }
    name[used++] = '_';
    while (count > 0u) {
        name[used++] = digits[--count];
    }
    name[used] = '\0';
}
