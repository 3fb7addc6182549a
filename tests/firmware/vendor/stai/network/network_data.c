/* Stand-in of a generated network_data.c: the table value - 128. */
#include "network_data.h"

const uint64_t g_network_weights_array[32] = {
    0x8786858483828180u, 0x8f8e8d8c8b8a8988u, 0x9796959493929190u, 0x9f9e9d9c9b9a9998u, 0xa7a6a5a4a3a2a1a0u, 0xafaeadacabaaa9a8u,
    0xb7b6b5b4b3b2b1b0u, 0xbfbebdbcbbbab9b8u, 0xc7c6c5c4c3c2c1c0u, 0xcfcecdcccbcac9c8u, 0xd7d6d5d4d3d2d1d0u, 0xdfdedddcdbdad9d8u,
    0xe7e6e5e4e3e2e1e0u, 0xefeeedecebeae9e8u, 0xf7f6f5f4f3f2f1f0u, 0xfffefdfcfbfaf9f8u, 0x0706050403020100u, 0x0f0e0d0c0b0a0908u,
    0x1716151413121110u, 0x1f1e1d1c1b1a1918u, 0x2726252423222120u, 0x2f2e2d2c2b2a2928u, 0x3736353433323130u, 0x3f3e3d3c3b3a3938u,
    0x4746454443424140u, 0x4f4e4d4c4b4a4948u, 0x5756555453525150u, 0x5f5e5d5c5b5a5958u, 0x6766656463626160u, 0x6f6e6d6c6b6a6968u,
    0x7776757473727170u, 0x7f7e7d7c7b7a7978u,
};
