/* Names that ST's runner shows: of operators, and numbered ones. */
#include "app/st_state.h"
#include "pose/opcodes.h"

const char *pose_st_operator_name(uint16_t opcode)
{
    static const struct {
        uint8_t opcode;
        char name[24]; /* the longest is resize_nearest_neighbor */
    } operators[] = {
#define ROW(name, lower, number) {number, #lower},
        POSE_OPCODES(ROW)
#undef ROW
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
