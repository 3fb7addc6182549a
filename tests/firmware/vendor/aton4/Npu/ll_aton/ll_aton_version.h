/* Stand-in of ll_aton_version.h of 4.0. */
#define LL_ATON_VERSION_MAJOR (1)
#define LL_ATON_VERSION_MINOR (1)
#define LL_ATON_VERSION_MICRO (3)
#define LL_ATON_VERSION_DEV (262)
