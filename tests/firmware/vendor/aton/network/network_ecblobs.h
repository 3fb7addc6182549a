/* Stand-in of a generated network_ecblobs.h of 2.1. */
#include <string.h>

#if !defined(ECBLOB_CONST_SECTION)
#define ECBLOB_CONST_SECTION /* Empty */
#endif

ECBLOB_CONST_SECTION
static const uint64_t _ec_blob_1[] = {0x0000b686ca057a7aUL, 0x0000005d0000003dUL};

bool LL_ATON_EC_Network_Init_Default(void)
{
    return true;
}

bool LL_ATON_EC_Inference_Init_Default(void)
{
    return true;
}
