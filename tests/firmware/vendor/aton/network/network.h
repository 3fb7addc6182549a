/* Stand-in of a generated network.h (Neural-ART). */
#ifndef LL_ATON_NETWORK_H
#define LL_ATON_NETWORK_H

#define LL_ATON_NETWORK_C_MODEL_NAME "Default"

#endif
