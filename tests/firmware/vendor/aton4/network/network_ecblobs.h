/* Stand-in of a generated network_ecblobs.h of 4.0: a blob that is copied into RAM and changed there before each inference. */
#include <string.h>

#if !defined(ECBLOB_CONST_SECTION)
#define ECBLOB_CONST_SECTION /* Empty */
#endif
#if !defined(ECBLOB_RUNTIME_SECTION)
#define ECBLOB_RUNTIME_SECTION /* Empty */
#endif

ECBLOB_CONST_SECTION
static const uint64_t _ec_blob_network_1[36000] = {0x0000b686ca057a7aUL, 0x0000005d0000003dUL};

ECBLOB_RUNTIME_SECTION
static uint64_t _ec_blob_network_1_ptr[14120];

bool LL_ATON_EC_Network_Init_network(void)
{
    memset(_ec_blob_network_1_ptr, 0, sizeof _ec_blob_network_1_ptr);
    memcpy(_ec_blob_network_1_ptr, _ec_blob_network_1, sizeof _ec_blob_network_1_ptr);
    return true;
}

/* The output's address goes into the blob: it must have one by now. */
bool LL_ATON_EC_Inference_Init_network(void)
{
    _ec_blob_network_1_ptr[14119] = (uintptr_t)output ^ _ec_blob_network_1[35999];
    return output != NULL;
}
