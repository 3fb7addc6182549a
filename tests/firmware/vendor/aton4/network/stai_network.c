/* Stand-in of the wrapper that 4.0 writes beside a network for the NPU, without being asked: no network of its own, and nothing that is compiled. */
#include "ll_aton_rt_user_api.h"
#error "The stai API around the NPU's."

stai_return_code stai_network_init(stai_network *network)
{
    return 0;
}
